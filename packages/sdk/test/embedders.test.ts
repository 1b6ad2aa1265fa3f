import { EmbeddingFailedError, type FactoryOptions, type Plugin } from '@memvid/core';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { configure, resetConfig } from '../src/configure.ts';
import { Embedders } from '../src/embedding/embedders.ts';
import { find } from '../src/find.ts';
import type { Handle } from '../src/handle.ts';
import { create, type MemvidError, open, use } from '../src/index.ts';
import { put } from '../src/put.ts';
import { putMany } from '../src/put-many.ts';
import { digest, freshPath } from './support/memory.ts';
import { A, B, letters } from './support/noting-embedder.ts';
import { vectorMemory } from './support/vector-memory.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  resetConfig();
});

describe('embedders by name', () => {
  /** A plugin that notes the options its factories are called with. */
  function plugin(...names: string[]): Plugin & { made: [string, FactoryOptions | undefined][] } {
    const made: [string, FactoryOptions | undefined][] = [];
    const embedders = Object.fromEntries(
      names.map((name) => [
        name,
        (options?: FactoryOptions) => {
          made.push([name, options]);
          return letters({ model: typeof options?.['model'] === 'string' ? options['model'] : name });
        },
      ]),
    );
    return { spec: 'plugin/v1', name: `plugin of ${names.join(' ')}`, embedders, made };
  }
  const embedders = (plugins: Plugin[], apiKeys = new Map<string, string>()): Embedders =>
    new Embedders({ plugins, apiKeys });

  it('are made on first use, once a name, in any case', async () => {
    const acme = plugin('acme-small', 'acme-large');
    const own = embedders([acme]);
    expect(own.names).toEqual(['acme-small', 'acme-large']);
    expect(acme.made).toEqual([]);
    const [first, second] = await Promise.all([own.named('acme-small'), own.named('ACME-Small')]);
    expect(first).toBe(second);
    expect(acme.made).toEqual([['acme-small', {}]]);
  });

  it('what could not be made is tried again', async () => {
    let calls = 0;
    const own = embedders([
      {
        spec: 'plugin/v1',
        name: 'p',
        embedders: {
          late: async () => {
            calls += 1;
            if (calls === 1) throw new RangeError('no model yet');
            return letters();
          },
        },
      },
    ]);
    await expect(own.named('late')).rejects.toMatchObject({
      code: 'MV015',
      message: expect.stringContaining('no model yet'),
      cause: expect.any(RangeError),
    });
    expect((await own.named('late')).model).toBe('letters');
  });

  it.each([
    ['the short name of a registered long one', ['text-embedding-3-small'], 'openai-small', {}],
    ['the long name of a registered short one', ['openai-small'], 'text-embedding-3-small', {}],
    [
      'a short name of a provider that makes any',
      ['openai'],
      'openai-small',
      { model: 'text-embedding-3-small' },
    ],
    ['a long name of a provider that makes any', ['cohere'], 'embed-v4.0', { model: 'embed-v4.0' }],
    ['provider:model', ['voyage'], 'voyage:voyage-4', { model: 'voyage-4' }],
    [
      'provider:model of a plugin that nobody here knows',
      ['acme'],
      'Acme:acme-Large',
      { model: 'acme-Large' },
    ],
    ['a provider stands for its usual model', ['openai'], 'openai', { model: 'text-embedding-3-large' }],
    ['a local model', ['bge-small'], 'BAAI/bge-small-en-v1.5', {}],
    ['a name with a slash', ['nvidia'], 'nvidia/nv-embedqa-e5-v5', { model: 'nvidia/nv-embedqa-e5-v5' }],
  ])('%s', async (_, registered, name, options) => {
    const own = plugin(...registered);
    await embedders([own]).named(name);
    expect(own.made).toEqual([[registered[0], options]]);
  });

  it('plugins passed in come before those of the process, and those are seen whenever they come', async () => {
    const [passed, configured] = [plugin('acme'), plugin('acme', 'other')];
    const own = embedders([passed]);
    configure({ plugins: [configured] });
    await own.named('acme');
    await own.named('other');
    expect(passed.made).toHaveLength(1);
    expect(configured.made).toEqual([['other', {}]]);
  });

  it('keys given to use() reach the factory of their provider', async () => {
    const own = plugin('openai-small', 'cohere');
    await embedders([own], new Map([['openai', 'key-1']])).named('openai-small');
    await embedders([own], new Map([['openai', 'key-1']])).named('cohere');
    expect(own.made.map(([, options]) => options?.['apiKey'])).toEqual(['key-1', undefined]);
  });

  it.each([
    ['openai', undefined, 'openai-small'],
    ['cohere', 'cohere', 'cohere'],
    ['acme', 'acme:acme-large', 'acme'],
    ['acme-small', 'acme-small', 'acme-small'],
  ])('a key without a name is that of %s (embedder: %s), and of nobody else', async (_, embedder, its) => {
    const own = plugin('openai-small', 'cohere', 'acme', 'acme-small', 'nvidia');
    const path = freshPath();
    // The file names a provider too; it must not get the key.
    const written = await create(path);
    await written.put({
      text: 'A',
      embedding: A,
      embeddingIdentity: { provider: 'nvidia', model: 'letters' },
    });
    await written.close();
    const memory = await use('basic', path, 'some-key-0123', { plugins: [own], embedder });
    await memory.find('A', { mode: 'sem' });
    for (const name of ['openai-small', 'cohere', 'acme', 'acme-small']) {
      await memory.find('A', { mode: 'sem', queryEmbeddingModel: name });
    }
    await memory.close();
    const keys = new Map(own.made.map(([name, options]) => [name, options?.['apiKey']]));
    expect(keys.size).toBe(5);
    expect([...keys].filter(([, key]) => key !== undefined)).toEqual([[its, 'some-key-0123']]);
  });

  it('a name that only begins like one of Cohere is nobody’s', async () => {
    await expect(embedders([]).named('embed-acme-v1')).rejects.toMatchObject({
      details: { reason: 'unknown_model' },
    });
  });

  it('an unknown name: MV015 that lists what there is', async () => {
    await expect(embedders([plugin('acme-small')]).named('acme-tiny')).rejects.toMatchObject({
      code: 'MV015',
      message: expect.stringContaining(
        '"acme-tiny": no plugin has an embedder of that name (registered: acme-small)',
      ),
      suggestion: expect.stringContaining('plugins: [plugin]'),
    });
  });

  it.each(['gemini:text-embedding-004', 'mistral-embed', 'ollama:nomic-embed-text'])(
    '%s: MV015 that advises no package, since this version has none',
    async (name) => {
      const error: unknown = await embedders([])
        .named(name)
        .catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({
        code: 'MV015',
        message: expect.stringContaining('for which this version has no package'),
        details: { reason: 'not_in_version' },
        suggestion: expect.stringContaining('Pass an embedder of your own'),
      });
      const provider = name === 'mistral-embed' ? 'mistral' : (name.split(':')[0] ?? '');
      // Somebody else's does.
      const own = plugin(provider);
      await embedders([own]).named(name);
      expect(own.made).toHaveLength(1);
    },
  );

  it('a known model whose plugin was not passed: MV015 with the two lines to write', async () => {
    vi.stubEnv('OPENAI_API_KEY', '');
    const error: unknown = await embedders([])
      .named('openai-small')
      .catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({
      code: 'MV015',
      message:
        'The embedding model "openai-small" needs the package @memvid/embed-openai, which was not passed in (registered: none), and a key: OPENAI_API_KEY is not set',
      details: { package: '@memvid/embed-openai', variable: 'OPENAI_API_KEY', reason: 'plugin_missing' },
      suggestion:
        "Install it: npm install @memvid/embed-openai. Then pass it: import { openaiPlugin } from '@memvid/embed-openai', and open(path, { plugins: [openaiPlugin()], embedder: 'openai-small' }). Set the environment variable OPENAI_API_KEY.",
    });
    await expect(embedders([], new Map([['openai', 'k']])).named('openai-small')).rejects.toMatchObject({
      message: expect.not.stringContaining('OPENAI_API_KEY'),
    });
  });

  it('what is advised empties no memory that is there', async () => {
    vi.stubEnv('OPENAI_API_KEY', 'key');
    const path = freshPath();
    const made = await create(path);
    await made.put({
      text: 'A',
      embedding: A,
      embeddingIdentity: { provider: 'local', model: 'BAAI/bge-small-en-v1.5' },
    });
    const advice = async (call: Promise<unknown>): Promise<string | null> =>
      call.then(
        () => null,
        (error: MemvidError) => error.suggestion,
      );
    const local = "and open(path, { plugins: [localPlugin()], embedder: 'local:BAAI/bge-small-en-v1.5' }).";
    expect(await advice(made.find('A', { mode: 'sem' }))).toContain(local);
    expect(await advice(made.find('A', { mode: 'sem', queryEmbeddingModel: 'tiny' }))).toContain(
      "`open(path, { plugins: [plugin], embedder: 'tiny' })`",
    );
    await made.close();
    for (const call of [
      open(path, { embedder: 'openai-small' }),
      use('basic', path, { embedder: 'openai-small' }),
    ]) {
      expect(await advice(call)).toContain('and open(path, {');
    }
    // Whoever calls `create` wants it.
    expect(await advice(create(freshPath(), { embedder: 'openai-small' }))).toContain('and create(path, {');
  });

  it('are taken by create, before the file is touched', async () => {
    const path = freshPath();
    await expect(
      create(path, { embedder: 'acme-tiny', plugins: [plugin('acme-small')] }),
    ).rejects.toMatchObject({
      code: 'MV015',
    });
    await expect(create(path, { embedder: {} as never })).rejects.toMatchObject({ code: 'MV019' });
    await expect(create(path, { embedder: letters({ maxBatch: 0 }) })).rejects.toMatchObject({
      code: 'MV019',
    });
    await expect(
      create(path, { embedder: { ...letters(), spec: 'embedder/v2' } as never }),
    ).rejects.toMatchObject({ code: 'MV019', message: expect.stringContaining('embedder/v1') });
    await expect(create(path, { embedder: letters(), enableVec: false })).rejects.toMatchObject({
      code: 'MV019',
    });
    await expect(create(path, { plugins: [{}] as never })).rejects.toMatchObject({ code: 'MV019' });
    await expect(create(path, 'basic', { embedder: 'acme-tiny' })).rejects.toMatchObject({ code: 'MV015' });
    expect(existsSync(path)).toBe(false);

    // A file that is there is not emptied for an embedder that cannot be made.
    const acme = plugin('acme-small');
    const memory = await create(path, { embedder: 'acme-small', plugins: [acme] });
    expect(acme.made).toHaveLength(1);
    await memory.put({ text: 'A' });
    expect(acme.made).toHaveLength(1);
    await memory.close();
    const before = digest(path);
    const broken: Plugin = {
      ...acme,
      embedders: {
        'acme-small': () => {
          throw new Error('no model in the folder');
        },
      },
    };
    await expect(create(path, { embedder: 'acme-small', plugins: [broken] })).rejects.toMatchObject({
      code: 'MV015',
      message: expect.stringContaining('no model in the folder'),
      suggestion: expect.stringContaining('what the embedder itself threw'),
    });
    expect(digest(path)).toBe(before);
  });

  it("a mistyped name is nobody's, and reaches no service", async () => {
    const services = plugin('openai', 'openai-small', 'voyage', 'cohere');
    const path = freshPath();
    for (const [name, meant] of [
      ['openai-smal', 'openai-small'],
      ['text-embedding-3-smal', 'text-embedding-3-small'],
      ['bge-smol', 'bge-small'],
    ] as const) {
      await expect(create(path, { embedder: name, plugins: [services] })).rejects.toMatchObject({
        code: 'MV015',
        message: expect.stringContaining(`Did you mean "${meant}"?`),
        suggestion: `Write \`${meant}\`.`,
        details: { reason: 'unknown_model', model: name },
      });
    }
    // Whoever runs models on this machine names each of them.
    await expect(
      create(path, { embedder: 'bge-large', plugins: [plugin('local', 'bge-small')] }),
    ).rejects.toMatchObject({ code: 'MV015', details: { reason: 'unknown_model' } });
    expect([existsSync(path), services.made]).toEqual([false, []]);
    // A new model of a service, and one that is asked for outright, are for the service to know.
    const own = embedders([services]);
    for (const name of [
      'voyage-4',
      'embed-english-v4.0',
      'text-embedding-3-huge',
      'openai:text-embedding-3-smal',
    ]) {
      expect((await own.named(name)).model).toBe(name.replace('openai:', ''));
    }
  });

  it('many registered names are told in short', async () => {
    const names = Array.from({ length: 12 }, (_, n) => [`model-${n}`, `maker/model-${n}`]).flat();
    await expect(embedders([plugin(...names)]).named('no-such')).rejects.toThrow(
      /\(registered: model-0, model-1, .*, model-7 and 16 more\)/,
    );
  });

  it('name embedders of single calls', async () => {
    const acme = plugin('acme-small');
    const { handle, stored, found } = vectorMemory({ plugins: [acme] });
    await put(handle, { text: 'A', embedder: 'acme-small' });
    await put(handle, { text: 'B', enableEmbedding: true, embeddingModel: 'acme-small' });
    await find(handle, 'A', { mode: 'sem', embedder: 'acme-small' });
    await find(handle, 'A', { mode: 'sem', queryEmbeddingModel: 'acme-small' });
    expect(stored.map(({ vector }) => vector)).toEqual([A, B]);
    expect(found.map(({ vector }) => vector)).toEqual([A, A]);
    expect(acme.made).toHaveLength(1);
  });

  it('enableEmbedding: by embeddingModel, the memory, the process, else bge-small', async () => {
    const all = plugin('acme-1', 'acme-2', 'acme-3', 'bge-small');
    // Each in a memory of its own: one takes no vectors of another model by itself.
    const opened = (): Handle => vectorMemory({ plugins: [all], embedder: 'acme-2' }).handle;
    const plain = (): Handle => vectorMemory({ plugins: [all] }).handle;
    await put(opened(), { text: 'A', enableEmbedding: true, embeddingModel: 'acme-1' });
    await put(opened(), { text: 'A', enableEmbedding: true });
    configure({ defaultEmbeddingProvider: 'acme-3' });
    await put(plain(), { text: 'A', enableEmbedding: true });
    resetConfig();
    await put(plain(), { text: 'A', enableEmbedding: true });
    expect(all.made.map(([name]) => name)).toEqual(['acme-1', 'acme-2', 'acme-3', 'bge-small']);
  });

  it('the compat entry looks for installed packages, once a name asks for it; the main entry never', async () => {
    const discover = vi.fn(async () => [plugin('acme-small')]);
    const own = new Embedders({ plugins: [], apiKeys: new Map(), discover });
    expect((await own.named('acme-small')).model).toBe('acme-small');
    await expect(own.named('no-such')).rejects.toMatchObject({ code: 'MV015' });
    expect(discover).toHaveBeenCalledTimes(1);
  });
});

