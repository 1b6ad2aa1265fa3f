import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, HashEmbeddings, open } from '@memvid/sdk';
import { describe, expect, it } from 'vitest';
import { reference } from './support/reference.ts';
import { referenceProgram } from './support/places.ts';
import { leftOut, scratch } from './support/workspace.ts';

const noProgram = leftOut('the reference searches and rewrites our vectors', referenceProgram().missing);

const DIMENSION = 8;
/** From 1000 vectors on the reference writes a graph, which it loses at its next commit. */
const COUNT = 1200;

function vectorOf(number: number): number[] {
  let state = Math.imul(number + 1, 2_654_435_761) >>> 0;
  return Array.from({ length: DIMENSION }, () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 31 - 1;
  });
}

describe.skipIf(noProgram)('vectors between the reference and us', { timeout: 120_000 }, () => {
  it('are found by the reference, survive its commits, and are given back to it', async () => {
    const home = scratch();
    const path = join(home, 'memory.mv2');
    const numbers = Array.from({ length: COUNT }, (_, number) => number);
    const documents = numbers.map((number) => ({ title: `T${number}`, text: `text number ${number}` }));
    {
      await using memory = await create(path);
      await memory.putMany(documents, { embeddings: numbers.map(vectorOf) });
    }
    const nearest = (number: number): number[] => {
      const run = reference(
        home,
        'vec-search',
        path,
        `--vector=${vectorOf(number).join(',')}`,
        '--limit',
        '1',
        '--json',
      );
      if (run.status !== 0) return [];
      return (JSON.parse(run.output) as { frame_id: number }[]).map((hit) => hit.frame_id);
    };
    expect(reference(home, 'verify', path, '--deep').output).toContain('Overall: Passed');
    expect(nearest(7)).toEqual([7]);
    for (const word of ['one', 'two', 'three']) {
      const file = join(home, `${word}.txt`);
      writeFileSync(file, `words ${word}`);
      expect(reference(home, 'put', path, '--input', file).status).toBe(0);
    }
    expect(nearest(7), 'the reference has lost its graph').toEqual([]);
    {
      await using memory = await open(path);
      const stats = await memory.stats();
      expect(stats.vector_count).toBe(COUNT);
      const { hits } = await memory.find('number', { mode: 'sem', queryEmbedding: vectorOf(7), k: 1 });
      expect(hits.map((hit) => hit.frame_id)).toEqual([7]);
      await memory.put({ text: 'after the reference', embedding: vectorOf(COUNT) });
    }
    expect(nearest(7)).toEqual([7]);
    expect(nearest(COUNT)).toEqual([COUNT + 3]);
    expect(reference(home, 'verify', path, '--deep').output).toContain('Overall: Passed');
    await using memory = await open(path);
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
  });

  it('that wait for a swap survive its commits, and are found by it afterwards', async () => {
    const home = scratch();
    const path = join(home, 'memory.mv2');
    const narrow = new HashEmbeddings({ dimension: 8 });
    const wide = new HashEmbeddings({ dimension: 24 });
    const texts = Array.from({ length: 60 }, (_, number) => `text number ${number}`);
    const stop = new AbortController();
    {
      await using memory = await create(path, { embedder: narrow });
      await memory.putMany(texts.map((text, number) => ({ title: `T${number}`, text })));
      const ended = memory.reembed({
        embedder: wide,
        batchSize: 20,
        signal: stop.signal,
        onProgress: ({ embedded }) => embedded === 40 && stop.abort(),
      });
      await expect(ended).rejects.toMatchObject({ details: { reason: 'aborted' } });
    }
    const nearest = async (embedder: HashEmbeddings, text: string): Promise<unknown> => {
      const { vectors } = await embedder.embed([text]);
      const vector = `--vector=${[...(vectors[0] ?? [])].join(',')}`;
      const run = reference(home, 'vec-search', path, vector, '--limit', '1', '--json');
      expect(run.error).toBe('');
      return (JSON.parse(run.output) as { frame_id: number }[]).map((hit) => hit.frame_id);
    };
    expect(await nearest(narrow, 'text number 7')).toEqual([7]);
    expect(reference(home, 'verify', path, '--deep').output).toContain('Overall: Passed');
    for (const word of ['one', 'two']) {
      const file = join(home, `${word}.txt`);
      writeFileSync(file, `words ${word}`);
      expect(reference(home, 'put', path, '--input', file).status).toBe(0);
    }
    {
      await using memory = await open(path);
      expect(await memory.stats()).toMatchObject({ staged_vectors: { count: 40 }, vector_count: 60 });
      expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
      expect(await memory.reembed({ embedder: wide })).toMatchObject({ embedded: 22, reused: 40, total: 62 });
    }
    expect(await nearest(wide, 'text number 7')).toEqual([7]);
    expect(await nearest(wide, 'words two')).toEqual([61]);
    expect(reference(home, 'verify', path, '--deep').output).toContain('Overall: Passed');
  });

  it('that are product-quantised are searched by it, survive its commits, and are given back to it', async () => {
    const home = scratch();
    const path = join(home, 'memory.mv2');
    const embedder = new HashEmbeddings({ dimension: 384 });
    const texts = Array.from({ length: 500 }, (_, number) => `text number ${number} of words ${number % 17}`);
    {
      await using memory = await create(path, { embedder, vectorCompression: true });
      expect(reference(home, 'verify', path, '--deep').output).toContain('Overall: Passed');
      await memory.putMany(texts.map((text, number) => ({ title: `T${number}`, text })));
    }
    const nearest = async (text: string): Promise<readonly number[]> => {
      const { vectors } = await embedder.embed([text]);
      const vector = `--vector=${[...(vectors[0] ?? [])].join(',')}`;
      const run = reference(home, 'vec-search', path, vector, '--limit', '1', '--json');
      if (run.status !== 0) return [];
      return (JSON.parse(run.output) as { frame_id: number }[]).map((hit) => hit.frame_id);
    };
    const seen = async (numbers: readonly number[]): Promise<void> => {
      for (const number of numbers) expect(await nearest(texts[number] ?? '')).toEqual([number]);
    };
    expect(reference(home, 'verify', path, '--deep').output).toContain('Overall: Passed');
    await seen([7, 320]);
    for (const word of ['one', 'two', 'three']) {
      const file = join(home, `${word}.txt`);
      writeFileSync(file, `words ${word}`);
      expect(reference(home, 'put', path, '--input', file).status).toBe(0);
    }
    expect(await nearest(texts[7] ?? ''), 'the reference has lost what it cannot list').toEqual([]);
    {
      await using memory = await open(path, { embedder });
      expect(await memory.stats()).toMatchObject({ vector_count: 500, vector_compression: 'pq96' });
      const { hits } = await memory.find(texts[320] ?? '', { mode: 'sem', k: 1 });
      expect(hits.map((hit) => hit.frame_id)).toEqual([320]);
      await memory.put({ text: 'after the reference' });
    }
    await seen([7, 320]);
    expect(await nearest('after the reference')).toEqual([503]);
    expect(reference(home, 'verify', path, '--deep').output).toContain('Overall: Passed');
    await using memory = await open(path);
    expect(await memory.stats()).toMatchObject({ vector_count: 501, vector_compression: 'pq96' });
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
  });
});
