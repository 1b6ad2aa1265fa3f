import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { open, type PutManyInput } from '../src/index.ts';
import { digest, freshMemory } from './support/memory.ts';

const docs = (count: number, from = 0): PutManyInput[] =>
  Array.from({ length: count }, (_, index) => ({
    title: `Doc ${from + index}`,
    text: `item number${from + index} about quillwort`,
  }));

describe('putMany', () => {
  it('§17.6 gives the frame id of each document, in order', async () => {
    await using memory = await freshMemory();
    const ids = await memory.putMany(docs(4));
    expect(ids).toEqual(['0', '1', '2', '3']);
    await memory.remove(ids[0] ?? '');
    await expect(memory.view(0)).rejects.toMatchObject({ code: 'MV010' });
    expect(await memory.view('1')).toBe('item number1 about quillwort');
    expect(await memory.putMany([])).toEqual([]);
  });

  it('§17.32 finds every document once', async () => {
    await using memory = await freshMemory();
    await memory.putMany(docs(40));
    const { hits, total_hits } = await memory.find('quillwort', { k: 100 });
    expect(total_hits).toBe(40);
    expect(new Set(hits.map((hit) => hit.frame_id)).size).toBe(40);
  });

  it('takes every field of a document, an iterable and an async iterable', async () => {
    await using memory = await freshMemory();
    const [id] = await memory.putMany([
      {
        title: 'T',
        text: 'body',
        label: 'l',
        labels: ['m'],
        tags: ['t'],
        uri: 'mv2://x/1',
        kind: 'k',
        track: 'r',
        timestamp: '2023-01-15',
        metadata: { a: [1] },
      },
    ]);
    expect(await memory.getFrameInfo(id ?? '')).toMatchObject({
      title: 'T',
      labels: ['l', 'm'],
      tags: ['t'],
      uri: 'mv2://x/1',
      kind: 'k',
      track: 'r',
      timestamp: 1_673_740_800,
      metadata: { a: [1] },
    });
    expect(await memory.putMany(new Set(docs(2)))).toEqual(['1', '2']);
    async function* generated(): AsyncGenerator<PutManyInput> {
      yield* docs(2);
    }
    expect(await memory.putMany(generated())).toEqual(['3', '4']);
  });

  it('§17.34 stores nothing of a batch with a bad document', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'before' });
    const before = digest(memory.file);
    for (const bad of [
      { title: 'x' },
      { text: 'x' },
      null,
      'text',
      { title: 'x', text: 'y', timestamp: 'never' },
      { title: 1, text: 'y' },
    ]) {
      await expect(memory.putMany([...docs(3), bad as never, ...docs(2)])).rejects.toMatchObject({
        code: 'MV019',
        message: expect.stringContaining('docs[3]'),
      });
    }
    expect(digest(memory.file)).toBe(before);
    expect((await memory.stats()).frame_count).toBe(1);
  });

  it('takes compression levels 0 to 11 and gives the same text back', async () => {
    await using memory = await freshMemory();
    const text = 'compress me please '.repeat(50);
    for (const compressionLevel of [0, 3, 11]) {
      const [id] = await memory.putMany([{ title: 'x', text: `${text}${compressionLevel}` }], {
        compressionLevel,
      });
      expect(await memory.view(id ?? '')).toBe(`${text}${compressionLevel}`);
    }
    for (const compressionLevel of [-1, 12, 99, 2.5]) {
      await expect(memory.putMany(docs(1), { compressionLevel })).rejects.toMatchObject({
        code: 'MV019',
        message: expect.stringContaining('compressionLevel'),
      });
    }
  });

  it('reports progress and obeys a signal before anything is stored', async () => {
    await using memory = await freshMemory();
    const seen: unknown[] = [];
    await memory.putMany(docs(3), { onProgress: (progress) => seen.push(progress) });
    expect(seen).toEqual([{ processed: 3, stored: 3, failed: 0 }]);
    await expect(memory.putMany(docs(3), { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted' },
    });
    expect((await memory.stats()).frame_count).toBe(3);
  });

  it('runs in the order of the calls on one handle', async () => {
    await using memory = await freshMemory();
    const [one, two, three] = await Promise.all([
      memory.put({ text: 'a' }),
      memory.putMany(docs(3)),
      memory.put({ text: 'b' }),
    ]);
    expect([one, ...two, three]).toEqual(['0', '1', '2', '3', '4']);
  });
});

