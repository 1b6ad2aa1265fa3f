import { afterEach, describe, expect, it } from 'vitest';
import { configure, getConfig, info, registerPlugin, resetConfig, resolveMemory } from '../src/index.ts';
import manifest from '../package.json' with { type: 'json' };

afterEach(resetConfig);

describe('configure', () => {
  it('merges, copies and forgets', () => {
    configure({ dashboardUrl: 'http://localhost', memories: { work: './work.mv2' } });
    configure({ defaultLlmProvider: 'nvidia', memories: { home: './home.mv2' }, dashboardUrl: undefined });
    expect(getConfig()).toEqual({
      dashboardUrl: 'http://localhost',
      defaultLlmProvider: 'nvidia',
      memories: { work: './work.mv2', home: './home.mv2' },
    });
    const copy = getConfig();
    (copy.memories as Record<string, string>)['work'] = 'changed';
    expect(getConfig().memories).toMatchObject({ work: './work.mv2' });
    resetConfig();
    expect(getConfig()).toEqual({});
  });

  it('resolves names of memories and passes others through', () => {
    configure({ memories: { work: './work.mv2' }, defaultMemory: 'work' });
    expect(resolveMemory('work')).toBe('./work.mv2');
    expect(resolveMemory('./other.mv2')).toBe('./other.mv2');
    expect(resolveMemory('toString')).toBe('toString');
    expect(resolveMemory()).toBe('./work.mv2');
  });

  it('refuses a key that is no memvid key with MV008, without repeating it', () => {
    const attempt = (): void => configure({ apiKey: 'sk_not_ours_12345' });
    expect(attempt).toThrow(expect.objectContaining({ code: 'MV008', details: { setting: 'apiKey' } }));
    expect(attempt).not.toThrow(/sk_not_ours/);
    configure({ apiKey: 'mv2_abc' });
    expect(getConfig().apiKey).toBe('mv2_abc');
  });

  it.each([
    [{ memories: { a: 1 } }, 'memories.a'],
    [{ memories: [] }, 'memories'],
    [{ plugins: {} }, 'plugins'],
    [{ plugins: [{ name: 'x' }] }, 'plugins[0]'],
    [{ dashboardUrl: 5 }, 'dashboardUrl'],
  ])('refuses %j and changes nothing', (settings, argument) => {
    expect(() => configure(settings as never)).toThrow(
      expect.objectContaining({ code: 'MV019', details: expect.objectContaining({ argument }) }),
    );
    expect(getConfig()).toEqual({});
  });

  it('shows registered plugins in info(), each once', () => {
    const plugin = {
      spec: 'plugin/v1',
      name: 'acme',
      version: '1.0.0',
      embedders: { 'acme-small': () => ({}) as never },
    } as const;
    registerPlugin(plugin);
    configure({ plugins: [plugin] });
    expect(info().plugins).toEqual([{ name: 'acme', version: '1.0.0', provides: ['embedders:acme-small'] }]);
  });
});

describe('info', () => {
  it('tells versions and never throws', () => {
    const answer = info();
    expect(answer.sdk_version).toBe(manifest.version);
    expect(answer).toMatchObject({ platform: process.platform, arch: process.arch });
    expect(typeof answer.native.native_version).toBe('string');
    expect(typeof answer.native.memvid_core_version).toBe('string');
    expect(Array.isArray(answer.native_exports)).toBe(true);
  });
});
