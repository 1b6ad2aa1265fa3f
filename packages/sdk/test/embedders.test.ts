import { type Embedder, EmbeddingFailedError, type FactoryOptions, type Plugin } from '@memvid/core';
import { existsSync } from 'node:fs';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { ask } from '../src/ask.ts';
import { configure, resetConfig } from '../src/configure.ts';
import { correct } from '../src/correct.ts';
import { Embedders } from '../src/embedding/embedders.ts';
import { find } from '../src/find.ts';
import type { Handle } from '../src/handle.ts';
import { create, MemvidError, open, use } from '../src/index.ts';
import { put } from '../src/put.ts';
import { putMany } from '../src/put-many.ts';
import type { PutManyReport } from '../src/put-stream.ts';
import { update } from '../src/update.ts';
import { vecSearch } from '../src/vec-search.ts';
import { digest, freshPath } from './support/memory.ts';
import { vectorMemory } from './support/vector-memory.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  resetConfig();
});

/** `A…` is [1, 0, …], everything else [0, 1, …]; its calls are noted. */
function letters(
  changes: Partial<Embedder> & { size?: number } = {},
): Embedder & { calls: { texts: string[]; kind: string }[] } {
  const { size = 8, ...own } = changes;
  const calls: { texts: string[]; kind: string }[] = [];
  return {
    spec: 'embedder/v1',
    provider: 'acme',
    model: 'letters',
    dimensions: size,
    maxBatch: 16,
    async embed(texts, { kind }) {
      calls.push({ texts: [...texts], kind });
      return {
        vectors: texts.map((text) => {
          const vector = new Float32Array(size);
          vector[text.startsWith('A') ? 0 : 1] = 2;
          return vector;
        }),
      };
    },
    ...own,
    calls,
  };
}
const A = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0);
const B = Float32Array.of(0, 1, 0, 0, 0, 0, 0, 0);
const IDENTITY = { provider: 'acme', model: 'letters', dimension: 8, normalized: true };

