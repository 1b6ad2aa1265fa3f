import type { Embedder } from '@memvid/core';

/** Numbers in the vectors of `letters`. */
const SIZE = 4;
/** What `letters` makes of words that begin with `a`, and of others. */
export const A: readonly number[] = [1, 0, 0, 0];
export const B: readonly number[] = [0, 1, 0, 0];

/** An embedder that looks at the first letter, and notes the texts it is called with. */
export function letters(changes: Partial<Embedder> = {}): Embedder & { readonly texts: string[][] } {
  const texts: string[][] = [];
  return {
    spec: 'embedder/v1',
    provider: 'acme',
    model: 'letters',
    dimensions: SIZE,
    maxBatch: 16,
    ...changes,
    texts,
    async embed(given, options) {
      texts.push([...given]);
      if (changes.embed !== undefined) return changes.embed(given, options);
      return { vectors: given.map((text) => Float32Array.from(/^a/i.test(text) ? A : B)) };
    },
  };
}
