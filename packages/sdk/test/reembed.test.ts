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
  it('replaces vectors of the same size batch by batch, and goes on where it stopped', async () => {
    await using memory = await memoryOf(250);
    const stop = new AbortController();
    const seen: number[] = [];
    const first = watched(NEW);
    const call = memory.reembed({
      embedder: first,
      batchSize: 40,
      signal: stop.signal,
      onProgress: ({ embedded, total }) => {
        seen.push(embedded);
        expect(total).toBe(250);
        if (embedded === 80) stop.abort();
      },
    });
    expect(await expectFailure(() => call)).toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted', embedded: 80, total: 250 },
    });
    expect(seen).toEqual([40, 80]);
    // Old vectors serve beside new ones.
    expect((await memory.stats()).embedding_identity_summary).toMatchObject({
      kind: 'mixed',
      total: 250,
      identities: [
        { model: OLD.model, count: 170 },
        { model: NEW.model, count: 80 },
      ],
    });
    const old = await OLD.embed(['document number 200 of many']);
    expect((await memory.vecSearch('q', old.vectors[0] ?? [], { k: 1 })).hits[0]?.title).toBe('200');

    const second = watched(NEW);
    expect(await memory.reembed({ embedder: second })).toEqual({
      embedded: 250,
      kept: 80,
      skipped: 0,
      total: 250,
      failed: [],
      identity: { provider: 'hash', model: NEW.model, dimension: 16, normalized: true },
    });
    expect(second.texts).toHaveLength(170);
    expect(first.texts.filter((text) => second.texts.includes(text))).toEqual([]);
    await expectFoundWith(memory, NEW, 250);
    const again = watched(NEW);
    expect(await memory.reembed({ embedder: again })).toMatchObject({ embedded: 250, kept: 250 });
    expect(again.texts).toEqual([]);
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
  });

  it('another size replaces all in one step; until then the old ones serve', async () => {
    await using memory = await memoryOf(120);
    const stop = new AbortController();
    const call = memory.reembed({
      embedder: WIDE,
      batchSize: 50,
      signal: stop.signal,
      onProgress: ({ embedded }) => embedded === 100 && stop.abort(),
    });
    expect(await expectFailure(() => call)).toMatchObject({ code: 'MV018', details: { reason: 'aborted' } });
    await expectFoundWith(memory, OLD, 120);
    expect(
      await memory.reembed({ embedder: WIDE, batchSize: 50, onProgress: () => undefined }),
    ).toMatchObject({ embedded: 120, kept: 0, total: 120, identity: { dimension: 48 } });
    await expectFoundWith(memory, WIDE, 120);
    expect(await memory.stats()).toMatchObject({
      effective_vec_dimension: 48,
      vector_count: 120,
      embedding_identity: { model: WIDE.model },
    });
    expect(await expectFailure(() => memory.put({ text: 'x', embedder: OLD }))).toMatchObject({
      code: 'MV014',
      details: { expected: 48, actual: 16 },
    });
    await using again = await open(memory.file, { readOnly: true, embedder: WIDE });
    expect((await again.find('number 7', { mode: 'sem', k: 1 })).hits).toHaveLength(1);
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
      if (embedder === WIDE) {
        expect(result).toMatchObject({ embedded: 59, total: 59 });
        expect((await memory.stats()).embedding_identity).toMatchObject({ model: WIDE.model });
      } else {
        // What came since is left for another call.
        expect((await memory.reembed({ embedder })).kept).toBe(57);
        expect((await memory.stats()).embedding_identity).toMatchObject({ model: NEW.model });
      }
      expect(await memory.stats()).toMatchObject({ vector_count: 59, active_frame_count: 59 });
    }
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
    await memory.setVectorCompression(false);
    expect(await expectFailure(() => memory.setVectorCompression(true))).toMatchObject({ code: 'MV018' });
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
      expect((await memory.stats()).vector_count).toBe(400);
      expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
      const embedder = new HashEmbeddings({ dimension, seed });
      expect(await memory.reembed({ embedder })).toMatchObject({
        embedded: 400,
        kept: dimension === 16 ? 90 : 0,
      });
      await expectFoundWith(memory, embedder, 400);
      expect((await memory.stats()).embedding_identity).toMatchObject({ model: embedder.model });
    }
  });
});
