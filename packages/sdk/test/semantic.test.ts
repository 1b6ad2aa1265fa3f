import { type Embedder, HashEmbeddings } from '@memvid/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import * as compat from '../src/compat.ts';
import { create, type FindResult, type Memvid, open, resetConfig } from '../src/index.ts';
import { freshMemory, freshPath } from './support/memory.ts';
import { expectFailure, expectRefused, wrong } from './support/refusals.ts';

afterEach(() => {
  vi.unstubAllEnvs();
  resetConfig();
});

const A = [1, 0, 0, 0, 0, 0, 0, 0];
const B = [0, 1, 0, 0, 0, 0, 0, 0];
const DOCS = [
  { title: 'A', text: 'alpha apples', embedding: A },
  { title: 'B', text: 'beta pears', embedding: B },
];
const IDENTITY = { provider: 'custom', model: 'eight', dimension: 8, normalized: true };

/** The memory that seed item P1.2 describes: two documents, two orthogonal vectors. */
async function twoDocuments(): Promise<Memvid & { file: string }> {
  const memory = await freshMemory();
  await memory.putMany(DOCS, { embeddingIdentity: IDENTITY });
  return memory;
}

const titles = ({ hits }: Pick<FindResult, 'hits'>): string[] => hits.map(({ title }) => title);

/** Words that begin with `a` are [1, 0, …], everything else [0, 1, …]. */
function byFirstLetter(changes: Partial<Embedder> = {}): Embedder {
  return {
    spec: 'embedder/v1',
    provider: 'custom',
    model: 'eight',
    dimensions: 8,
    maxBatch: 100,
    embed: async (texts) => ({
      vectors: texts.map((text) => Float32Array.from(/^a/i.test(text) ? A : B)),
    }),
    ...changes,
  };
}

