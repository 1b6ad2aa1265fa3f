import { describe, expect, it, vi } from 'vitest';
import { correct } from '../src/correct.ts';
import { create } from '../src/index.ts';
import { put } from '../src/put.ts';
import { putMany } from '../src/put-many.ts';
import type { PutManyReport } from '../src/put-stream.ts';
import { update } from '../src/update.ts';
import { freshPath } from './support/memory.ts';
import { A, B, IDENTITY, letters } from './support/noting-embedder.ts';
import { vectorMemory } from './support/vector-memory.ts';

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
