// Builds a native addon with Cargo and puts it into the package of a platform.
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdirSync, readFileSync, renameSync, statSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';

import { root } from './workspace.mjs';

/**
 * Takes `[--profile NAME] [--target RUST_TRIPLE --platform NAME]` of the command line.
 *
 * @param {{ name: string, crate: string, packages: string, file: string }} addon What it is called in messages, its crate,
 *   the folder of its packages, one for each platform, and its file there, without the platform.
 */
export function buildNative(addon) {
  const { values } = parseArgs({
    options: { profile: { type: 'string' }, target: { type: 'string' }, platform: { type: 'string' } },
  });
  const profile = values.profile ?? process.env.MEMVID_NATIVE_PROFILE ?? 'release';
  const platform = values.platform ?? thisPlatform();

  const cargo = ['build', '-p', addon.crate, '--profile', profile];
  if (process.env.CI) cargo.push('--locked'); // A clean clone builds what was committed, or fails.
  if (values.target) cargo.push('--target', values.target);
  const built = spawnSync('cargo', cargo, { cwd: root, stdio: 'inherit' });
  if (built.error) {
    const missing = 'code' in built.error && built.error.code === 'ENOENT';
    fail(
      missing ? 'Rust is missing: install it from https://rustup.rs, then try again.' : built.error.message,
    );
  }
  if (built.status !== 0) fail(`cargo ${cargo.join(' ')} failed with status ${built.status}`);

  const source = join(
    process.env.CARGO_TARGET_DIR ? resolve(root, process.env.CARGO_TARGET_DIR) : join(root, 'target'),
    values.target ?? '',
    profile === 'dev' ? 'debug' : profile,
    libraryName(addon.crate.replaceAll('-', '_'), platform),
  );
  const folder = join(root, addon.packages, platform);
  const output = join(folder, `${addon.file}.${platform}.node`);
  if (existsSync(output) && readFileSync(source).equals(readFileSync(output))) {
    console.log(`${addon.name} is up to date (${megabytes(output)} MB)`);
  } else {
    mkdirSync(folder, { recursive: true });
    // A process that has the old file loaded keeps it: never write into a mapped library.
    copyFileSync(source, `${output}.new`);
    renameSync(`${output}.new`, output);
    console.log(`${addon.name} is built (${megabytes(output)} MB)`);
  }
}

/** @param {string} file */
function megabytes(file) {
  return (statSync(file).size / 1e6).toFixed(1);
}

/**
 * @param {string} library
 * @param {string} platform
 */
function libraryName(library, platform) {
  if (platform.startsWith('win32')) return `${library}.dll`;
  return `lib${library}.${platform.startsWith('darwin') ? 'dylib' : 'so'}`;
}

function thisPlatform() {
  const { platform: system, arch } = process;
  if (system === 'win32') return `win32-${arch}-msvc`;
  if (system !== 'linux') return `${system}-${arch}`;
  let libc = 'gnu';
  try {
    if (readFileSync('/usr/bin/ldd', 'latin1').includes('musl')) libc = 'musl';
  } catch {
    // No ldd: a glibc system without the development files.
  }
  return `linux-${arch}-${libc}`;
}

/** @param {string} message */
function fail(message) {
  console.error(message);
  process.exit(1);
}