describe('P1.2 find and ask with given vectors', () => {
  it('sem finds what is nearest', async () => {
    await using memory = await twoDocuments();
    const nearest = await memory.find('apples', { mode: 'sem', queryEmbedding: A, k: 1 });
    expect(nearest).toMatchObject({ engine: 'vec', total_hits: expect.any(Number), hits: [{ title: 'A' }] });
    const all = await memory.find('whatever', { mode: 'sem', queryEmbedding: Float32Array.from(A) });
    expect(titles(all)).toEqual(['A', 'B']);
    expect(all.hits[0]?.score).toBeCloseTo(1, 5);
    expect(all.hits[1]?.score).toBeCloseTo(0.2929, 4);
    const opposite = await memory.find('q', { mode: 'semantic', queryEmbedding: A.map((x) => -x) });
    expect(opposite.hits.at(-1)).toMatchObject({ title: 'A', score: 0 });
  });

  it('auto fuses words and meaning, and says so', async () => {
    await using memory = await twoDocuments();
    const both = await memory.find('apples', { mode: 'auto', queryEmbedding: A });
    expect(both).toMatchObject({ engine: 'hybrid', hits: [{ title: 'A', score: 1 }, { title: 'B' }] });
    // Found by meaning alone.
    const other = await memory.find('pears', { mode: 'auto', queryEmbedding: A, semanticWeight: 0.9 });
    expect(titles(other)).toEqual(['A', 'B']);
    expect(
      titles(await memory.find('pears', { mode: 'auto', queryEmbedding: A, semanticWeight: 0 }))[0],
    ).toBe('B');
  });

  it('fusion by rank has the numbers of the contract; it is the default of the compat entry', async () => {
    await using memory = await twoDocuments();
    const ranks = { mode: 'auto', queryEmbedding: A, fusion: 'rrf' } as const;
    const fused = await memory.find('apples', ranks);
    expect(fused.hits[0]?.score).toBeCloseTo(0.03279, 5);
    expect(fused.hits[1]).toMatchObject({ title: 'B', matches: 0 });
    await using same = await compat.open(memory.file);
    const { fusion: _, ...plain } = ranks;
    expect((await same.find('apples', plain)).hits.map(({ score }) => score)).toEqual(
      fused.hits.map(({ score }) => score),
    );
    expect((await same.find('apples', { ...plain, fusion: 'weighted' })).hits[0]?.score).toBe(1);
    expect((await memory.find('apples', plain)).hits[0]?.score).toBe(1);
  });

  it('explains what a score is made of', async () => {
    await using memory = await twoDocuments();
    const options = { mode: 'auto', queryEmbedding: A, explain: true } as const;
    const { hits } = await memory.find('apples', options);
    expect(hits[0]?.explain).toMatchObject({
      fusion: 'weighted',
      semantic_weight: 0.4,
      lexical: { rank: 1, normalised: 1 },
      semantic: { rank: 1, normalised: 1 },
    });
    expect(hits[1]?.explain).toMatchObject({ lexical: null, semantic: { rank: 2, normalised: 0 } });
    const ranks = await memory.find('apples', { ...options, fusion: 'rrf' });
    expect(ranks.hits[0]?.explain).toMatchObject({ fusion: 'rrf', lexical: { rank: 1 } });
  });

  it('ask goes the same ways', async () => {
    await using memory = await twoDocuments();
    const ask = { contextOnly: true, queryEmbedding: A } as const;
    const sem = await memory.ask('What?', { ...ask, mode: 'sem', k: 1 });
    expect(sem).toMatchObject({ mode: 'sem', retriever: 'semantic', hits: [{ title: 'A' }] });
    expect(sem.context).toContain('alpha apples');
    const auto = await memory.ask('apples?', ask);
    expect(auto).toMatchObject({
      mode: 'hybrid',
      retriever: 'hybrid',
      hits: [{ title: 'A' }, { title: 'B' }],
    });
    expect(await expectFailure(() => memory.ask('q?', { contextOnly: true, mode: 'sem' }))).toMatchObject({
      code: 'MV015',
    });
    expect(
      await expectFailure(() => memory.ask('q?', { contextOnly: true, mode: 'sem', queryEmbedding: [1, 0] })),
    ).toMatchObject({ code: 'MV014', details: { expected: 8, actual: 2 } });
  });

  it('an answer found by meaning alone is never grounded HIGH: a warning says how near it is', async () => {
    await using memory = await freshMemory({ embedder: new HashEmbeddings({ dimension: 256 }) });
    await memory.put({ title: 'Lunch', text: 'The canteen is the place that serves soup at noon.' });
    for (const question of ['What is the capital of France?', 'Why?']) {
      for (const mode of ['auto', 'sem'] as const) {
        const { answer, grounding, follow_up, hits } = await memory.ask(question, { mode });
        expect(answer).toBe('The canteen is the place that serves soup at noon. [1]');
        expect(grounding).toMatchObject({ score: 0.5, label: 'MEDIUM', has_warning: true });
        expect(grounding.warning_reason).toMatch(/No word of the question .* similarity of -?\d\.\d\d/);
        expect(follow_up).toMatchObject({ needed: true, reason: grounding.warning_reason });
        expect(hits[0]).not.toHaveProperty('explain');
      }
    }
    // One word of it is enough, in the text or its title, in any form.
    for (const question of ['When is lunch?', 'Who serves soups?', 'cant*']) {
      const { grounding, follow_up } = await memory.ask(question, { mode: 'auto' });
      expect(grounding).toMatchObject({ score: 1, label: 'HIGH', has_warning: false });
      expect(follow_up).toBeUndefined();
    }
    const context = await memory.ask('What is the capital of France?', { contextOnly: true });
    expect(context.grounding).toMatchObject({ label: 'HIGH', has_warning: false });
  });

  it('ask has the scores of find where meaning counts, and ranks of a list of words', async () => {
    await using memory = await twoDocuments();
    for (const options of [
      { mode: 'auto' },
      { mode: 'auto', fusion: 'rrf' },
      { mode: 'auto', semanticWeight: 0.9 },
      { mode: 'sem' },
    ] as const) {
      const asked = { ...options, queryEmbedding: A };
      const scores = (await memory.find('apples', asked)).hits.map((hit) => hit.score);
      expect((await memory.ask('apples', asked)).hits.map((hit) => hit.score)).toEqual(scores);
    }
    const { hits } = await memory.ask('apples', { mode: 'lex' });
    expect(hits.map((hit) => hit.score)).toEqual([1 / 61]);
  });

  it("a given vector of another size than the memory's own embedder makes is at fault itself", async () => {
    await using memory = await freshMemory({ embedder: new HashEmbeddings({ dimension: 8 }) });
    const docs = [
      { title: '1', text: 'one', embedding: A },
      { title: '2', text: 'two', embedding: [1, 2, 3] },
    ];
    for (const call of [
      () => memory.put({ text: 'x', embedding: [1, 2, 3] }),
      () => memory.putMany(docs.slice(1)),
      () => memory.putMany([{ title: '0', text: 'zero' }, ...docs.slice(1)]),
    ]) {
      expect(await expectFailure(call)).toMatchObject({
        code: 'MV014',
        message: expect.stringMatching(/expected 8 numbers, as hash hash-8 makes them, but .* has 3/),
        suggestion: expect.stringContaining('Pass a vector of hash hash-8'),
        details: { expected: 8, actual: 3 },
      });
    }
    expect((await memory.stats()).frame_count).toBe(0);
    await memory.put({ text: 'x', embedding: A });
  });

  it('a memory with vectors that is opened without its embedder says that it is searched by words', async () => {
    const embedder = new HashEmbeddings({ dimension: 64 });
    const file = freshPath();
    const made = await create(file, { embedder });
    await made.put({ text: 'We moved the databases.' });
    await made.close();

    await using memory = await open(file);
    expect((await memory.scope({ user: 'bob' }).find('databases')).warnings).toBeUndefined();
    for (const view of [memory, memory.scope({ user: 'ann' })]) {
      if (view !== memory) await view.put({ text: 'databases', embedding: new Float32Array(64).fill(1) });
      const { engine, warnings } = await view.find('databases');
      expect({ engine, warnings }).toEqual({
        engine: 'tantivy',
        warnings: [
          expect.stringMatching(/holds vectors .* without an embedder, so it was searched by words only/),
        ],
      });
      expect((await view.ask('databases?')).warnings).toHaveLength(1);
      expect((await view.find('databases', { mode: 'lex' })).warnings).toBeUndefined();
    }
    const plugin = { spec: 'plugin/v1', name: 'p', embedders: { hash: () => embedder } } as const;
    // Who has a plugin for them has not said that they are to be used.
    await using knowing = await open(file, { plugins: [plugin] });
    for (const { warnings } of [await knowing.find('databases'), await knowing.ask('databases?')]) {
      expect(warnings).toEqual([
        expect.stringMatching(
          /by words only: .* pass `embedder: "hash:hash-64"` to `open`, or `mode: "auto"`/,
        ),
      ]);
    }
    expect(await knowing.find('databases', { mode: 'auto' })).toMatchObject({ engine: 'hybrid' });
    await using asAdvised = await open(file, { plugins: [plugin], embedder: 'hash:hash-64' });
    expect(await asAdvised.find('databases')).toMatchObject({ engine: 'hybrid' });
    await using off = await open(file, { enableVec: false });
    expect((await off.find('databases')).warnings).toBeUndefined();

    // What is written here is noticed.
    await using fresh = await freshMemory();
    await fresh.put({ text: 'words' });
    expect((await fresh.find('words')).warnings).toBeUndefined();
    await fresh.put({
      text: 'words',
      embedding: [1, 2],
      embeddingIdentity: { provider: 'acme', model: 'm' },
    });
    expect((await fresh.find('words')).warnings).toEqual([expect.stringContaining('vectors of acme m')]);
  });

  it('a search without words goes by meaning', async () => {
    await using memory = await twoDocuments();
    expect(await memory.find('???', { mode: 'auto', queryEmbedding: A })).toMatchObject({ engine: 'vec' });
    expect(titles(await memory.find('???', { mode: 'sem', queryEmbedding: A, k: 1 }))).toEqual(['A']);
  });

  it('adaptive cuts by the scores', async () => {
    await using memory = await twoDocuments();
    const adaptive = { adaptive: true, adaptiveStrategy: 'relative', minRelevancy: 0.9 } as const;
    expect(titles(await memory.find('q', { mode: 'sem', queryEmbedding: A, ...adaptive }))).toEqual(['A']);
    expect(titles(await memory.vecSearch('q', A, adaptive))).toEqual(['A']);
    expect(titles(await memory.find('apples', { mode: 'auto', queryEmbedding: A, ...adaptive }))).toEqual([
      'A',
    ]);
    const all = { ...adaptive, minRelevancy: 0 };
    expect(titles(await memory.vecSearch('q', A, all))).toEqual(['A', 'B']);
    expect(
      (await memory.ask('q', { mode: 'sem', queryEmbedding: A, contextOnly: true, ...adaptive })).hits,
    ).toHaveLength(1);
  });

  it('vecSearch pages by k, filters, and takes any recall', async () => {
    await using memory = await freshMemory();
    const docs = Array.from({ length: 20 }, (_, n) => ({
      title: `${n}`,
      text: `number ${n}`,
      uri: `mv2://${n % 2 === 0 ? 'even' : 'odd'}/${n}`,
      metadata: { n },
      timestamp: 1000 + n,
      embedding: [Math.cos(n / 20), Math.sin(n / 20)],
    }));
    await memory.putMany(docs);
    const found = async (options: object): Promise<string[]> =>
      titles(await memory.vecSearch('q', [1, 0], options));
    expect(await found({ k: 3 })).toEqual(['0', '1', '2']);
    expect(await found({ k: 3, scope: 'mv2://odd/' })).toEqual(['1', '3', '5']);
    expect(await found({ k: 2, where: { n: { $gte: 7 } } })).toEqual(['7', '8']);
    expect(await found({ k: 2, since: 1004 })).toEqual(['4', '5']);
    for (const recall of ['fast', 'normal', 'high', 'exact', 0.1, 100]) {
      expect(await found({ k: 2, recall })).toEqual(['0', '1']);
    }
    const pages: string[] = [];
    let cursor: string | undefined;
    do {
      const page = await memory.find('q', { mode: 'sem', queryEmbedding: [1, 0], k: 7, cursor });
      pages.push(...titles(page));
      cursor = page.next_cursor ?? undefined;
    } while (cursor !== undefined);
    expect(pages).toEqual(docs.map(({ title }) => title));
  });

  it('refuses what is no vector, no fusion, no weight and no recall', async () => {
    await using memory = await twoDocuments();
    const find = (options: object) => () => memory.find('apples', wrong({ mode: 'auto', ...options }));
    await expectRefused(find({ fusion: 'sum' }), 'fusion');
    await expectRefused(find({ semanticWeight: 1.1 }), 'semanticWeight');
    await expectRefused(find({ recall: 'perfect' }), 'recall');
    await expectRefused(find({ recall: 0 }), 'recall');
    await expectRefused(find({ queryEmbedding: 'x' }), 'queryEmbedding');
    for (const mode of ['sem', 'auto']) {
      const failure = async (queryEmbedding: unknown) =>
        (await expectFailure(find({ mode, queryEmbedding }))).toJSON();
      expect(await failure([1, 0])).toMatchObject({ code: 'MV014', details: { expected: 8, actual: 2 } });
      expect((await failure([1, 0])).message).toMatch(/dimension mismatch/i);
      expect(await failure([])).toMatchObject({ code: 'MV015' });
      expect(await failure([...A.slice(1), Number.NaN])).toMatchObject({ code: 'MV015' });
      expect(await failure(A.map(() => 0))).toMatchObject({
        code: 'MV015',
        details: { reason: 'zero_vector' },
      });
    }
    expect((await expectFailure(() => memory.vecSearch('q', [1, 0]))).details).toEqual({
      expected: 8,
      actual: 2,
    });
    await expectRefused(() => memory.vecSearch('q', wrong(undefined)), 'queryEmbedding');
    // The handle works on.
    expect(titles(await memory.vecSearch('q', A, { k: 1 }))).toEqual(['A']);
  });
});

