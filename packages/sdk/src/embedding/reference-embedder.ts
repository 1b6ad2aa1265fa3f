import type { Embedder } from '@memvid/core';
import { modelOf } from './models.js';

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

/** Most texts of a call, and how long it may take: it may send many requests one after the other, or hang. */
const MOST_TEXTS = 512;
const TIMEOUT_MS = 600_000;

/** A provider of the reference's shape as an `Embedder`. It batches by itself, and hears of no signal. */
export function fromReference(provider: EmbeddingProvider): Embedder {
  const { provider: name, modelName, dimension } = provider;
  const whose = typeof name === 'string' && name.trim() !== '' ? name.toLowerCase() : UNNAMED;
  const model = typeof modelName === 'string' && modelName.trim() !== '' ? modelName : UNNAMED;
  return {
    spec: 'embedder/v1',
    provider: whose,
    // The reference's class calls a local model by its short name; its vectors are those of the long one.
    model: whose === 'local' ? (modelOf(model)?.model ?? model) : model,
    // Read again each time: some learn it from their first answer.
    get dimensions() {
      return sizeOf(provider.dimension) ?? sizeOf(dimension);
    },
    maxBatch: MOST_TEXTS,
    concurrency: 1,
    timeoutMs: TIMEOUT_MS,
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
