import { describe, expect, it } from 'vitest';
import { embedAll, HashEmbeddings } from '../src/index.ts';

async function vectorsOf(texts: string[], options?: ConstructorParameters<typeof HashEmbeddings>[0]) {
  return (await new HashEmbeddings(options).embed(texts)).vectors;
}
const cosine = (left: Float32Array | undefined, right: Float32Array | undefined): number =>
  [...(left ?? [])].reduce((sum, value, at) => sum + value * (right?.[at] ?? 0), 0);

describe('HashEmbeddings', () => {
  it('is an embedder: 64 numbers, length 1, its own provider and model', async () => {
    const embedder = new HashEmbeddings();
    expect(embedder).toMatchObject({
      spec: 'embedder/v1',
      provider: 'hash',
      model: 'hash-64',
      dimensions: 64,
    });
    expect(new HashEmbeddings({ dimension: 8, seed: 3 }).model).toBe('hash-8-3');
    const { vectors, identity } = await embedAll(embedder, ['The quick brown fox', 'x', '漢字', '!?'], {
      kind: 'document',
    });
    for (const vector of vectors) expect(Math.hypot(...vector)).toBeCloseTo(1, 6);
    expect(identity).toEqual({ provider: 'hash', model: 'hash-64', dimension: 64, normalized: true });
  });

  it('gives the same numbers in every process and on every platform', async () => {
    const [vector] = await vectorsOf(['Hello, wörld! 東京'], { dimension: 8 });
    expect([...(vector ?? [])]).toEqual(PINNED);
  });

  it('texts that share words or forms of words are nearer than others', async () => {
    const options = { dimension: 512 };
    const [fox, foxes, market, tokyo, tokyoTower] = await vectorsOf(
      [
        'the quick brown fox jumps',
        'quick foxes jumping',
        'stock market prices fell',
        '東京で会う',
        '東京タワー',
      ],
      options,
    );
    expect(cosine(fox, foxes)).toBeGreaterThan(0.25);
    expect(cosine(fox, foxes)).toBeGreaterThan(cosine(fox, market) + 0.15);
    expect(cosine(tokyo, tokyoTower)).toBeGreaterThan(cosine(tokyo, market) + 0.15);
  });

  it('case and the form of characters do not matter, the seed does; a text without words has a direction too', async () => {
    const [first, second] = await vectorsOf(['Café', 'CAFE\u0301']);
    expect(first).toEqual(second);
    expect((await vectorsOf(['Café'], { seed: 7 }))[0]).not.toEqual(first);
    expect(cosine(...((await vectorsOf(['', ''])) as [Float32Array, Float32Array]))).toBeCloseTo(1, 6);
  });

  it('refuses sizes it cannot give, and obeys the signal', async () => {
    // More than a file can keep.
    expect(() => new HashEmbeddings({ dimension: 4097 })).toThrow(expect.objectContaining({ code: 'MV019' }));
    expect(() => new HashEmbeddings({ dimension: 1 })).toThrow(expect.objectContaining({ code: 'MV019' }));
    expect(() => new HashEmbeddings({ seed: -1 })).toThrow(expect.objectContaining({ code: 'MV019' }));
    await expect(
      new HashEmbeddings().embed(['x'], { kind: 'query', signal: AbortSignal.abort() }),
    ).rejects.toMatchObject({ name: 'AbortError' });
  });
});

const PINNED = [
  -0.18257418274879456, 0, -0.6390096545219421, 0, 0.3651483654975891, -0.09128709137439728,
  -0.4564354717731476, -0.4564354717731476,
];