describe('what is missing is said', () => {
  it('MV011: switched off, or nothing stored', async () => {
    await using off = await freshMemory({ enableVec: false });
    await off.put({ text: 'words' });
    for (const call of [
      () => off.put({ text: 'x', embedding: A }),
      () => off.put({ text: 'x', embedder: byFirstLetter() }),
      () => off.put({ text: 'x', enableEmbedding: true }),
      () => off.putMany(DOCS),
      () => off.putMany([{ title: 't', text: 't' }], { embeddings: [A] }),
      () => off.putMany(Array.from({ length: 2000 }, () => ({ title: 't', text: 't', embedding: A }))),
      () => off.vecSearch('q', A),
      () => off.find('q', { mode: 'sem', queryEmbedding: A }),
      () => off.find('q', { mode: 'sem', embedder: byFirstLetter() }),
      () => off.ask('q', { mode: 'sem', contextOnly: true }),
    ]) {
      expect(await expectFailure(call)).toMatchObject({
        code: 'MV011',
        message: expect.stringContaining('enableVec'),
      });
    }
    expect((await off.stats()).frame_count).toBe(1);
    const lexical = await off.find('words', { mode: 'auto', queryEmbedding: A });
    expect(lexical).toMatchObject({ engine: 'tantivy', warnings: [expect.stringContaining('enableVec')] });

    await using empty = await freshMemory();
    for (const text of [undefined, 'words']) {
      if (text !== undefined) await empty.put({ text });
      for (const call of [
        () => empty.vecSearch('q', A),
        () => empty.find('q', { mode: 'sem', queryEmbedding: A }),
        () => empty.find('q', { mode: 'sem' }),
        () => empty.ask('q', { mode: 'sem', queryEmbedding: A, contextOnly: true }),
      ]) {
        expect(await expectFailure(call)).toMatchObject({
          code: 'MV011',
          message: expect.stringContaining('no vectors stored yet'),
        });
      }
    }
    expect(await empty.find('words', { mode: 'auto', queryEmbedding: A })).toMatchObject({
      engine: 'tantivy',
      hits: [{ text: 'words' }],
      warnings: [expect.stringContaining('no vectors')],
    });
  });

  it('MV014: another size than the batch or the file has, with the number of the document', async () => {
    await using memory = await freshMemory();
    const mixed = [...DOCS, { title: 'C', text: 'c', embedding: [1, 0] }];
    expect(await expectFailure(() => memory.putMany(mixed))).toMatchObject({
      code: 'MV014',
      message: expect.stringMatching(/dimension mismatch/i),
      details: { expected: 8, actual: 2, index: 2 },
    });
    const many = Array.from({ length: 1500 }, (_, n) => ({
      title: `${n}`,
      text: `${n}`,
      embedding: n === 1200 ? [1, 0] : A,
    }));
    expect(await expectFailure(() => memory.putMany(many))).toMatchObject({
      code: 'MV014',
      details: { expected: 8, actual: 2, index: 1200 },
    });
    expect(
      await expectFailure(() => memory.putMany([{ title: 't', text: 't' }], { embeddings: [] })),
    ).toMatchObject({ code: 'MV019', details: { argument: 'embeddings' } });
    expect((await memory.stats()).frame_count).toBe(0);
    await memory.putMany(DOCS);
    expect(await expectFailure(() => memory.put({ text: 'x', embedding: [1, 0] }))).toMatchObject({
      code: 'MV014',
      message: expect.stringMatching(/dimension mismatch/i),
      details: { expected: 8, actual: 2 },
    });
    expect(
      await expectFailure(() =>
        memory.putMany(many.map(({ title, text }) => ({ title, text, embedding: [1, 0, 0] }))),
      ),
    ).toMatchObject({ code: 'MV014', details: { expected: 8, actual: 3, index: 0 } });
    expect(
      await expectFailure(() => memory.put({ text: 'x', embedding: [...A.slice(1), Infinity] })),
    ).toMatchObject({ code: 'MV015' });
    expect((await memory.stats()).frame_count).toBe(2);
  });

  it('P1.3: what cannot be embedded is not stored', async () => {
    vi.stubEnv('OPENAI_API_KEY', '');
    await using memory = await freshMemory();
    const doc = { title: 't', text: 'x' };
    for (const [embeddingModel, named] of [
      ['openai-small', 'OPENAI_API_KEY'],
      ['no-such-model', 'no-such-model'],
      [undefined, 'bge-small'],
    ] as const) {
      for (const call of [
        () => memory.put({ ...doc, enableEmbedding: true, embeddingModel }),
        () => memory.putMany([doc], { enableEmbedding: true, embeddingModel }),
        () =>
          memory.putMany(
            Array.from({ length: 1100 }, () => doc),
            { enableEmbedding: true, embeddingModel },
          ),
      ]) {
        expect(await expectFailure(call)).toMatchObject({
          code: 'MV015',
          message: expect.stringContaining(named),
        });
      }
    }
    expect((await memory.stats()).frame_count).toBe(0);
    const plugin = {
      spec: 'plugin/v1',
      name: 'acme',
      embedders: { 'bge-small': () => byFirstLetter() },
    } as const;
    await using local = await freshMemory({ plugins: [plugin] });
    await local.put({ ...doc, enableEmbedding: true });
    await local.putMany([doc], { enableEmbedding: true, embeddingModel: 'bge-small' });
    expect(await local.stats()).toMatchObject({ effective_vec_dimension: 8, vector_count: 2 });
  });

  it('P1.4: a question is embedded by the model of the file, or it is said why not', async () => {
    vi.stubEnv('OPENAI_API_KEY', '');
    const openai = { provider: 'openai', model: 'text-embedding-3-small' };
    const reason = async (identities: object[], options: object = {}): Promise<string> => {
      await using memory = await freshMemory();
      for (const embeddingIdentity of identities) {
        await memory.put({ text: 'words', embedding: A, embeddingIdentity });
      }
      const failure = await expectFailure(() => memory.find('words', { mode: 'sem', ...options }));
      expect(failure.code).toBe('MV015');
      const auto = await memory.find('words', { mode: 'auto', ...options });
      expect(auto).toMatchObject({ engine: 'tantivy', warnings: [expect.any(String)] });
      return failure.message;
    };
    expect(await reason([openai])).toContain('OPENAI_API_KEY');
    expect(await reason([{}])).toContain('8 numbers fit no known one');
    expect(await reason([openai, { provider: 'acme', model: 'other' }])).toContain('several models');

    const plugin = { spec: 'plugin/v1', name: 'acme', embedders: { eight: () => byFirstLetter() } } as const;
    await using memory = await freshMemory({ plugins: [plugin] });
    await memory.putMany(DOCS, { embeddingIdentity: IDENTITY });
    expect(titles(await memory.find('a question', { mode: 'sem', k: 1 }))).toEqual(['A']);
    expect((await memory.ask('better?', { mode: 'sem', k: 1, contextOnly: true })).hits[0]?.title).toBe('B');
  });
});

