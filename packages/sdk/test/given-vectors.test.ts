import { HashEmbeddings } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import type { Memvid } from '../src/index.ts';
import { A, B, letters } from './support/letters.ts';
import { freshMemory } from './support/memory.ts';
import { expectFailure, expectRefused, wrong } from './support/refusals.ts';

const docs = ['alpha', 'beta'].map((text) => ({ title: text, text }));
const report = { onError: 'report' } as const;
const OTHER = { provider: 'other', model: 'm' };

describe('putMany that reports takes the vectors of the call', () => {
  it('a list, with who made them; documents may bring their own', async () => {
    await using memory = await freshMemory();
    const [first, second] = docs;
    const { stored } = await memory.putMany([first, { ...second, embedding: A }] as typeof docs, {
      ...report,
      embeddings: [A, B],
      embeddingIdentity: OTHER,
    });
    expect(stored).toBe(2);
    const stats = await memory.stats();
    expect(stats).toMatchObject({ vector_count: 2, embedding_identity: OTHER });
    const { hits } = await memory.vecSearch('q', A);
    expect(hits.map(({ title, score }) => [title, score])).toEqual([
      ['alpha', 1],
      ['beta', 1],
    ]);
  });

  it('the identity of the call, for vectors that documents bring', async () => {
    await using memory = await freshMemory();
    await memory.putMany([{ title: 'a', text: 'a', embedding: A }], { ...report, embeddingIdentity: OTHER });
    expect((await memory.stats()).embedding_identity).toMatchObject(OTHER);
  });

  it('by the number of the document, though the call begins further on and in batches', async () => {
    await using memory = await freshMemory();
    const many = Array.from({ length: 7 }, (_, n) => ({ title: `${n}`, text: `number ${n}` }));
    const embeddings = many.map((_, n) => (n === 5 ? A : B));
    await memory.putMany(many, { ...report, embeddings, startAt: 2, batchSize: 2 });
    expect((await memory.vecSearch('q', A, { k: 1 })).hits[0]?.title).toBe('5');
  });

  it('refuses a list of another length: at once, or behind the last document of a source', async () => {
    await using memory = await freshMemory();
    await expectRefused(() => memory.putMany(docs, { ...report, embeddings: [A] }), 'embeddings');
    await expectRefused(() => memory.putMany(docs, { ...report, embeddings: wrong('x') }), 'embeddings');
    expect((await memory.stats()).frame_count).toBe(0);
    const short = await memory.putMany(docs.values(), { ...report, embeddings: [A] });
    expect(short.items.map(({ status, error }) => [status, error?.code])).toEqual([
      ['stored', undefined],
      ['failed', 'MV019'],
    ]);
    const long = await memory.putMany(docs.values(), { ...report, embeddings: [A, B, B] });
    expect(long).toMatchObject({ stored: 2, error: { code: 'MV019', details: { argument: 'embeddings' } } });
  });

  it('MV011 where vectors are switched off', async () => {
    await using memory = await freshMemory({ enableVec: false });
    const call = (): Promise<unknown> => memory.putMany(docs, { ...report, embeddings: [A, B] });
    expect(await expectFailure(call)).toMatchObject({ code: 'MV011' });
  });

  it('and tells how its embedder gets on', async () => {
    await using memory = await freshMemory();
    const seen: number[] = [];
    await memory.putMany(docs, {
      ...report,
      batchSize: 1,
      embedder: letters(),
      onEmbedding: ({ embedded }) => seen.push(embedded),
    });
    expect(seen).toEqual([1, 1]);
  });
});

describe('who made a given vector', () => {
  it('is not the embedder of the memory', async () => {
    await using memory = await freshMemory({ embedder: letters() });
    await memory.put({ text: 'one', embedding: A });
    await memory.putMany([{ title: 'two', text: 'two', embedding: A }]);
    await memory.putMany([{ title: 'three', text: 'three', embedding: A }], report);
    expect((await memory.stats()).embedding_identity).toBeNull();
    await memory.put({ text: 'alpha' });
    const { embedding_identity_summary: summary } = await memory.stats();
    expect(summary).toMatchObject({ total: 4, unknown: 3 });
  });

  it('is the embedder that the call itself brings, with whether the vector has length 1', async () => {
    for (const [embedding, normalized] of [
      [A, true],
      [[3, 4, 0, 0], false],
    ] as const) {
      await using memory = await freshMemory({ embedder: new HashEmbeddings({ dimension: 4 }) });
      await memory.put({ text: 'one', embedding, embedder: letters() });
      const identity = { provider: 'acme', model: 'letters', dimension: 4, normalized };
      expect((await memory.stats()).embedding_identity).toEqual(identity);
    }
  });
});

