import { readFileSync } from 'node:fs';

/** Platforms with a published binary, as the name of the package and of the file say them. */
export const NATIVE_PLATFORMS = [
  'darwin-arm64',
  'darwin-x64',
  'linux-arm64-gnu',
  'linux-arm64-musl',
  'linux-x64-gnu',
  'linux-x64-musl',
  'win32-x64-msvc',
] as const;

/** A platform with a published binary. */
export type NativePlatform = (typeof NATIVE_PLATFORMS)[number];

/** The parts of a machine that decide which binary fits. */
export interface Machine {
  platform: string;
  arch: string;
  /** Which C library a Linux machine has. */
  libc: 'gnu' | 'musl';
}

/** This machine. */
export function thisMachine(): Machine {
  const { platform, arch } = process;
  return { platform, arch, libc: platform === 'linux' && usesMusl() ? 'musl' : 'gnu' };
}

/** The published platform for `machine`, or `undefined` when no binary is made for it. */
export function platformOf(machine: Machine): NativePlatform | undefined {
  const name = platformName(machine);
  return NATIVE_PLATFORMS.find((known) => known === name);
}

/** Name of a machine's platform in package names, whether or not a binary is published for it. */
export function platformName({ platform, arch, libc }: Machine): string {
  if (platform === 'linux') return `linux-${arch}-${libc}`;
  return platform === 'win32' ? `win32-${arch}-msvc` : `${platform}-${arch}`;
}

// Starting `ldd --version` would cost milliseconds and may be forbidden; the text of the script says the same.
function usesMusl(): boolean {
  try {
    const script = readFileSync('/usr/bin/ldd', 'latin1');
    if (script.includes('musl')) return true;
    if (script.includes('GNU C Library') || script.includes('GLIBC')) return false;
  } catch {
    // No such script: ask Node, which takes longer.
  }
  const report: typeof process.report & { excludeNetwork?: boolean } = process.report;
  const before = report.excludeNetwork ?? false;
  report.excludeNetwork = true; // Listing network interfaces can take seconds.
  try {
    const { header } = report.getReport() as { header?: { glibcVersionRuntime?: string } };
    return header?.glibcVersionRuntime === undefined;
  } finally {
    report.excludeNetwork = before;
  }
}
