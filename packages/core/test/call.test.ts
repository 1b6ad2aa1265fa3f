import { describe, expect, it } from 'vitest';

import { callNative, callNativeAsync, definePlugin, FileNotFoundError } from '../src/index.ts';

const report = JSON.stringify({
  code: 'MV013',
  message: 'There is no file a.mv2',
  details: { path: 'a.mv2' },
});

describe('callNative', () => {
  it('gives what the engine gives', () => {
    expect(callNative(() => 7)).toBe(7);
  });

  it('throws the error of the right class', () => {
    expect(() =>
      callNative(() => {
        throw new Error(report);
      }),
    ).toThrow(FileNotFoundError);
  });
});

describe('callNativeAsync', () => {
  it('gives what the engine gives, now or later', async () => {
    expect(await callNativeAsync(() => 7)).toBe(7);
    expect(await callNativeAsync(() => Promise.resolve(8))).toBe(8);
  });

  it('rejects, also when the engine throws at once', async () => {
    const thrown = callNativeAsync(() => {
      throw new Error(report);
    });
    await expect(thrown).rejects.toThrow(FileNotFoundError);
    await expect(callNativeAsync(() => Promise.reject(new Error(report)))).rejects.toMatchObject({
      code: 'MV013',
      details: { path: 'a.mv2' },
    });
  });
});

describe('definePlugin', () => {
  it('changes nothing and calls no factory', () => {
    const plugin = {
      spec: 'plugin/v1',
      name: 'stranger',
      embedders: {
        heavy: () => {
          throw new Error('A factory was called');
        },
      },
    } as const;
    expect(definePlugin(plugin)).toBe(plugin);
  });
});
