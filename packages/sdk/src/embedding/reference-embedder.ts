import type { Embedder } from '@memvid/core';

/** An embedding provider in the shape the reference uses. It batches by itself. */
export interface EmbeddingProvider {
  /** Numbers in a vector; 0 when only the first answer tells. */
  readonly dimension: number;
  readonly modelName: string;
  readonly provider?: string | undefined;
  embedDocuments(texts: string[]): Promise<number[][]>;
  embedQuery(text: string): Promise<number[]>;
}

export function isReferenceShaped(value: object): value is EmbeddingProvider {
  const { embedDocuments, embedQuery } = value as Partial<EmbeddingProvider>;
  return typeof embedDocuments === 'function' && typeof embedQuery === 'function';
}

/** The identity of a provider that does not say who it is. */
const UNNAMED = 'custom';

/** A provider of the reference's shape as an `Embedder`. It is called once with all texts, as the reference does. */
export function fromReference(provider: EmbeddingProvider): Embedder {
  const { provider: name, modelName, dimension } = provider;
  return {
    spec: 'embedder/v1',
    provider: typeof name === 'string' && name.trim() !== '' ? name.toLowerCase() : UNNAMED,
    model: typeof modelName === 'string' && modelName.trim() !== '' ? modelName : UNNAMED,
    // Read again each time: some learn it from their first answer.
    get dimensions() {
      return sizeOf(provider.dimension) ?? sizeOf(dimension);
    },
    maxBatch: Number.MAX_SAFE_INTEGER,
    concurrency: 1,
    // It may send many requests one after the other.
    timeoutMs: Infinity,
    async embed(texts, { kind }) {
      const vectors =
        kind === 'document'
          ? await provider.embedDocuments([...texts])
          : await Promise.all(texts.map((text) => provider.embedQuery(text)));
      // What is wrong with them the pipeline finds; here they only get their type.
      return { vectors: vectors as unknown as Float32Array[] };
    },
  };
}

function sizeOf(dimension: unknown): number | undefined {
  return typeof dimension === 'number' && dimension > 0 ? dimension : undefined;
}
