import { loadTokenizer } from '@memvid/onnx';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { local } from '../src/index.ts';
import { cosine, difference, sharedModels } from './support/models.ts';

const { directory, missing } = sharedModels();

interface Golden {
  readonly texts: readonly { text: string; input_ids: number[]; vector: number[] }[];
}

describe.skipIf(missing !== undefined)('all-minilm, with its real weights', () => {
  const folder = join(directory, 'all-minilm-l6-v2');
  const embedder = local('all-MiniLM', { directory });
  const { texts } = (
    missing === undefined ? JSON.parse(readFileSync(join(folder, 'vectors.json'), 'utf8')) : { texts: [] }
  ) as Golden;
  afterAll(() => embedder.close());

  it('takes texts apart as the original does, token by token', async () => {
    const { encode } = await loadTokenizer(join(folder, 'tokenizer.json'), (message) => {
      throw new Error(message);
    });
    for (const { text, input_ids: ids } of texts) expect(encode(text, 256).ids).toEqual(ids);
  });

  it('gives the vectors of the original model, as near as 8-bit weights come', async () => {
    const { vectors, usage } = await embedder.embed(
      texts.map(({ text }) => text),
      { kind: 'document' },
    );
    const likeness = texts.map(({ vector }, index) => cosine(vector, vectors[index] ?? []));
    process.stdout.write(
      `all-minilm: least cosine ${Math.min(...likeness).toFixed(5)}, mean ${(likeness.reduce((sum, value) => sum + value) / likeness.length).toFixed(5)}\n`,
    );
    expect(Math.min(...likeness)).toBeGreaterThanOrEqual(0.995);
    expect(likeness.reduce((sum, value) => sum + value) / likeness.length).toBeGreaterThanOrEqual(0.999);
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 5);
    const lengths = texts.map(({ input_ids: ids }) => ids.length);
    expect(usage).toEqual({
      tokens: lengths.reduce((sum, length) => sum + length, 0),
      truncated: lengths.filter((length) => length === 256).length,
    });
  });

  it('gives a text the same vector alone and among others of any length', async () => {
    const words = texts.map(({ text }) => text);
    const mixed = [...words, ...words.map((text) => `${text} ${text}`), '', 'a', ...words.toReversed()];
    const { vectors } = await embedder.embed(mixed, { kind: 'document' });
    expect(vectors).toHaveLength(mixed.length);
    for (const [index, text] of mixed.entries()) {
      const { vectors: alone } = await embedder.embed([text], { kind: 'document' });
      expect(difference(vectors[index] ?? [], alone[0] ?? [])).toBeLessThanOrEqual(1e-5);
    }
  });

  it('finds what means the same', async () => {
    const [dinner, database, question] = (
      await embedder.embed(
        ['We eat together on Tuesdays.', 'The data moved to PostgreSQL.', 'When is the common meal?'],
        { kind: 'document' },
      )
    ).vectors;
    expect(cosine(question ?? [], dinner ?? [])).toBeGreaterThan(
      cosine(question ?? [], database ?? []) + 0.2,
    );
  });

  it('says what it is', async () => {
    expect(await embedder.describe()).toEqual({
      provider: 'local',
      model: 'sentence-transformers/all-MiniLM-L6-v2',
      dimensions: 384,
      pooling: 'mean',
      normalized: true,
      prefixes: { query: '', document: '' },
      maxTokens: 256,
      variant: 'int8w',
      sha256: 'dcac480789765cf0e6b445cad457bace66157bea9aff3edb680858a4834c4e57',
      path: join(folder, 'model.onnx'),
    });
  });

  it('ends with the reason of its signal between batches', async () => {
    const reason = new Error('enough');
    await expect(embedder.embed(['a'], { kind: 'query', signal: AbortSignal.abort(reason) })).rejects.toBe(
      reason,
    );
    const controller = new AbortController();
    const many = Array.from(
      { length: 2000 },
      (_, index) => `note number ${index} on something that happened`,
    );
    const call = embedder.embed(many, { kind: 'document', signal: controller.signal });
    setTimeout(() => controller.abort(reason), 50);
    await expect(call).rejects.toBe(reason);
    const { vectors } = await embedder.embed(['after that'], { kind: 'query' });
    expect(vectors).toHaveLength(1);
  });

  it('answers a question while many documents are embedded, before they are done', async () => {
    const many = Array.from({ length: 400 }, (_, index) => `note number ${index} on something that happened`);
    const order: string[] = [];
    const bulk = embedder.embed(many, { kind: 'document' }).then(() => order.push('documents'));
    const question = embedder.embed(['What happened?'], { kind: 'query' }).then(() => order.push('question'));
    await Promise.all([bulk, question]);
    expect(order).toEqual(['question', 'documents']);
  });
});