describe('putMany with onError: "report"', () => {
  it('10 000 items, 3 bad, cancelled and resumed', async () => {
    await using memory = await freshMemory();
    const bad = new Set([17, 4321, 9999]);
    const input = docs(10_000).map((doc, index) =>
      bad.has(index) ? ({ title: doc.title } as PutManyInput) : doc,
    );
    async function* source(): AsyncGenerator<PutManyInput> {
      for (const [index, doc] of input.entries()) {
        if (index % 1000 === 0) await delay(0);
        yield doc;
      }
    }
    const controller = new AbortController();
    const progress: number[] = [];
    const first = await memory.putMany(source(), {
      onError: 'report',
      batchSize: 400,
      signal: controller.signal,
      onProgress: ({ processed }) => {
        progress.push(processed);
        if (processed >= 4400) controller.abort();
      },
    });
    expect(first).toMatchObject({ complete: false, stopped_by: 'signal', failed: 2 });
    expect(first.next).toBe(first.processed);
    expect(progress.length).toBeGreaterThan(9);
    expect((await memory.stats()).frame_count).toBe(first.stored);

    const second = await memory.putMany(source(), { onError: 'report', startAt: first.next });
    expect(second).toMatchObject({ complete: true, stopped_by: null, failed: 1, next: 10_000, error: null });
    expect(first.stored + second.stored).toBe(9997);
    expect((await memory.stats()).active_frame_count).toBe(9997);

    const items = [...first.items, ...second.items];
    expect(items.map((item) => item.index)).toEqual(input.map((_, index) => index));
    for (const item of items) {
      if (bad.has(item.index)) {
        expect(item).toMatchObject({ status: 'failed', id: null, error: { code: 'MV019' } });
        expect(item.error?.message).toContain(`docs[${item.index}].text`);
      } else expect(item.status).toBe('stored');
    }
    expect(await memory.view(items[7777]?.id ?? '')).toBe('item number7777 about quillwort');
    expect((await memory.find('number9998')).total_hits).toBe(1);
  });

  it('reports duplicates', async () => {
    await using memory = await freshMemory();
    const [id] = await memory.putMany(docs(1));
    const report = await memory.putMany([...docs(1), ...docs(1, 5)], { onError: 'report', dedupe: 'skip' });
    expect(report).toMatchObject({ stored: 1, skipped: 1, failed: 0 });
    expect(report.items[0]).toMatchObject({ status: 'skipped', id, duplicate_of: id });
    const replaced = await memory.putMany(docs(1), { onError: 'report', dedupe: 'replace' });
    expect(replaced.items[0]).toMatchObject({ status: 'stored', duplicate_of: id });
    expect(replaced.items[0]?.id).not.toBe(id);
  });

  it('keeps the report when the input itself fails', async () => {
    await using memory = await freshMemory();
    function* source(): Generator<PutManyInput> {
      yield* docs(5);
      throw new Error('the disk of the input is gone');
    }
    const report = await memory.putMany(source(), { onError: 'report', batchSize: 2 });
    expect(report).toMatchObject({ complete: false, stopped_by: 'error', stored: 4, next: 4 });
    expect(report.error?.message).toContain('the disk of the input is gone');
  });

  it('lets other calls of the handle come between', async () => {
    await using memory = await freshMemory();
    const streaming = memory.putMany(docs(500), { onError: 'report', batchSize: 50 });
    const id = await memory.put({ text: 'in between' });
    expect(Number(id)).toBeLessThan(500);
    await streaming;
    await using other = await open(memory.file);
    expect((await other.stats()).active_frame_count).toBe(501);
  });
});
