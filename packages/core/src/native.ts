import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

import type { NativeBinding } from './binding.js';
import { UnsupportedOperationError } from './errors.js';
import { NATIVE_PLATFORMS, platformName, platformOf, thisMachine, type Machine } from './platform.js';

/** Where the loader looks; replaceable so that its errors can be tested. */
export interface NativeLoaderOptions {
  /** Default: this machine. */
  machine?: Machine | undefined;
  /** Path of the addon, used alone when given. Default: the environment variable `MEMVID_NATIVE_PATH`. */
  path?: string | undefined;
  /** Default: Node's own `require`, from this package. */
  load?: ((target: string) => unknown) | undefined;
  /** Folder of this package's `npm/<platform>` builds in a source checkout. Default: beside this module. */
  workspace?: string | undefined;
}

/** One place that was tried, and why it did not work. */
interface Attempt {
  target: string;
  cause: Error;
}

let loaded: NativeBinding | undefined;

/**
 * The native engine, loaded on the first call and kept. Fails with MV018 that names the platform, every place that
 * was tried with the system's own reason, and one command to run.
 */
export function loadNative(): NativeBinding {
  loaded ??= findNative();
  return loaded;
}

/** Looks for the native engine anew: `MEMVID_NATIVE_PATH`, the platform's package, the workspace build. */
export function findNative(options: NativeLoaderOptions = {}): NativeBinding {
  const machine = options.machine ?? thisMachine();
  const load = options.load ?? defaultRequire();
  const builds = options.workspace ?? workspaceBuilds();
  const explicit = options.path ?? process.env.MEMVID_NATIVE_PATH;
  const attempts: Attempt[] = [];
  for (const target of explicit ? [resolve(explicit)] : targets(machine, builds)) {
    try {
      return asBinding(load(target), target);
    } catch (error) {
      attempts.push({ target, cause: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  throw notLoaded(machine, attempts, nextStep(machine, attempts, explicit, builds));
}

function targets(machine: Machine, builds: string): string[] {
  const platform = platformOf(machine);
  if (platform === undefined) return [];
  const build = join(builds, platform, `memvid-core.${platform}.node`);
  return existsSync(build) ? [packageName(platform), build] : [packageName(platform)];
}

function packageName(platform: string): string {
  return `@memvid/core-${platform}`;
}

/** In a source checkout this module is in `packages/core/{src,dist}`; an installed package has no such folder. */
function workspaceBuilds(): string {
  return join(dirname(ownPath()), '..', 'npm');
}

function defaultRequire(): (target: string) => unknown {
  return createRequire(ownPath());
}

/** A bundler that writes CommonJS leaves no module address; the application's folder is the next best place. */
function ownPath(): string {
  const url: string | undefined = import.meta.url;
  return url?.startsWith('file:') ? fileURLToPath(url) : join(process.cwd(), 'index.js');
}

function asBinding(value: unknown, target: string): NativeBinding {
  if (typeof value === 'object' && value !== null && 'openMemory' in value && 'versionInfo' in value) {
    return value as NativeBinding;
  }
  throw new Error(`${target} is not the engine of @memvid/core: it does not export openMemory`);
}

function notLoaded(machine: Machine, attempts: Attempt[], suggestion: string): UnsupportedOperationError {
  const platform = platformName(machine);
  const published = platformOf(machine) !== undefined;
  const tried = attempts.map(({ target, cause }) => ({ target, reason: firstLine(cause) }));
  const message =
    published || tried.length > 0
      ? [
          `The native engine could not be loaded on ${platform}. Tried:`,
          ...tried.map(({ target, reason }) => `  - ${target}: ${reason}`),
        ].join('\n')
      : `There is no native engine for ${platform} (there is one for ${NATIVE_PLATFORMS.join(', ')})`;
  const details = { operation: 'load the native engine', reason: 'native_engine', platform, tried };
  return new UnsupportedOperationError(message, {
    details: published ? { ...details, package: packageName(platform) } : details,
    suggestion,
    cause: attempts.find(({ cause }) => !isNotFound(cause))?.cause ?? attempts[0]?.cause,
  });
}

function nextStep(
  machine: Machine,
  attempts: Attempt[],
  explicit: string | undefined,
  builds: string,
): string {
  if (explicit) return 'Correct MEMVID_NATIVE_PATH, or run: unset MEMVID_NATIVE_PATH';
  const build = 'pnpm --filter @memvid/core build:native';
  if (existsSync(builds)) return `Run: ${build}`;
  const platform = platformOf(machine);
  if (platform === undefined) {
    return `Build it in a source checkout and set MEMVID_NATIVE_PATH to the file. Run there: ${build}`;
  }
  return attempts.every(({ cause }) => isNotFound(cause))
    ? `Run: npm install --include=optional ${packageName(platform)}. In a bundle, leave @memvid/core external, or ship the .node file of that package and set MEMVID_NATIVE_PATH to it.`
    : `The binary is there, but the system refuses it for the reason above. Run: npm install --force ${packageName(platform)}`;
}

function isNotFound(error: Error): boolean {
  return 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

/** Node adds the whole require stack to its message. */
function firstLine(error: Error): string {
  return error.message.split('\n', 1)[0] ?? error.message;
}
