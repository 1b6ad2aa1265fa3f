import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { HashEmbeddings } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { create, type Memvid, open } from '../src/index.ts';
import { freshMemory } from './support/memory.ts';
import { expectFailure, expectRefused, wrong } from './support/refusals.ts';

const EMBEDDER = new HashEmbeddings({ dimension: 384 });

function docsOf(count: number): { title: string; text: string }[] {
  return Array.from({ length: count }, (_, n) => ({
    title: `T${n}`,
    text: `document ${n} speaks of ${n * 7} and ${n % 11} things`,
  }));
}

async function formOf(memory: Memvid): Promise<unknown> {
  const { vector_compression: form, vector_compression_reason: reason } = await memory.stats();
  return reason ?? form;
}

describe('setVectorCompression', () => {
  it('quantises what is written afterwards, for every handle', async () => {
    await using memory = await freshMemory();
    expect(await formOf(memory)).toBe('none');
    await memory.setVectorCompression(true);
    expect(await formOf(memory)).toContain('no vectors');
    await memory.putMany(docsOf(400), { embedder: EMBEDDER });
    expect(await formOf(memory)).toBe('pq96');
    await memory.close();
    await using again = await open(memory.file, { embedder: EMBEDDER });
    expect(await formOf(again)).toBe('pq96');
    await again.put({ text: 'one more document' });
    await again.seal();
    const { hits, warnings } = await again.find('document 7 speaks of 49 and 7 things', {
      mode: 'sem',
      k: 3,
      recall: 'exact',
    });
    expect(warnings).toBeUndefined();
    expect(hits[0]?.title).toBe('T7');
    expect(hits[0]?.score).toBeGreaterThan(0.8);
    expect((await again.verify({ deep: true })).overall_status).toBe('passed');
    await again.setVectorCompression(false);
    await again.put({ title: 'whole', text: 'a whole vector' });
    await again.close();
    await using last = await open(memory.file, { readOnly: true, embedder: EMBEDDER });
    expect(await formOf(last)).toBe('none');
    const found = await last.find('a whole vector', { mode: 'sem', k: 1 });
    expect(found.hits[0]?.score).toBeCloseTo(1, 5);
  });

  it('is an option of create, open, put, putMany, putFile and putFiles', async () => {
    const scratch = await freshMemory();
    const folder = join(dirname(scratch.file), 'files');
    await scratch.close();
    mkdirSync(folder);
    writeFileSync(join(folder, 'words.txt'), 'some words');
    const compressed = [
      async () => create(scratch.file, { vectorCompression: true }),
      async () => {
        await (await create(scratch.file)).close();
        return open(scratch.file, { vectorCompression: true });
      },
      async () => {
        const memory = await create(scratch.file);
        const [first, second] = await Promise.all([
          memory.put({ text: 'first', vectorCompression: true, embedder: EMBEDDER }),
          memory.put({ text: 'second', embedder: EMBEDDER }),
        ]);
        expect([first, second]).toEqual(['0', '1']);
        return memory;
      },
      async () => {
        const memory = await create(scratch.file);
        await memory.put({ text: 'words', vectorCompression: true });
        return memory;
      },
      async () => {
        const memory = await create(scratch.file);
        await memory.putMany(docsOf(3), { vectorCompression: true });
        return memory;
      },
      async () => {
        const memory = await create(scratch.file);
        await memory.putFile(join(folder, 'words.txt'), { vectorCompression: true });
        return memory;
      },
      async () => {
        const memory = await create(scratch.file);
        await memory.putFiles(folder, { vectorCompression: true });
        return memory;
      },
    ];
    for (const make of compressed) {
      await using memory = await make();
      expect(await formOf(memory)).not.toBe('none');
      await memory.putMany(docsOf(150), { embedder: EMBEDDER });
      await memory.seal();
      expect(await formOf(memory)).toBe('pq96');
    }
    await using whole = await create(scratch.file, { embedder: EMBEDDER });
    await whole.put({ text: 'words', vectorCompression: false });
    expect(await formOf(whole)).toBe('none');
  });

  it('refuses what cannot be', async () => {
    await using memory = await freshMemory();
    for (const on of ['yes', undefined, null]) {
      await expectRefused(() => memory.setVectorCompression(wrong(on)), 'on');
    }
    await expectRefused(() => memory.put({ text: 'x', vectorCompression: wrong(1) }), 'vectorCompression');
    await expectRefused(
      () => open(memory.file, { readOnly: true, vectorCompression: true }),
      'vectorCompression',
    );
    await expectRefused(
      () => open(memory.file, { enableVec: false, vectorCompression: true }),
      'vectorCompression',
    );
    await using reader = await open(memory.file, { readOnly: true });
    expect(await expectFailure(() => reader.setVectorCompression(true))).toMatchObject({ code: 'MV018' });
    await using off = await open(memory.file, { enableVec: false });
    expect(await expectFailure(() => off.setVectorCompression(true))).toMatchObject({ code: 'MV011' });
    const scope = memory.scope({ user: 'ann' });
    for (const refused of [
      () => scope.setVectorCompression(true),
      () => scope.put({ text: 'x', vectorCompression: true }),
      () => scope.putMany([{ title: 'x', text: 'x' }], { vectorCompression: true }),
    ]) {
      expect(await expectFailure(refused)).toMatchObject({ code: 'MV018', details: { reason: 'scope' } });
    }
    expect(await formOf(memory)).toBe('none');
  });

  it('reembed gives vectors that are quantised, and to another size whole ones', async () => {
    await using memory = await freshMemory();
    await memory.setVectorCompression(true);
    await memory.putMany(docsOf(200), { embedder: EMBEDDER });
    await memory.seal();
    expect(await formOf(memory)).toBe('pq96');
    const other = new HashEmbeddings({ dimension: 384, seed: 9 });
    expect(await memory.reembed({ embedder: other, batchSize: 60 })).toMatchObject({ embedded: 200 });
    expect(await formOf(memory)).toBe('pq96');
    const text = 'document 7 speaks of 49 and 7 things';
    const { hits } = await memory.find(text, { mode: 'sem', embedder: other, k: 1 });
    expect(hits[0]?.title).toBe('T7');
    await memory.reembed({ embedder: new HashEmbeddings({ dimension: 64 }) });
    expect(await formOf(memory)).toContain('64 numbers');
  });
});