describe('providers of the reference', () => {
  it('are taken as they are: called once with all texts, identity from their names', async () => {
    const { handle, stored, found } = vectorMemory();
    const calls: string[][] = [];
    const embedder = {
      dimension: 2,
      modelName: 'mine',
      async embedDocuments(texts: string[]) {
        calls.push(texts);
        return texts.map(() => [3, 4]);
      },
      embedQuery: async () => [0, 5],
    };
    await putMany(
      handle,
      Array.from({ length: 300 }, (_, n) => ({ title: `${n}`, text: `${n}` })),
      { embedder },
    );
    expect(calls.map(({ length }) => length)).toEqual([300]);
    expect(stored[299]).toMatchObject({
      vector: Float32Array.of(0.6, 0.8),
      vectorIdentity: { provider: 'custom', model: 'mine', dimension: 2, normalized: true },
    });
    await find(handle, 'q', { mode: 'sem', embedder });
    expect(found[0]?.vector).toEqual(Float32Array.of(0, 1));
    const short = { ...embedder, embedDocuments: async () => [[1, 2]] };
    await expect(
      putMany(
        handle,
        [1, 2].map((n) => ({ title: `${n}`, text: `${n}` })),
        { embedder: short },
      ),
    ).rejects.toMatchObject({ code: 'MV015', details: { reason: 'wrong_count' } });
  });

  it('an error of a pipeline further in is not tried again', async () => {
    let calls = 0;
    const inner = new EmbeddingFailedError('no', { details: { status: 503, retryable: true, attempts: 4 } });
    const { handle } = vectorMemory();
    const embedder = {
      dimension: 0,
      modelName: 'm',
      async embedDocuments(): Promise<never> {
        calls += 1;
        throw inner;
      },
      embedQuery: async () => [],
    };
    await expect(put(handle, { text: 'x', embedder })).rejects.toMatchObject({ details: { attempts: 4 } });
    expect(calls).toBe(1);
  });
});