describe('update', () => {
  it('takes a vector alone as a change', async () => {
    await using memory = await freshMemory();
    const id = await memory.put({ title: 'T', text: 'alpha', embedding: A, embeddingIdentity: OTHER });
    const next = await memory.update(id, { embedding: B, embeddingIdentity: OTHER });
    expect(next).not.toBe(id);
    expect((await memory.vecSearch('q', B)).hits).toMatchObject([{ title: 'T', text: 'alpha', score: 1 }]);
  });

  it('embeds the stored text with an embedder of the call, alone or beside other changes', async () => {
    await using memory = await freshMemory();
    const embedder = letters();
    const id = await memory.put({ title: 'T', text: 'beta', searchText: 'alpha' });
    const next = await memory.update(id, { embedder });
    expect(embedder.texts).toEqual([['alpha']]);
    expect((await memory.vecSearch('q', A)).hits).toMatchObject([{ text: 'beta', score: 1 }]);
    await memory.update(next, { title: 'New', enableEmbedding: true, embedder });
    expect(embedder.texts).toHaveLength(2);
    expect((await memory.vecSearch('q', A)).hits).toMatchObject([{ title: 'New', score: 1 }]);
  });

  it('leaves the vector alone where the memory embeds and the words stay', async () => {
    const embedder = letters();
    await using memory = await freshMemory({ embedder });
    const id = await memory.put({ text: 'alpha' });
    await memory.update(id, { title: 'New' });
    expect(embedder.texts).toHaveLength(1);
    await expectRefused(() => memory.update(id, {}), 'changes');
    await expectRefused(() => memory.update(id, { enableEmbedding: false }), 'changes');
  });

  it('of an unknown document is MV010, before an embedder is asked', async () => {
    await using memory = await freshMemory();
    const embedder = letters();
    expect(await expectFailure(() => memory.update(7, { embedder }))).toMatchObject({ code: 'MV010' });
    expect(embedder.texts).toEqual([]);
  });

  it('in a scope, of a document outside, is MV010 too', async () => {
    await using memory = await freshMemory();
    const id = await memory.put({ text: 'alpha', metadata: { user: 'bob' } });
    const ann = memory.scope({ user: 'ann' });
    const embedder = letters();
    expect(await expectFailure(() => ann.update(id, { embedder }))).toMatchObject({ code: 'MV010' });
    expect(embedder.texts).toEqual([]);
  });
});

describe('options that are not heeded are refused', () => {
  it.each<[name: string, argument: string, call: (memory: Memvid) => Promise<unknown>]>([
    [
      'dedupe of a document',
      'docs[1].dedupe',
      (memory) => memory.putMany([docs[0], { ...docs[1], dedupe: 'skip' }] as never),
    ],
    [
      'the embedder of a document',
      'docs[0].embedder',
      (memory) => memory.putMany([{ ...docs[0], embedder: letters() }] as never),
    ],
    ['embeddings of put', 'embeddings', (memory) => memory.put({ text: 'a', embeddings: [A] } as never)],
    ['embedding of putFile', 'embedding', (memory) => memory.putFile('a.txt', { embedding: A } as never)],
    ['title of putFiles', 'title', (memory) => memory.putFiles('a', { title: 'T' } as never)],
    [
      'the embedder of one of several corrections',
      'corrections[0].embedder',
      (memory) => memory.correctMany([{ statement: 'a', embedder: letters() }] as never),
    ],
  ])('%s', async (_, argument, call) => {
    await using memory = await freshMemory();
    const error = await expectRefused(() => call(memory), 'left out here');
    expect(error.details?.['argument']).toBe(argument);
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('corrections take vectors as documents do', async () => {
    await using memory = await freshMemory();
    await memory.correct('alpha is right', { embedder: letters() });
    await memory.correct('beta is right', { embedding: B });
    await memory.correctMany([{ statement: 'beta too', embedding: B }, { statement: 'gamma' }]);
    expect((await memory.stats()).vector_count).toBe(3);
    const aborted = await expectFailure(() => memory.correct('no', { signal: AbortSignal.abort() }));
    expect(aborted).toMatchObject({ code: 'MV018', details: { reason: 'aborted' } });
  });
});

it('what is not finite is told as it was read, though it is another by now', async () => {
  await using memory = await freshMemory();
  let reads = 0;
  const changing = [1, 2];
  Object.defineProperty(changing, 1, { enumerable: true, get: () => [1, NaN][reads++] ?? 1 });
  const error = await expectFailure(() => memory.put({ text: 'a', embedding: changing }));
  expect(error.message).toMatch(/number 1 is NaN/);
  const large = await expectFailure(() => memory.put({ text: 'a', embedding: [1, 1e39] }));
  expect(large.message).toMatch(/number 1 is 1e\+39/);
});

describe.each([
  [
    'at once',
    () => {
      throw new Error('boom');
    },
  ],
  ['later', async () => Promise.reject(new Error('boom'))],
])('a callback that fails %s', (_, callback) => {
  it('is named by the error of the call, and nothing is stored', async () => {
    await using memory = await freshMemory();
    const options = { embedder: letters(), onEmbedding: callback };
    const error = await expectRefused(() => memory.putMany(docs, options), 'onEmbedding');
    expect(error).toMatchObject({ details: { argument: 'onEmbedding' }, cause: { message: 'boom' } });
    expect((await memory.stats()).frame_count).toBe(0);
    const reported = await memory.putMany(docs, { ...options, ...report });
    expect(reported).toMatchObject({ stopped_by: 'error', error: { details: { argument: 'onEmbedding' } } });
    await memory.putMany(docs);
    await expectRefused(() => memory.reembed({ embedder: letters(), onProgress: callback }), 'onProgress');
  });
});