describe('P1.5 bring your own embedder', () => {
  it('round trip with a custom provider of eight dimensions, in the shape of the reference', async () => {
    const calls: string[][] = [];
    const provider = {
      dimension: 8,
      modelName: 'eight',
      embedDocuments: async (texts: string[]) => {
        calls.push(texts);
        return texts.map((text) => (text.startsWith('a') ? A : B));
      },
      embedQuery: async (text: string) => (text.startsWith('a') ? A : B),
    };
    await using memory = await freshMemory();
    const docs = DOCS.map(({ title, text }) => ({ title, text }));
    await memory.putMany(docs, { embedder: provider });
    expect(calls).toEqual([docs.map(({ text }) => text)]);
    expect(titles(await memory.find('a?', { mode: 'sem', embedder: provider }))[0]).toBe('A');
    expect(titles(await memory.find('alpha', { mode: 'auto', embedder: provider }))[0]).toBe('A');
    expect((await memory.ask('a?', { embedder: provider, contextOnly: true })).context).toContain('alpha');
    expect((await memory.stats()).embedding_identity).toMatchObject({ provider: 'custom', model: 'eight' });
    const short = { ...provider, dimension: 0, embedQuery: async () => [1, 0] };
    expect(await expectFailure(() => memory.find('a', { mode: 'sem', embedder: short }))).toMatchObject({
      code: 'MV014',
      details: { expected: 8, actual: 2 },
    });
  });

  it('large batches: once for an array, in slices for a source, all or nothing', async () => {
    const embed = vi.fn(byFirstLetter().embed);
    const embedder = byFirstLetter({ embed, maxBatch: 5000 });
    const docs = Array.from({ length: 2600 }, (_, n) => ({
      title: `${n}`,
      text: n % 2 === 0 ? `apple ${n}` : `pear ${n}`,
    }));
    await using memory = await freshMemory();
    expect(await memory.putMany(docs, { embedder })).toEqual(docs.map((_, n) => String(n)));
    expect(embed).toHaveBeenCalledTimes(1);

    async function* source(): AsyncGenerator<(typeof docs)[number]> {
      yield* docs;
    }
    const progress: number[] = [];
    embed.mockClear();
    const ids = await memory.putMany(source(), {
      embedder,
      onEmbedding: ({ embedded, total }) => progress.push(embedded, total),
    });
    expect(ids).toEqual(docs.map((_, n) => String(n + 2600)));
    expect(embed).toHaveBeenCalledTimes(2);
    expect(progress).toEqual([2048, 2048, 2600, 2600]);
    expect(await memory.stats()).toMatchObject({ vector_count: 5200, active_frame_count: 5200 });
    const exact = await memory.vecSearch('q', A, { k: 2000 });
    expect(exact.hits.filter(({ score }) => score > 0.999)).toHaveLength(2000);

    let calls = 0;
    const failing = byFirstLetter({
      embed: async (texts, options) => {
        calls += 1;
        if (calls === 2) throw Object.assign(new Error('quota'), { status: 400 });
        return byFirstLetter().embed(texts, options);
      },
      maxBatch: 5000,
    });
    expect(await expectFailure(() => memory.putMany(source(), { embedder: failing }))).toMatchObject({
      code: 'MV015',
      message: expect.stringContaining('quota'),
    });
    const bad = docs.with(2500, { title: wrong(undefined), text: 'no title' });
    await expectRefused(() => memory.putMany(bad, { embedder }), 'docs[2500].title');
    expect((await memory.stats()).frame_count).toBe(5200);
  });

  it('vectors of a large batch are taken as they come: arrays, lists and iterables', async () => {
    await using memory = await freshMemory();
    const docs = Array.from({ length: 1500 }, (_, n) => ({ title: `${n}`, text: `number ${n}` }));
    const vectors = docs.map((_, n) => Float32Array.of(Math.cos(n / 1500), Math.sin(n / 1500), n % 3));
    await memory.putMany(docs, { embeddings: vectors, embeddingIdentity: { provider: 'p', model: 'list' } });
    await memory.putMany(
      docs.map((doc, n) => ({ ...doc, ...(n % 2 === 0 ? { embedding: vectors[n] } : {}) })),
      { embeddingIdentity: { provider: 'p', model: 'own' } },
    );
    await memory.putMany(
      (function* () {
        for (const [n, doc] of docs.entries()) yield { ...doc, embedding: vectors[n] };
      })(),
    );
    await memory.putMany(
      (async function* () {
        yield* docs.slice(0, 3);
      })(),
      { embeddings: vectors.slice(0, 3) },
    );
    const stats = await memory.stats();
    expect(stats).toMatchObject({ vector_count: 1500 + 750 + 1500 + 3, effective_vec_dimension: 3 });
    expect(stats.embedding_identity_summary).toMatchObject({ kind: 'mixed', total: 3753, unknown: 1503 });
    const nearest = await memory.vecSearch('q', vectors[700] ?? [], { k: 3 });
    expect(titles(nearest)).toEqual(['700', '700', '700']);
    const holed = docs.map(({ title, text }, n) => ({
      title,
      text,
      embedding: n === 1400 ? [1, 2, Number.NaN] : vectors[n],
    }));
    expect(await expectFailure(() => memory.putMany(holed))).toMatchObject({
      code: 'MV015',
      message: expect.stringContaining('1400'),
    });
    expect((await memory.stats()).vector_count).toBe(3753);
  });

  it('the memory embeds by itself when it was opened with an embedder, without network', async () => {
    await using memory = await freshMemory({ embedder: new HashEmbeddings({ dimension: 256 }) });
    await memory.put({ title: 'db', text: 'We moved the database to PostgreSQL.' });
    await memory.put({ title: 'lunch', text: 'Lunch is at noon.' });
    const found = await memory.find('databases');
    expect(found).toMatchObject({ engine: 'hybrid', hits: [{ title: 'db' }, { title: 'lunch', score: 0 }] });
    const again = await open(memory.file, {
      readOnly: true,
      embedder: new HashEmbeddings({ dimension: 256 }),
    });
    expect((await again.find('databases')).hits[0]?.title).toBe('db');
    await again.close();
  });
});

