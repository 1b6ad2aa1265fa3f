import { describe, expect, it } from 'vitest';
import { open, type PutManyInput, type PutManyOptions } from '../src/index.ts';
import { letters } from './support/letters.ts';
import { digest, freshMemory } from './support/memory.ts';
import { expectFailure } from './support/refusals.ts';

/** Every seventh with all fields. */
function doc(number: number): PutManyInput {
  const plain = {
    title: `Doc ${number}`,
    text: `item number${number} about quillwort, 2024-05-0${(number % 9) + 1}`,
  };
  if (number % 7 !== 0) return plain;
  return {
    ...plain,
    label: 'l',
    labels: ['m'],
    tags: [`t${number}`],
    uri: `mv2://x/${number}`,
    kind: 'k',
    track: 'r',
    timestamp: number,
    metadata: { number },
    searchText: `searched${number}`,
  };
}

function* docs(count: number): Generator<PutManyInput> {
  for (let number = 0; number < count; number += 1) yield doc(number);
}

describe('putMany of many documents', () => {
  it('takes them slice by slice, from an array and from an iterable, with every field', async () => {
    for (const source of [[...docs(3000)], docs(3000)]) {
      await using memory = await freshMemory();
      const progress: unknown[] = [];
      const ids = await memory.putMany(source, { onProgress: (one) => void progress.push(one) });
      expect(ids).toEqual(Array.from({ length: 3000 }, (_, index) => String(index)));
      expect(progress).toEqual([{ processed: 3000, stored: 3000, failed: 0 }]);
      expect(await memory.getFrameInfo('2800')).toMatchObject({
        title: 'Doc 2800',
        labels: ['l', 'm'],
        tags: ['t2800'],
        uri: 'mv2://x/2800',
        kind: 'k',
        track: 'r',
        timestamp: 2800,
        metadata: { number: 2800 },
      });
      expect(await memory.getFrameInfo('2801')).toMatchObject({
        title: 'Doc 2801',
        labels: ['text'],
        tags: [],
        uri: 'mv2://frames/2801',
      });
      const { hits } = await memory.find('number2801');
      expect(hits.map(({ frame_id, content_dates }) => [frame_id, content_dates])).toEqual([
        [2801, ['2024-05-03']],
      ]);
      expect((await memory.find('searched2800')).hits.map((hit) => hit.frame_id)).toEqual([2800]);
      expect((await memory.find('number2800')).hits).toEqual([]);
      expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
    }
  });

  it('keeps the vector of each, and what made it, whether or not it is known how many come', async () => {
    const embedding = (number: number): Float32Array =>
      Float32Array.of(Math.cos(number), Math.sin(number), 1);
    const embedded = function* (count: number): Generator<PutManyInput> {
      const reused = new Float32Array(3);
      for (let number = 0; number < count; number += 1) {
        // The same array each time: what it holds when the document is given is what counts.
        reused.set(embedding(number));
        const embeddingIdentity = { provider: 'mine', model: number < 2000 ? 'old' : 'new' };
        yield number % 3 === 1 ? doc(number) : { ...doc(number), embedding: reused, embeddingIdentity };
      }
    };
    const copied = Array.from(embedded(3000), (one, number) =>
      one.embedding === undefined ? one : { ...one, embedding: embedding(number) },
    );
    for (const source of [embedded(3000), copied]) {
      await using memory = await freshMemory();
      await memory.putMany(source);
      for (const number of [0, 3, 1999, 2001, 2999]) {
        const near = await memory.find('quillwort', { mode: 'sem', queryEmbedding: embedding(number), k: 1 });
        const expected = number % 3 === 1 ? [] : [number];
        if (expected.length > 0) expect(near.hits.map(({ frame_id }) => frame_id)).toEqual(expected);
      }
      expect(await memory.stats()).toMatchObject({ vector_count: 2000 });
      expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
    }
  });

  it('stores nothing when a document or the source fails behind the first slices', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'here before' });
    await memory.seal();
    const before = digest(memory.file);
    const failing = function* (): Generator<PutManyInput> {
      yield* docs(5000);
      throw new Error('the source broke');
    };
    await expect(memory.putMany(failing())).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'docs[5000]' },
    });
    const bad = [...docs(5000), { title: 'T' } as PutManyInput];
    await expect(memory.putMany(bad)).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'docs[5000].text' },
    });
    const tagged = [...docs(5000), { title: 'T', text: 'x', tags: Array.from({ length: 1025 }, () => 't') }];
    await expect(memory.putMany(tagged)).rejects.toMatchObject({ code: 'MV019' });
    const withVector = function* (): Generator<PutManyInput> {
      yield* docs(5000);
      yield { ...doc(1), embedding: [1, 2, Number.NaN] };
    };
    await expect(memory.putMany(withVector())).rejects.toMatchObject({ code: 'MV015' });
    expect(digest(memory.file)).toBe(before);
    expect((await memory.find('quillwort')).hits).toEqual([]);
    expect(await memory.putMany([...docs(2000)])).toHaveLength(2000);
  });

  it('waits for an iterable of promises before the transaction', async () => {
    await using memory = await freshMemory();
    const later = new Set([Promise.resolve(doc(1)), Promise.resolve(doc(2))]);
    expect(await memory.putMany(later as unknown as Iterable<PutManyInput>)).toEqual(['0', '1']);
  });

  it('takes large texts in small slices', async () => {
    await using memory = await freshMemory();
    const large = (number: number): string => `number${number} ${'word '.repeat(60_000)}`;
    const ids = await memory.putMany(
      (function* () {
        for (let number = 0; number < 20; number += 1) yield { title: `T ${number}`, text: large(number) };
      })(),
    );
    expect(await memory.view(ids[19] ?? '')).toBe(large(19));
  });

  it('ends without a trace when its signal is aborted on the way', async () => {
    await using memory = await freshMemory();
    const before = digest(memory.file);
    const controller = new AbortController();
    const source = function* (): Generator<PutManyInput> {
      for (const one of docs(20_000)) {
        if (one.title === 'Doc 9000') controller.abort(new Error('enough'));
        yield one;
      }
    };
    await expect(memory.putMany(source(), { signal: controller.signal })).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted' },
    });
    expect(digest(memory.file)).toBe(before);
  });

  it('keeps the order of the calls, lets reads in, and leaves timers their turn', async () => {
    await using memory = await freshMemory();
    let ticks = 0;
    const timer = setInterval(() => (ticks += 1), 1);
    const many = memory.putMany(docs(20_000));
    const one = memory.put({ text: 'the last' });
    await using reader = await open(memory.file, { readOnly: true });
    expect((await reader.stats()).frame_count).toBe(0);
    expect(await many).toHaveLength(20_000);
    expect(await one).toBe('20000');
    clearInterval(timer);
    expect(ticks).toBeGreaterThan(3);
    expect((await reader.stats()).frame_count).toBe(20_001);
  });
});

