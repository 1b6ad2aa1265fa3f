import { AsyncResource } from 'node:async_hooks';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { type Embedder, HashEmbeddings } from '@memvid/core';
import { describe, expect, it, vi } from 'vitest';
import { type Memvid, open } from '../src/index.ts';
import { expectAlone, freshMemory } from './support/memory.ts';
import { expectFailure, expectRefused, wrong } from './support/refusals.ts';

/** The built package: other processes cannot run the source. */
const SDK = join(import.meta.dirname, '../dist/index.js');

const OLD = new HashEmbeddings({ dimension: 16 });
const NEW = new HashEmbeddings({ dimension: 16, seed: 7 });
const WIDE = new HashEmbeddings({ dimension: 48 });

/** An embedder that tells what it is asked. */
function watched(
  embedder: Embedder,
  changes: (texts: readonly string[]) => void = () => undefined,
): Embedder & { texts: string[] } {
  const texts: string[] = [];
  return Object.assign(Object.create(embedder) as Embedder, {
    texts,
    embed: async (asked: readonly string[], options: Parameters<Embedder['embed']>[1]) => {
      changes(asked);
      texts.push(...asked);
      return embedder.embed(asked, options);
    },
  });
}

async function memoryOf(count: number): Promise<Memvid & { file: string }> {
  const memory = await freshMemory();
  const docs = Array.from({ length: count }, (_, n) => ({
    title: `${n}`,
    text: `document number ${n} of many`,
  }));
  await memory.putMany(docs, { embedder: OLD });
  return memory;
}

/** Every document is found by its own text, when that is embedded with the model. */
async function expectFoundWith(memory: Memvid, embedder: Embedder, count: number): Promise<void> {
  for (let n = 0; n < count; n += Math.ceil(count / 20)) {
    // With few numbers some documents have the same vector.
    const options = { mode: 'sem', embedder, k: 20 } as const;
    const { hits, warnings } = await memory.find(`document number ${n} of many`, options);
    expect(warnings).toBeUndefined();
    expect(hits.find(({ title }) => title === String(n))?.score).toBeCloseTo(1, 4);
  }
}