describe('P0.2 and P1.0: whose vectors a file holds', () => {
  const none = { provider: null, model: null, dimension: null, normalized: null };

  it('none, one, several, unknown; after reopening too', async () => {
    const file = freshPath();
    const memory = await compat.create(file);
    expect(await memory.stats()).toMatchObject({
      effective_vec_dimension: null,
      embedding_identity: null,
      embedding_identity_summary: { kind: 'unknown', identities: [], total: 0, unknown: 0 },
      vector_count: 0,
    });
    await memory.putMany(
      DOCS.map(({ title, text }) => ({ title, text })),
      { embeddings: [A, B], embeddingIdentity: IDENTITY },
    );
    const single = {
      effective_vec_dimension: 8,
      embedding_identity: IDENTITY,
      embedding_identity_summary: {
        kind: 'single',
        identity: IDENTITY,
        identities: [{ ...IDENTITY, count: 2 }],
        total: 2,
        unknown: 0,
      },
      vector_count: 2,
    };
    expect(await memory.stats()).toMatchObject(single);
    await memory.close();
    const again = await compat.open(file);
    expect(await again.stats()).toMatchObject(single);
    const second = { provider: 'acme', model: 'other', dimension: 8 };
    await again.put({ text: 'c', embedding: B, embeddingIdentity: second });
    await again.put({ text: 'd', embedding: A });
    const mixed = {
      embedding_identity: {
        mixed: [
          { ...IDENTITY, count: 2 },
          { ...none, ...second, count: 1 },
        ],
      },
      embedding_identity_summary: { kind: 'mixed', total: 4, unknown: 1 },
    };
    expect(await again.stats()).toMatchObject(mixed);
    await again.seal();
    expect(await again.stats()).toMatchObject(mixed);
    await again.close();

    await using nameless = await freshMemory();
    await nameless.putMany(DOCS);
    expect((await nameless.stats()).embedding_identity_summary).toMatchObject({
      kind: 'unknown',
      total: 2,
      unknown: 2,
    });
  });

  it('vectors go with their documents: removed, updated, replaced', async () => {
    await using memory = await twoDocuments();
    const [first] = (await memory.vecSearch('q', A, { k: 1 })).hits;
    const renamed = await memory.update(first?.frame_id ?? 0, { title: 'A2' });
    expect((await memory.vecSearch('q', A, { k: 1 })).hits).toMatchObject([
      { title: 'A2', frame_id: Number(renamed) },
    ]);
    await memory.update(renamed, { text: 'something else' });
    expect(titles(await memory.vecSearch('q', A))).toEqual(['B']);
    await memory.remove(1);
    expect(titles(await memory.vecSearch('q', A))).toEqual([]);
    expect(await memory.stats()).toMatchObject({ vector_count: 0, effective_vec_dimension: null });
    await memory.put({ text: 'again', embedding: A, embeddingIdentity: IDENTITY });
    expect((await memory.stats()).vector_count).toBe(1);
  });
});
