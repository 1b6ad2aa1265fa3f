import type { Embedder } from '@memvid/core';

/** `A…` is [1, 0, …], everything else [0, 1, …]; its calls are noted. */
export function letters(
  changes: Partial<Embedder> & { size?: number } = {},
): Embedder & { calls: { texts: string[]; kind: string }[] } {
  const { size = 8, ...own } = changes;
  const calls: { texts: string[]; kind: string }[] = [];
  return {
    spec: 'embedder/v1',
    provider: 'acme',
    model: 'letters',
    dimensions: size,
    maxBatch: 16,
    async embed(texts, { kind }) {
      calls.push({ texts: [...texts], kind });
      return {
        vectors: texts.map((text) => {
          const vector = new Float32Array(size);
          vector[text.startsWith('A') ? 0 : 1] = 2;
          return vector;
        }),
      };
    },
    ...own,
    calls,
  };
}
export const A: Float32Array = Float32Array.of(1, 0, 0, 0, 0, 0, 0, 0);
export const B: Float32Array = Float32Array.of(0, 1, 0, 0, 0, 0, 0, 0);
export const IDENTITY = { provider: 'acme', model: 'letters', dimension: 8, normalized: true };