/** Lets what is under way go on. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

/** What a source gave, and whether its `return` was called. */
interface Watched {
  taken: number;
  isReturned: boolean;
}

/** Documents without an end; `item` is asked for what stands at a place of its own. */
function* endless(
  watched: Watched,
  item: (number: number) => PutManyInput | Promise<PutManyInput> = doc,
): Generator<PutManyInput> {
  try {
    for (; ; watched.taken += 1) yield item(watched.taken) as PutManyInput;
  } finally {
    watched.isReturned = true;
  }
}

async function* endlessInTime(watched: Watched): AsyncGenerator<PutManyInput> {
  yield* endless(watched);
}

const pending = new Promise<never>(() => undefined);

describe('close() ends a putMany of', () => {
  it.each<
    [
      name: string,
      source: (watched: Watched) => Iterable<PutManyInput> | AsyncIterable<PutManyInput>,
      options: PutManyOptions,
      from: number,
    ]
  >([
    ['an endless iterable', (watched) => endless(watched), {}, 2000],
    ['an endless async iterable', endlessInTime, {}, 2000],
    ['an endless iterable of promises', (watched) => endless(watched, async (n) => doc(n)), {}, 2000],
    [
      'an iterable in which a promise is pending',
      (watched) => endless(watched, (n) => (n === 200 ? pending : doc(n))),
      {},
      200,
    ],
    ['an endless iterable that is embedded', (watched) => endless(watched), { embedder: letters() }, 5000],
    ['an endless async iterable that is embedded', endlessInTime, { embedder: letters() }, 5000],
    ['an endless iterable with a list of vectors', (watched) => endless(watched), { embeddings: [] }, 5000],
  ])('%s', async (_, source, options, from) => {
    const memory = await freshMemory();
    await memory.put({ text: 'here before' });
    const watched: Watched = { taken: 0, isReturned: false };
    const many = expectFailure(() => memory.putMany(source(watched), options));
    while (watched.taken < from) await turn();
    await memory.close();
    expect(await many).toMatchObject({
      name: 'ClosedHandleError',
      code: 'MV018',
      details: { path: memory.file, reason: 'closed' },
    });
    // A source of which one is waited for hears of it with that one.
    await turn();
    const { taken } = watched;
    expect(watched.isReturned).toBe(true);
    await turn();
    expect(watched.taken).toBe(taken);
    await using reader = await open(memory.file, { readOnly: true });
    expect((await reader.stats()).frame_count).toBe(1);
    expect((await reader.verify({ deep: true })).overall_status).toBe('passed');
  });

  it.each([{}, { embedder: letters() }])('an async iterable that gives nothing any more', async (options) => {
    const memory = await freshMemory();
    const watched: Watched = { taken: 0, isReturned: false };
    let give = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      give = resolve;
    });
    const source = async function* (): AsyncGenerator<PutManyInput> {
      for (const one of endless(watched)) {
        if (watched.taken === 3) await gate;
        yield one;
      }
    };
    const many = expectFailure(() => memory.putMany(source(), options));
    while (watched.taken < 3) await turn();
    await memory.close();
    expect(await many).toMatchObject({ name: 'ClosedHandleError', details: { reason: 'closed' } });
    give();
    await turn();
    expect(watched).toEqual({ taken: 3, isReturned: true });
  });

  it('an iterable that waits for its turn, of which no more is taken', async () => {
    const memory = await freshMemory();
    let answer = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const slow = letters({
      embed: async (texts) => gate.then(() => ({ vectors: texts.map(() => Float32Array.of(1, 0, 0, 0)) })),
    });
    const before = memory.put({ text: 'alpha', embedder: slow });
    const watched: Watched = { taken: 0, isReturned: false };
    const many = expectFailure(() => memory.putMany(endless(watched)));
    await turn();
    const closing = memory.close();
    answer();
    expect(await before).toBe('0');
    expect(await many).toMatchObject({ name: 'ClosedHandleError' });
    await closing;
    expect(watched).toEqual({ taken: 0, isReturned: true });
  });

  it('an iterable in a scope, with the scope', async () => {
    await using memory = await freshMemory();
    const scope = memory.scope({ user: 'ann' });
    const watched: Watched = { taken: 0, isReturned: false };
    const many = expectFailure(() => scope.putMany(endless(watched)));
    while (watched.taken < 2000) await turn();
    await scope.close();
    expect(await many).toMatchObject({ name: 'ClosedHandleError' });
    expect(watched.isReturned).toBe(true);
    expect(await memory.put({ text: 'goes on' })).toBe('0');
  });

  it('an endless iterable that reports, behind the batch in flight', async () => {
    const memory = await freshMemory();
    const watched: Watched = { taken: 0, isReturned: false };
    const many = memory.putMany(endless(watched), { onError: 'report', batchSize: 100 });
    while (watched.taken < 500) await turn();
    await memory.close();
    const report = await many;
    expect(report).toMatchObject({
      complete: false,
      stopped_by: 'error',
      error: { name: 'ClosedHandleError' },
      next: report.stored,
    });
    expect(report.stored % 100).toBe(0);
    expect(report.stored).toBeGreaterThanOrEqual(400);
    expect(watched.isReturned).toBe(true);
    await using reader = await open(memory.file, { readOnly: true });
    expect((await reader.stats()).frame_count).toBe(report.stored);
  });

  it('nothing that is known to its end', async () => {
    const memory = await freshMemory();
    let answer = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const slow = letters({
      embed: async (texts) => gate.then(() => ({ vectors: texts.map(() => Float32Array.of(1, 0, 0, 0)) })),
    });
    const array = memory.putMany([...docs(5000)]);
    // Behind another, it is not read yet.
    const few = expectFailure(() => memory.putMany(docs(3)));
    const embedded = memory.putMany(docs(10), { embedder: slow });
    while (slow.texts.length === 0) await turn();
    const closing = memory.close();
    answer();
    expect(await array).toHaveLength(5000);
    expect(await embedded).toHaveLength(10);
    await closing;
    expect(await few).toMatchObject({ name: 'ClosedHandleError' });
  });
});

it('a signal ends a putMany of a source that gives nothing any more', async () => {
  await using memory = await freshMemory();
  const stop = new AbortController();
  const source = async function* (): AsyncGenerator<PutManyInput> {
    yield doc(0);
    stop.abort(new Error('enough'));
    await pending;
  };
  expect(await expectFailure(() => memory.putMany(source(), { signal: stop.signal }))).toMatchObject({
    code: 'MV018',
    details: { operation: 'putMany', reason: 'aborted' },
    cause: { message: 'enough' },
  });
});
