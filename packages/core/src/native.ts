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
  const explicit = options.path ?? process.env['MEMVID_NATIVE_PATH'];
  const attempts: Attempt[] = [];
  for (const target of explicit ? [resolve(explicit)] : targets(machine, options.workspace)) {
    try {
      return asBinding(load(target), target);
    } catch (error) {
      attempts.push({ target, cause: error instanceof Error ? error : new Error(String(error)) });
    }
  }
  throw notLoaded(machine, attempts, explicit !== undefined && explicit !== '');
}

function targets(machine: Machine, workspace = workspaceBuilds()): string[] {
  const platform = platformOf(machine);
  if (platform === undefined) return [];
  const list = [packageName(platform)];
  const file = workspace && join(workspace, platform, `memvid-core.${platform}.node`);
  if (file && existsSync(file)) list.push(file);
  return list;
}

function packageName(platform: string): string {
  return `@memvid/core-${platform}`;
}

/** In a source checkout this module is `packages/core/{src,dist}/native.js`. */
function workspaceBuilds(): string | undefined {
  const url: string | undefined = import.meta.url;
  return url?.startsWith('file:') ? join(dirname(fileURLToPath(url)), '..', 'npm') : undefined;
}

function defaultRequire(): (target: string) => unknown {
  // A bundler that writes CommonJS leaves no module address; the application's folder is the next best place.
  const url: string | undefined = import.meta.url;
  return createRequire(url ?? join(process.cwd(), 'index.js'));
}

function asBinding(value: unknown, target: string): NativeBinding {
  if (typeof value === 'object' && value !== null && 'openMemory' in value && 'versionInfo' in value) {
    return value as NativeBinding;
  }
  throw new Error(`${target} is not the engine of @memvid/core: it does not export openMemory`);
}

function notLoaded(machine: Machine, attempts: Attempt[], explicit: boolean): UnsupportedOperationError {
  const platform = platformName(machine);
  const tried = attempts.map(({ target, cause }) => `  - ${target}: ${firstLine(cause)}`);
  const known = platformOf(machine) !== undefined;
  const message = known
    ? [`The native engine could not be loaded on ${platform}. Tried:`, ...tried].join('\n')
    : `There is no native engine for ${platform} (there is one for ${NATIVE_PLATFORMS.join(', ')})`;
  return new UnsupportedOperationError(message, {
    details: {
      operation: 'load the native engine',
      reason: 'native_engine',
      platform,
      ...(known && { package: packageName(platform) }),
      tried: attempts.map(({ target, cause }) => ({ target, reason: firstLine(cause) })),
    },
    suggestion: nextStep(platform, known, attempts, explicit),
    cause: attempts.find(({ cause }) => !isNotFound(cause))?.cause ?? attempts[0]?.cause,
  });
}

function nextStep(platform: string, known: boolean, attempts: Attempt[], explicit: boolean): string {
  if (explicit) return 'Point MEMVID_NATIVE_PATH at the addon of this platform, or unset it: unset MEMVID_NATIVE_PATH';
  if (!known) {
    return 'Build it in a source checkout (pnpm --filter @memvid/core build:native), and set MEMVID_NATIVE_PATH to the file.';
  }
  if (attempts.every(({ cause }) => isNotFound(cause))) {
    return `Run: npm install --include=optional ${packageName(platform)}`;
  }
  return `The binary is there but the system refuses it (see the reason above). Run: npm install --force ${packageName(platform)}`;
}

function isNotFound(error: Error): boolean {
  return 'code' in error && error.code === 'MODULE_NOT_FOUND';
}

/** Node adds the whole require stack to its message. */
function firstLine(error: Error): string {
  return error.message.split('\n', 1)[0] ?? error.message;
}
