import { describe, expect, it } from 'vitest';
import { open, type PutManyInput } from '../src/index.ts';
import { digest, freshMemory } from './support/memory.ts';

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