describe('reembed', () => {
  it.each([
    ['the same size', NEW],
    ['another size', WIDE],
  ])('vectors of %s wait until all are made, and a call that was ended goes on', async (_, embedder) => {
    await using memory = await memoryOf(250);
    const stop = new AbortController();
    const seen: number[] = [];
    const first = watched(embedder);
    const call = memory.reembed({
      embedder: first,
      batchSize: 40,
      signal: stop.signal,
      onProgress: ({ embedded, reused, total }) => {
        seen.push(embedded);
        expect([reused, total]).toEqual([0, 250]);
        if (embedded === 80) stop.abort();
      },
    });
    expect(await expectFailure(() => call)).toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted', embedded: 80, total: 250 },
    });
    expect(seen).toEqual([40, 80]);
    // Nothing is seen of the new ones.
    const before = await memory.stats();
    expect(before).toMatchObject({
      vector_count: 250,
      effective_vec_dimension: 16,
      embedding_identity: { model: OLD.model },
      staged_vectors: { identity: { model: embedder.model }, count: 80 },
    });
    await expectFoundWith(memory, OLD, 250);
    expect(await memory.scope({ user: 'ann' }).stats()).toMatchObject({ staged_vectors: null });

    const second = watched(embedder);
    expect(await memory.reembed({ embedder: second })).toEqual({
      embedded: 170,
      reused: 80,
      skipped: 0,
      total: 250,
      discarded: 0,
      failed: [],
      identity: {
        provider: 'hash',
        model: embedder.model,
        dimension: embedder.dimensions,
        normalized: true,
      },
    });
    expect(second.texts).toHaveLength(170);
    expect(first.texts.filter((text) => second.texts.includes(text))).toEqual([]);
    await expectFoundWith(memory, embedder, 250);
    const after = await memory.stats();
    expect(after).toMatchObject({
      vector_count: 250,
      effective_vec_dimension: embedder.dimensions,
      embedding_identity: { model: embedder.model },
      staged_vectors: null,
    });
    const again = watched(embedder);
    expect(await memory.reembed({ embedder: again })).toMatchObject({ embedded: 0, reused: 250, total: 250 });
    expect(again.texts).toEqual([]);
    expect((await memory.stats()).generation).toBe(after.generation);
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
    const other = embedder === WIDE ? OLD : WIDE;
    expect(await expectFailure(() => memory.put({ text: 'x', embedder: other }))).toMatchObject({
      code: 'MV014',
      details: { expected: embedder.dimensions, actual: other.dimensions },
    });
    await using reader = await open(memory.file, { readOnly: true, embedder });
    expect((await reader.find('number 7', { mode: 'sem', k: 1 })).hits).toHaveLength(1);
  });

  it('vectors that wait for another model are thrown away, and so they are when the signal says so', async () => {
    await using memory = await memoryOf(100);
    const ended = async (embedder: Embedder, onAbort?: 'keep' | 'discard'): Promise<void> => {
      const stop = new AbortController();
      const call = memory.reembed({
        embedder,
        batchSize: 20,
        signal: stop.signal,
        onProgress: ({ embedded }) => embedded === 40 && stop.abort(),
        onAbort,
      });
      expect(await expectFailure(() => call)).toMatchObject({ details: { reason: 'aborted' } });
    };
    await ended(WIDE, 'discard');
    expect(await memory.stats()).toMatchObject({
      staged_vectors: null,
      embedding_identity: { model: OLD.model },
    });
    await ended(WIDE);
    expect(await memory.stats()).toMatchObject({ staged_vectors: { count: 40, bytes: expect.any(Number) } });
    expect(await memory.reembed({ embedder: NEW })).toMatchObject({
      embedded: 100,
      reused: 0,
      discarded: 40,
    });
    await expectFoundWith(memory, NEW, 100);
    // Who asks for the model that is there wants nothing else to wait.
    await ended(WIDE);
    const alive = await memory.stats();
    expect(await memory.reembed({ embedder: NEW })).toMatchObject({
      embedded: 0,
      reused: 100,
      discarded: 40,
    });
    const dropped = await memory.stats();
    expect(dropped.staged_vectors).toBeNull();
    expect(dropped.size_bytes - dropped.dead_bytes).toBeLessThan(alive.size_bytes - alive.dead_bytes);
  });

  it('embeds no document of a mixed file that has such a vector', async () => {
    await using memory = await memoryOf(30);
    const docs = Array.from({ length: 30 }, (_, n) => ({
      title: `${30 + n}`,
      text: `document number ${30 + n} of many`,
    }));
    await memory.putMany(docs, { embedder: NEW });
    expect((await memory.stats()).embedding_identity_summary.kind).toBe('mixed');
    const embedder = watched(NEW);
    expect(await memory.reembed({ embedder })).toMatchObject({ embedded: 30, reused: 30, total: 60 });
    expect(embedder.texts).toHaveLength(30);
    await expectFoundWith(memory, NEW, 60);
    expect((await memory.stats()).embedding_identity).toMatchObject({ model: NEW.model });
  });

  it('keeps what was made when the embedder fails in the middle', async () => {
    for (const embedder of [NEW, WIDE]) {
      await using memory = await memoryOf(100);
      let calls = 0;
      const failing = watched(embedder, () => {
        calls += 1;
        if (calls === 4) throw Object.assign(new Error('no key'), { status: 401 });
      });
      const failure = await expectFailure(() => memory.reembed({ embedder: failing, batchSize: 25 }));
      expect(failure).toMatchObject({ message: expect.stringContaining('no key') });
      expect(await memory.stats()).toMatchObject({
        embedding_identity: { model: OLD.model },
        staged_vectors: { count: 75 },
      });
      const second = watched(embedder);
      expect(await memory.reembed({ embedder: second })).toMatchObject({ embedded: 25, reused: 75 });
      expect(second.texts).toHaveLength(25);
      await expectFoundWith(memory, embedder, 100);
    }
  });

  it('takes in what others store, change and remove meanwhile', async () => {
    for (const embedder of [NEW, WIDE]) {
      await using memory = await memoryOf(60);
      let isFirst = true;
      const watching = watched(embedder, (texts) => {
        if (!isFirst || !texts.includes('document number 30 of many')) return;
        isFirst = false;
        void memory.remove(2);
        void memory.remove(31);
        void memory.update(32, { text: 'changed in between', embedder: OLD });
        void memory.put({ text: 'new in between', embedder: OLD });
      });
      const result = await memory.reembed({ embedder: watching, batchSize: 20 });
      expect(result).toMatchObject({ embedded: 59, reused: 0, skipped: 0, total: 59 });
      expect((await memory.stats()).embedding_identity).toMatchObject({ model: embedder.model });
      const options = { mode: 'sem', embedder, k: 1 } as const;
      expect((await memory.find('new in between', options)).hits[0]?.score).toBeCloseTo(1, 4);
      expect((await memory.find('changed in between', options)).hits[0]?.score).toBeCloseTo(1, 4);
      expect(await memory.stats()).toMatchObject({ vector_count: 59, active_frame_count: 59 });
    }
  });

  it('ends although documents come with every one that is embedded', async () => {
    await using memory = await memoryOf(20);
    const puts: Promise<unknown>[] = [];
    // Somebody else stores them, whom nothing here waits for: in the embedder itself it would be refused.
    const store = AsyncResource.bind(() => {
      const put = memory.put({ text: `late document ${puts.length}`, embedder: OLD });
      puts.push(put.catch((error: unknown) => (error as { code: string }).code));
    });
    const watching = watched(WIDE, store);
    const result = await memory.reembed({ embedder: watching });
    const late = await Promise.all(puts);
    expect(late.slice(0, 3)).toEqual(['20', '21', '22']);
    // The last ones waited for the swap, and are of the wrong size then.
    expect(late.at(-1)).toBe('MV014');
    expect(result.embedded).toBe(result.total);
    expect((await memory.stats()).embedding_identity).toMatchObject({ model: WIDE.model });
  });

  it('embeds what has no vector yet, what is searched, and says what it left out', async () => {
    await using memory = await freshMemory();
    await memory.put({ title: 'plain', text: 'words' });
    await memory.put({ title: 'other', text: 'shown', searchText: 'searched' });
    await memory.put({ title: 'blank', text: ' ' });
    await memory.put({ title: 'bad', text: 'refused' });
    await memory.put({ title: 'long', text: 'a long text '.repeat(400) });
    const picky = watched(OLD, (texts) => {
      if (texts.includes('refused')) throw Object.assign(new Error('not this one'), { status: 400 });
    });
    expect(await memory.reembed({ embedder: picky })).toMatchObject({
      embedded: 3,
      skipped: 2,
      total: 5,
      failed: [{ frame_id: 3, error: { code: 'MV015', message: expect.stringContaining('not this one') } }],
    });
    expect(picky.texts).toEqual(expect.arrayContaining(['words', 'searched', 'a long text '.repeat(400)]));
    expect((await memory.stats()).vector_count).toBe(3);
    // A vector that could not be replaced must not be lost.
    await memory.put({ title: 'bare', text: '', embedding: new Float32Array(16).fill(1) });
    const failure = await expectFailure(() => memory.reembed({ embedder: WIDE }));
    expect(failure).toMatchObject({ code: 'MV015', details: { reason: 'left_behind' } });
    expect(await memory.stats()).toMatchObject({ effective_vec_dimension: 16, vector_count: 4 });
  });

  it('refuses what cannot be', async () => {
    await using memory = await memoryOf(3);
    await expectRefused(() => memory.reembed(), 'embedder');
    await expectRefused(() => memory.reembed({ embedder: OLD, batchSize: 0 }), 'batchSize');
    await expectRefused(() => memory.reembed({ embedder: OLD, onProgress: wrong(1) }), 'onProgress');
    await expectRefused(
      () =>
        memory.reembed({
          embedder: NEW,
          onProgress: () => {
            throw new Error('x');
          },
        }),
      'onProgress',
    );
    expect(await expectFailure(() => memory.reembed({ embedder: 'no-such' }))).toMatchObject({
      code: 'MV015',
    });
    const embed = vi.fn(async () => Promise.reject(Object.assign(new Error('no key'), { status: 401 })));
    const failing = {
      ...watched(WIDE),
      spec: 'embedder/v1',
      provider: 'p',
      model: 'm',
      maxBatch: 10,
      embed,
    } as const;
    expect(await expectFailure(() => memory.reembed({ embedder: failing }))).toMatchObject({ code: 'MV015' });
    expect(await expectFailure(() => memory.scope({ user: 'ann' }).reembed({ embedder: NEW }))).toMatchObject(
      {
        code: 'MV018',
        details: { operation: 'reembed', reason: 'scope' },
      },
    );
    await using reader = await open(memory.file, { readOnly: true });
    expect(await expectFailure(() => reader.reembed({ embedder: OLD }))).toMatchObject({ code: 'MV018' });
    await using off = await open(memory.file, { enableVec: false });
    expect(await expectFailure(() => off.reembed({ embedder: OLD }))).toMatchObject({ code: 'MV011' });
    await expectRefused(() => memory.reembed({ embedder: OLD, onAbort: wrong('stay') }), 'onAbort');
  });

  it('killed in the middle: nothing is lost, and the next call goes on', async () => {
    const made = await memoryOf(400);
    await made.close();
    for (const [seed, dimension] of [
      [7, 16],
      [0, 48],
    ] as const) {
      const code = `
        const sdk = await import(${JSON.stringify(SDK)});
        const { HashEmbeddings } = await import('@memvid/core');
        const memory = await sdk.open(${JSON.stringify(made.file)});
        await memory.reembed({
          embedder: new HashEmbeddings({ dimension: ${dimension}, seed: ${seed} }),
          batchSize: 30,
          onProgress: ({ embedded }) => {
            if (embedded >= 90) process.kill(process.pid, 'SIGKILL');
          },
        });`;
      const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
        cwd: join(import.meta.dirname, '..'),
        stdio: ['ignore', 'inherit', 'inherit'],
      });
      expect(await once(child, 'close')).toEqual([null, 'SIGKILL']);
      expectAlone(made.file);
      await using memory = await open(made.file);
      expect(await memory.stats()).toMatchObject({ vector_count: 400, staged_vectors: { count: 90 } });
      expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
      const embedder = watched(new HashEmbeddings({ dimension, seed }));
      expect(await memory.reembed({ embedder })).toMatchObject({ embedded: 310, reused: 90 });
      expect(embedder.texts).toHaveLength(310);
      await expectFoundWith(memory, embedder, 400);
      expect((await memory.stats()).embedding_identity).toMatchObject({ model: embedder.model });
    }
  });

  it('an embedder that stores something each time is refused when the writes wait for it', async () => {
    await using memory = await memoryOf(3);
    const refusals: unknown[] = [];
    const embedder: Embedder = Object.assign(Object.create(NEW) as Embedder, {
      embed: async (texts: readonly string[], options: Parameters<Embedder['embed']>[1]) => {
        expect((await memory.find('document')).total_hits).toBeGreaterThan(0);
        await memory.put({ text: `document for ${texts.length}` }).catch((error) => refusals.push(error));
        return NEW.embed(texts, options);
      },
    });
    expect(await memory.reembed({ embedder })).toMatchObject({ embedded: 8, total: 8 });
    expect(refusals).toMatchObject([
      { code: 'MV018', details: { operation: 'put', reason: 'own_embedder' } },
    ]);
    expect(await memory.stats()).toMatchObject({ frame_count: 8, vector_count: 8 });
  });
});