describe('documents get vectors', () => {
  it('from an embedder of the call', async () => {
    const { handle, stored } = vectorMemory();
    const embedder = letters();
    await put(handle, { text: 'A first', embedder });
    await putMany(
      handle,
      [
        { title: '1', text: 'A second' },
        { title: '2', text: 'B third' },
      ],
      { embedder },
    );
    expect(stored.map(({ vector }) => vector)).toEqual([A, A, B]);
    expect(stored.map(({ vectorIdentity }) => vectorIdentity)).toEqual([IDENTITY, IDENTITY, IDENTITY]);
    expect(embedder.calls).toEqual([
      { texts: ['A first'], kind: 'document' },
      { texts: ['A second', 'B third'], kind: 'document' },
    ]);
  });

  it('from the embedder the memory was opened with, unless the call says no', async () => {
    const embedder = letters();
    const { handle, stored } = vectorMemory({ embedder });
    await put(handle, { text: 'A' });
    await put(handle, { text: 'B', enableEmbedding: false });
    await put(handle, { text: '' });
    await putMany(
      handle,
      (function* () {
        yield { title: 'x', text: 'A of an iterable' };
      })(),
    );
    await correct(handle, 'A is right');
    await update(handle, 0, { text: 'B now' });
    await update(handle, 0, { title: 'only the title' });
    expect(stored.map(({ vector }) => vector)).toEqual([A, undefined, undefined, A, A, B, undefined]);
  });

  it('of what is indexed: searchText before text', async () => {
    const { handle, stored } = vectorMemory();
    await put(handle, { text: 'B', searchText: 'A', embedder: letters() });
    expect(stored[0]?.vector).toEqual(A);
  });

  it('from the caller: as they are, with their identity', async () => {
    const { handle, stored } = vectorMemory();
    const identity = { provider: 'OpenAI', model: 'm', dimension: 2, normalized: false };
    await put(handle, { text: 'x', embedding: [3, 4], embeddingIdentity: identity });
    await putMany(
      handle,
      [
        { title: 'a', text: 'a', embedding: [1, 2], embeddingIdentity: { provider: 'own' } },
        { title: 'b', text: 'b', embedding: new Float32Array([5, 6]) },
      ],
      { embeddingIdentity: identity },
    );
    await putMany(handle, [{ title: 'c', text: 'c' }], { embeddings: [[7, 8]] });
    expect(stored.map(({ vector, vectorIdentity }) => [...(vector ?? []), vectorIdentity?.provider])).toEqual(
      [
        [3, 4, 'openai'],
        [1, 2, 'own'],
        [5, 6, 'openai'],
        [7, 8, undefined],
      ],
    );
    expect(stored[0]?.vectorIdentity).toEqual({ ...identity, provider: 'openai' });
    await expect(
      put(handle, { text: 'x', embedding: [3, 4], embeddingIdentity: { dimension: 3 } }),
    ).rejects.toMatchObject({ code: 'MV014' });
  });

  it('both: only what brings none is embedded, and the rest is of the embedder too', async () => {
    const { handle, stored } = vectorMemory();
    const embedder = letters();
    await putMany(
      handle,
      [
        { title: 'a', text: 'A' },
        { title: 'b', text: 'B', embedding: A },
      ],
      { embedder },
    );
    expect(embedder.calls).toEqual([{ texts: ['A'], kind: 'document' }]);
    expect(stored.map(({ vectorIdentity }) => vectorIdentity?.model)).toEqual(['letters', 'letters']);
  });

  it('in the order of the calls, though a later one is embedded sooner', async () => {
    const { handle, stored } = vectorMemory();
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => (release = resolve));
    const slow = letters();
    const embed = slow.embed.bind(slow);
    const first = put(handle, {
      text: 'A slow',
      embedder: { ...slow, embed: async (texts, options) => gate.then(() => embed(texts, options)) },
    });
    const second = put(handle, { text: 'B quick', embedder: letters() });
    const third = put(handle, { text: 'plain' });
    release();
    expect(await Promise.all([first, second, third])).toEqual(['0', '1', '2']);
    expect(stored.map(({ text }) => text)).toEqual(['A slow', 'B quick', 'plain']);
  });

  it.each([
    ['throws', { embed: async () => Promise.reject(new Error('out of order')) }, 'MV015', 'out of order'],
    ['gives too few', { embed: async () => ({ vectors: [] }) }, 'MV015', '0 vectors'],
    [
      'gives NaN',
      { embed: async () => ({ vectors: [new Float32Array(8).fill(NaN)] }) },
      'MV015',
      'docs[0].text',
    ],
    ['gives another size', { embed: async () => ({ vectors: [Float32Array.of(1)] }) }, 'MV014', 'expected 8'],
  ])('an embedder that %s: nothing is stored', async (_, changes, code, message) => {
    const { handle, stored } = vectorMemory();
    const call = putMany(handle, [{ title: 'a', text: 'A' }], { embedder: letters(changes) });
    await expect(call).rejects.toMatchObject({ code, message: expect.stringContaining(message) });
    await expect(put(handle, { text: 'A', embedder: letters(changes) })).rejects.toMatchObject({ code });
    expect(stored).toEqual([]);
    await put(handle, { text: 'A', embedder: letters() });
    expect(stored).toHaveLength(1);
  });

  it('MV014 before a request when the file, or the batch, has vectors of another size', async () => {
    const embedder = letters();
    const { handle, stored } = vectorMemory({}, { dimension: 4 });
    await expect(put(handle, { text: 'A', embedder })).rejects.toMatchObject({
      code: 'MV014',
      details: { expected: 4, actual: 8 },
    });
    const other = vectorMemory();
    await expect(
      putMany(
        other.handle,
        [
          { title: 'a', text: 'A', embedding: [1, 2] },
          { title: 'b', text: 'B' },
        ],
        { embedder },
      ),
    ).rejects.toMatchObject({ code: 'MV014' });
    expect([embedder.calls, stored, other.stored]).toEqual([[], [], []]);
  });

  it('a text without a character: an error where the call asks for vectors', async () => {
    const { handle, stored } = vectorMemory();
    await expect(putMany(handle, [{ title: 'a', text: ' ' }], { embedder: letters() })).rejects.toMatchObject(
      { code: 'MV015', message: expect.stringContaining('docs[0].text is empty') },
    );
    expect(stored).toEqual([]);
  });

  it('tells how far it is, and obeys the signal', async () => {
    const { handle, stored } = vectorMemory();
    const docs = Array.from({ length: 40 }, (_, n) => ({ title: `${n}`, text: `A ${n}` }));
    const onEmbedding = vi.fn();
    await putMany(handle, docs, { embedder: letters({ concurrency: 1 }), onEmbedding });
    expect(onEmbedding.mock.calls.map(([{ embedded }]) => embedded)).toEqual([16, 32, 40]);
    const stop = new AbortController();
    const call = putMany(handle, docs, {
      embedder: letters({ concurrency: 1 }),
      signal: stop.signal,
      onEmbedding: () => stop.abort(),
    });
    await expect(call).rejects.toMatchObject({ code: 'MV018', details: { reason: 'aborted' } });
    expect(stored).toHaveLength(40);
    await expect(putMany(handle, docs, { onEmbedding: 5 as never })).rejects.toMatchObject({ code: 'MV019' });
  });

  it('the streaming form stores what has a vector and reports what has none', async () => {
    const { handle, stored } = vectorMemory();
    const embedder = letters({
      async embed(texts) {
        if (texts.includes('bad')) throw Object.assign(new Error('too long'), { status: 400 });
        return { vectors: texts.map(() => A) };
      },
    });
    const docs = ['A', 'bad', '', 'B'].map((text) => ({ title: 't', text }));
    const report = (await putMany(handle, docs, { onError: 'report', embedder })) as PutManyReport;
    expect(report.items.map(({ status, error }) => [status, error?.code])).toEqual([
      ['stored', undefined],
      ['failed', 'MV015'],
      ['failed', 'MV015'],
      ['stored', undefined],
    ]);
    expect(report).toMatchObject({ complete: true, stored: 2, failed: 2, error: null });
    expect(stored.map(({ text }) => text)).toEqual(['A', 'B']);
  });

  it('a document of a batch that says no reaches no embedder, in every form of the call', async () => {
    const docs = [
      { title: '1', text: 'A open' },
      { title: '2', text: 'A secret', enableEmbedding: false },
      { title: '3', text: 'B open', enableEmbedding: true },
    ];
    async function* source(): AsyncGenerator<(typeof docs)[number]> {
      yield* docs;
    }
    for (const onError of ['throw', 'report'] as const) {
      for (const form of [docs, new Set(docs), source()]) {
        const { handle, stored } = vectorMemory();
        const embedder = letters();
        await putMany(handle, form, { embedder, onError } as never);
        expect(embedder.calls).toEqual([{ texts: ['A open', 'B open'], kind: 'document' }]);
        expect(stored.map(({ vector }) => vector)).toEqual([A, undefined, B]);
      }
    }
    const embedder = letters();
    await using memory = await create(freshPath(), { embedder });
    await memory.putMany(Array.from({ length: 1200 }, (_, n) => docs[n % 3] ?? { title: '', text: '' }));
    expect(embedder.calls.flatMap(({ texts }) => texts)).not.toContain('A secret');
    expect((await memory.stats()).vector_count).toBe(800);

    const brought = vectorMemory({ embedder: letters() });
    await putMany(brought.handle, [{ title: '1', text: 'A', enableEmbedding: false, embedding: A }]);
    expect(brought.stored[0]?.vector).toEqual(A);
  });

  it('what only the call decides is MV019 on a document of a batch', async () => {
    await using memory = await create(freshPath());
    const doc = { title: '1', text: 'A' };
    const many = Array.from({ length: 1100 }, () => doc);
    for (const own of [
      { embedder: letters() },
      { embeddingModel: 'bge-small' },
      { enableEmbedding: true },
      { enableEmbedding: 'no' },
    ]) {
      const [name = ''] = Object.keys(own);
      for (const before of [[], many]) {
        await expect(memory.putMany([...before, { ...doc, ...own }] as never)).rejects.toMatchObject({
          code: 'MV019',
          details: { argument: `docs[${before.length}].${name}` },
        });
      }
      expect(await memory.putMany([{ ...doc, ...own }] as never, { onError: 'report' })).toMatchObject({
        failed: 1,
        items: [{ error: { code: 'MV019' } }],
      });
    }
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('embeddingModel alone asks for a vector; enableEmbedding: false says none', async () => {
    const { handle, stored } = vectorMemory({
      embedder: letters(),
      plugins: [{ spec: 'plugin/v1', name: 'p', embedders: { other: () => letters({ model: 'other' }) } }],
    });
    await put(handle, { text: 'A', embeddingModel: 'other' });
    await putMany(handle, [{ title: 't', text: 'A' }], { embeddingModel: 'other' });
    await put(handle, { text: 'A', embeddingModel: 'other', enableEmbedding: false });
    expect(stored.map(({ vectorIdentity }) => vectorIdentity?.model)).toEqual(['other', 'other', undefined]);
    await expect(put(handle, { text: 'A', embeddingModel: 'no-such' })).rejects.toMatchObject({
      code: 'MV015',
    });
    expect(stored).toHaveLength(3);
  });

  it('and takes vectors that documents bring, one by one', async () => {
    const { handle, stored } = vectorMemory();
    const report = (await putMany(
      handle,
      [[1, 2], [1, 2, 3], [3, Number.NaN], [5, 6], undefined].map((embedding, n) => ({
        title: `${n}`,
        text: `${n}`,
        embedding,
      })),
      { onError: 'report' },
    )) as PutManyReport;
    expect(report.items.map(({ error }) => error?.code)).toEqual([
      undefined,
      'MV014',
      'MV015',
      undefined,
      undefined,
    ]);
    expect(stored.map(({ vector }) => vector?.[0])).toEqual([1, 5, undefined]);
  });

  it('and ends where an embedder can give no more, to be gone on with from there', async () => {
    const { handle, stored } = vectorMemory();
    let calls = 0;
    const embedder = letters({
      async embed(texts) {
        calls += 1;
        if (calls > 1) throw Object.assign(new Error('quota'), { status: 403 });
        return { vectors: texts.map(() => A) };
      },
    });
    const docs = Array.from({ length: 6 }, (_, n) => ({ title: `${n}`, text: `${n}` }));
    const options = { onError: 'report', batchSize: 2 } as const;
    const report = (await putMany(handle, docs, { ...options, embedder })) as PutManyReport;
    expect(report).toMatchObject({
      complete: false,
      stored: 2,
      stopped_by: 'error',
      next: 2,
      error: { code: 'MV015', details: { status: 403 } },
    });
    expect(calls).toBe(2);
    const rest = (await putMany(handle, docs, {
      ...options,
      embedder: letters(),
      startAt: report.next,
    })) as PutManyReport;
    expect(rest).toMatchObject({ complete: true, stored: 4 });
    expect(stored).toHaveLength(6);
  });
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

describe('an embedder of another model than the vectors of the file', () => {
  const identity = { ...IDENTITY, provider: 'local', model: 'BAAI/bge-small-en-v1.5' };
  const file = { dimension: 8, identity };
  const said =
    'The vectors of the memory are of local BAAI/bge-small-en-v1.5, and it was opened with acme letters: open it with an embedder of local BAAI/bge-small-en-v1.5, or make all vectors anew with `reembed`';

  it('of a question: both models are named, and what to do', async () => {
    const { handle } = vectorMemory({ embedder: letters() }, file);
    expect((await find(handle, 'A?')).warnings).toEqual([`${said}. The memory was searched by words only.`]);
    await expect(find(handle, 'A?', { mode: 'sem' })).rejects.toMatchObject({
      code: 'MV015',
      message: said,
      details: { reason: 'other_model', provider: 'acme', model: 'letters' },
      suggestion: expect.stringMatching(
        /npm install @memvid\/embed-local.* and open\(path, .*`reembed\(\{ embedder \}\)`/,
      ),
    });
    // Whose package is there needs no other.
    const same = vectorMemory({ embedder: letters({ provider: 'local', model: 'gte-large' }) }, file);
    await expect(find(same.handle, 'A?', { mode: 'sem' })).rejects.toMatchObject({
      suggestion: expect.stringMatching(
        /^Open the memory with an embedder of local BAAI\/bge-small-en-v1.5\. Or /,
      ),
    });
  });

  it('of a document: nothing is stored, unless the call names the embedder', async () => {
    const { handle, stored } = vectorMemory({ embedder: letters() }, file);
    for (const write of [
      () => put(handle, { text: 'A' }),
      () => put(handle, { text: 'A', enableEmbedding: true }),
      () => putMany(handle, [{ title: 'A', text: 'A' }]),
      () => putMany(handle, [{ title: 'A', text: 'A' }], { onError: 'report' }),
      () => update(handle, 0, { text: 'A' }),
      () => correct(handle, 'A'),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'MV015', message: said });
    }
    expect(stored).toEqual([]);
    // Vectors of both models are what this asks for; text without a vector is no harm.
    await put(handle, { text: 'A', embedder: letters() });
    await put(handle, { text: 'A', embedding: A });
    await put(handle, { text: 'A', enableEmbedding: false });
    expect(stored.map(({ vector }) => vector)).toEqual([A, A, undefined]);
  });

  it.each([
    ['by another name', identity, letters({ provider: 'local', model: 'bge-small' })],
    ['without a model', { ...identity, provider: null, model: null }, letters()],
    ['one of several', { mixed: [identity, IDENTITY] }, letters()],
    ['that nobody knows', null, letters()],
  ])('not: %s', async (_, known, embedder) => {
    const { handle, stored } = vectorMemory({ embedder }, { dimension: 8, identity: known });
    await put(handle, { text: 'A' });
    expect(stored).toHaveLength(1);
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

describe('questions get vectors', () => {
  const stored = { dimension: 8, identity: IDENTITY };

  it('from the call', async () => {
    const { handle, found } = vectorMemory({}, stored);
    const embedder = letters();
    await find(handle, 'A?', { mode: 'sem', embedder, k: 3 });
    await find(handle, 'A?', { mode: 'auto', embedder });
    await find(handle, 'B?', { mode: 'sem', queryEmbedding: B });
    const asked = await ask(handle, 'A?', { embedder, contextOnly: true });
    await vecSearch(handle, 'words', B);
    expect(embedder.calls.every(({ kind }) => kind === 'query')).toBe(true);
    expect(found.map(({ vector, request }) => [vector, request['mode']])).toEqual([
      [A, 'sem'],
      [A, 'auto'],
      [B, 'sem'],
      [A, 'auto'],
      [B, 'sem'],
    ]);
    expect(found[0]?.request).toMatchObject({ query: 'A?', k: 3 });
    expect(asked.mode).toBe('hybrid');
  });

  it('from the embedder of the memory, which makes auto the usual mode', async () => {
    const { handle, found } = vectorMemory({ embedder: letters() }, stored);
    await find(handle, 'A?');
    await ask(handle, 'A?', { contextOnly: true });
    await find(handle, 'A?', { mode: 'lex' });
    expect(found.map(({ vector, request }) => [vector, request['mode']])).toEqual([
      [A, 'auto'],
      [A, 'auto'],
      [undefined, undefined],
    ]);
  });

  it('from the plugin that makes the vectors of the file, by its identity', async () => {
    const made: unknown[] = [];
    const plugins: Plugin[] = [
      {
        spec: 'plugin/v1',
        name: 'p',
        embedders: {
          openai: (options) => {
            made.push(options);
            return letters({ provider: 'openai', model: 'text-embedding-3-small' });
          },
        },
      },
    ];
    const identity = { ...IDENTITY, provider: 'OpenAI', model: 'text-embedding-3-small' };
    const { handle, found } = vectorMemory({ plugins }, { dimension: 8, identity });
    await find(handle, 'A?', { mode: 'sem' });
    expect(made).toEqual([{ model: 'text-embedding-3-small' }]);
    expect(found[0]?.vector).toEqual(A);
    // The memory's own embedder is another: the vectors of the file decide.
    const other = vectorMemory(
      { plugins, embedder: letters({ model: 'other' }) },
      { dimension: 8, identity },
    );
    await find(other.handle, 'A?', { mode: 'sem' });
    expect(made).toHaveLength(2);
  });

  it('a file of the reference made by fastembed is asked with the model that pools as it does, and no other', async () => {
    const reference = letters({ provider: 'fastembed', model: 'BAAI/bge-small-en-v1.5' });
    const own = letters({ provider: 'local', model: 'BAAI/bge-small-en-v1.5' });
    const embedders = { 'fastembed:BAAI/bge-small-en-v1.5': () => reference, 'bge-small': () => own };
    const plugins: Plugin[] = [{ spec: 'plugin/v1', name: 'p', embedders }];
    for (const model of ['BAAI/bge-small-en-v1.5', 'bge-small']) {
      const identity = { ...IDENTITY, provider: 'fastembed', model };
      const { handle, found } = vectorMemory({ plugins }, { dimension: 8, identity });
      await find(handle, 'A?', { mode: 'sem' });
      expect(found).toHaveLength(1);
    }
    expect([reference.calls.length, own.calls.length]).toEqual([2, 0]);
    const identity = { ...IDENTITY, provider: 'fastembed', model: 'nomic' };
    plugins.push({ spec: 'plugin/v1', name: 'q', embedders: { nomic: () => own, local: () => own } });
    for (const [embedder, details] of [
      [undefined, { package: '@memvid/embed-local' }],
      [own, { reason: 'other_model', expected: 'fastembed nomic' }],
    ] as const) {
      const without = vectorMemory({ plugins, embedder }, { dimension: 8, identity });
      await expect(find(without.handle, 'A?', { mode: 'sem' })).rejects.toMatchObject({
        code: 'MV015',
        details,
      });
    }
    expect(own.calls).toEqual([]);
  });

  it('by the size of the vectors when the file says nothing', async () => {
    const plugins: Plugin[] = [
      { spec: 'plugin/v1', name: 'p', embedders: { 'bge-small': () => letters({ size: 384 }) } },
    ];
    const { handle, found } = vectorMemory({ plugins }, { dimension: 384 });
    await find(handle, 'A?', { mode: 'sem' });
    expect(found[0]?.vector).toHaveLength(384);
  });

  it('without a way: sem is MV015, auto goes by words and says why', async () => {
    for (const identity of [null, { mixed: [IDENTITY, { ...IDENTITY, model: 'other' }] }, IDENTITY]) {
      const { handle, found } = vectorMemory({}, { dimension: 5, identity });
      await expect(find(handle, 'q', { mode: 'sem' })).rejects.toMatchObject({ code: 'MV015' });
      const { warnings } = await find(handle, 'q', { mode: 'auto' });
      expect(warnings).toEqual([expect.stringMatching(/words only\.$/)]);
      expect(found.map(({ vector }) => vector)).toEqual([undefined]);
    }
  });

  it('what the call itself asks for fails loudly, in auto too', async () => {
    const { handle } = vectorMemory(
      { embedder: letters({ embed: async () => Promise.reject(new Error('down')) }) },
      stored,
    );
    for (const options of [
      { embedder: letters({ embed: async () => Promise.reject(new Error('down')) }) },
      { queryEmbeddingModel: 'no-such' },
      { embedder: letters({ size: 2 }) },
    ]) {
      await expect(find(handle, 'q', { mode: 'auto', ...options })).rejects.toBeInstanceOf(MemvidError);
    }
    // The memory's own: words still answer.
    expect((await find(handle, 'q')).warnings).toEqual([expect.stringContaining('down')]);
    await expect(find(handle, 'q', { mode: 'sem' })).rejects.toMatchObject({ code: 'MV015' });
  });

  it('a question in another model than the documents is told', async () => {
    const { handle } = vectorMemory({}, stored);
    const { warnings } = await find(handle, 'A?', { mode: 'sem', embedder: letters({ model: 'other' }) });
    expect(warnings).toEqual([expect.stringContaining('acme other')]);
    expect((await find(handle, 'A?', { mode: 'sem', embedder: letters() })).warnings).toBeUndefined();
  });
});
