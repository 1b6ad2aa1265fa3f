import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';

import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import {
  findNative,
  NATIVE_PLATFORMS,
  platformName,
  platformOf,
  thisMachine,
  UnsupportedOperationError,
  type NativeLoaderOptions,
} from '../src/index.ts';

const linux = { platform: 'linux', arch: 'x64', libc: 'gnu' } as const;
const engine = { openMemory() {}, versionInfo() {} };

function notFound(target: string): Error {
  return Object.assign(new Error(`Cannot find module '${target}'\nRequire stack:\n- /somewhere`), {
    code: 'MODULE_NOT_FOUND',
  });
}

function failure(options: NativeLoaderOptions): UnsupportedOperationError {
  try {
    findNative({ machine: linux, ...options });
  } catch (error) {
    expect(error).toBeInstanceOf(UnsupportedOperationError);
    return error as UnsupportedOperationError;
  }
  throw new Error('The engine was found');
}

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'memvid-native-'));
  vi.stubEnv('MEMVID_NATIVE_PATH', '');
});
afterEach(() => {
  rmSync(folder, { recursive: true });
  vi.unstubAllEnvs();
});

describe('findNative', () => {
  const nowhere = () => join(folder, 'none');

  it('takes the package of the platform first', () => {
    const load = vi.fn(() => engine);
    expect(findNative({ machine: linux, load, workspace: nowhere() })).toBe(engine);
    expect(load).toHaveBeenCalledExactlyOnceWith('@memvid/core-linux-x64-gnu');
  });

  it('takes the workspace build when the package is absent', () => {
    mkdirSync(join(folder, 'linux-x64-gnu'));
    const file = join(folder, 'linux-x64-gnu/memvid-core.linux-x64-gnu.node');
    writeFileSync(file, '');
    const load = (target: string) => {
      if (target !== file) throw notFound(target);
      return engine;
    };
    expect(findNative({ machine: linux, load, workspace: folder })).toBe(engine);
  });

  it('takes MEMVID_NATIVE_PATH alone when it is set', () => {
    vi.stubEnv('MEMVID_NATIVE_PATH', 'some/engine.node');
    const load = vi.fn((target: string) => {
      throw notFound(target);
    });
    const error = failure({ load });
    expect(load).toHaveBeenCalledExactlyOnceWith(resolve('some/engine.node'));
    expect(error.message).toContain(resolve('some/engine.node'));
    expect(error.suggestion).toContain('MEMVID_NATIVE_PATH');
  });

  it('names the platform, what it tried and the command when the package is absent', () => {
    const error = failure({
      workspace: nowhere(),
      load: (target) => {
        throw notFound(target);
      },
    });
    expect(error.code).toBe('MV018');
    expect(error.message).toContain('linux-x64-gnu');
    expect(error.message).toContain(
      "@memvid/core-linux-x64-gnu: Cannot find module '@memvid/core-linux-x64-gnu'",
    );
    expect(error.message).not.toContain('Require stack');
    expect(error.suggestion).toMatch(
      /^Run: npm install --include=optional @memvid\/core-linux-x64-gnu\. In a bundle, .*MEMVID_NATIVE_PATH/,
    );
    expect(error.details).toMatchObject({ platform: 'linux-x64-gnu', package: '@memvid/core-linux-x64-gnu' });
  });

  it('names the build command in a source checkout', () => {
    const error = failure({
      workspace: folder,
      load: (target) => {
        throw notFound(target);
      },
    });
    expect(error.suggestion).toBe('Run: pnpm --filter @memvid/core build:native');
  });

  it('repeats why the system refused the binary', () => {
    const reason = "/lib/libc.so.6: version `GLIBC_2.38' not found";
    const error = failure({
      workspace: nowhere(),
      load: () => {
        throw Object.assign(new Error(reason), { code: 'ERR_DLOPEN_FAILED' });
      },
    });
    expect(error.message).toContain(reason);
    expect(error.cause).toMatchObject({ message: reason });
    expect(error.suggestion).toContain('npm install --force @memvid/core-linux-x64-gnu');
  });

  it('refuses a module that is not the engine', () => {
    const error = failure({ path: 'other.node', load: () => ({}) });
    expect(error.message).toContain('does not export openMemory');
  });

  it('lists the platforms there are when this one has none', () => {
    const load = vi.fn(() => engine);
    const error = failure({
      machine: { platform: 'sunos', arch: 'x64', libc: 'gnu' },
      load,
      workspace: nowhere(),
    });
    expect(load).not.toHaveBeenCalled();
    expect(error.message).toContain('sunos-x64');
    for (const platform of NATIVE_PLATFORMS) expect(error.message).toContain(platform);
    expect(error.suggestion).toContain('build:native');
  });

  it('loads nothing that is no addon, with the real loader', () => {
    const file = join(folder, 'text.node');
    writeFileSync(file, 'this is text');
    const error = failure({ path: file });
    expect(error.message).toContain(file);
    expect(error.message).toMatch(/invalid ELF header|file too short|dlopen|not a valid Win32/i);
  });
});

describe('platforms', () => {
  it.each([
    [{ platform: 'linux', arch: 'arm64', libc: 'musl' }, 'linux-arm64-musl'],
    [{ platform: 'darwin', arch: 'arm64', libc: 'gnu' }, 'darwin-arm64'],
    [{ platform: 'win32', arch: 'x64', libc: 'gnu' }, 'win32-x64-msvc'],
  ] as const)('%o is %s', (machine, name) => {
    expect(platformName(machine)).toBe(name);
    expect(platformOf(machine)).toBe(name);
  });

  it('this machine is told without starting a process', () => {
    expect(thisMachine()).toMatchObject({ platform: process.platform, arch: process.arch });
  });

  it('are the optional dependencies of the package', async () => {
    const { default: manifest } = await import('../package.json', { with: { type: 'json' } });
    const names = NATIVE_PLATFORMS.map((platform) => `@memvid/core-${platform}`);
    expect(Object.keys(manifest.optionalDependencies)).toEqual(names);
  });
});
