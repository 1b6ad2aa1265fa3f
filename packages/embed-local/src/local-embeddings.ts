import { checkInteger, checkOptional, checkString, type EmbedOptions, invalidInput } from '@memvid/core';
import { local, type LocalEmbedder, type LocalEmbedResult, type ModelDescription } from './local.js';
import type { LocalOptions } from './options.js';

export interface LocalEmbeddingsConfig extends LocalOptions {
  /** Default: `bge-small`. */
  readonly model?: string | undefined;
  /** Only checked: the model decides. */
  readonly dimension?: number | undefined;
}

/** A local embedder with the members of the reference's provider classes; `@memvid/sdk/compat` loads it. */
export class LocalEmbeddings implements LocalEmbedder {
  readonly spec = 'embedder/v1';
  readonly provider: string;
  readonly model: string;
  readonly modelName: string;
  readonly dimension: number;
  readonly dimensions: number;
  readonly maxBatch: number;
  readonly maxTokens: number;
  readonly concurrency: number;
  readonly timeoutMs: number;
  readonly maxRetries: number;
  readonly #embedder: LocalEmbedder;

  constructor(config: LocalEmbeddingsConfig = {}) {
    const { model, dimension, ...options } = config ?? {};
    const embedder = local(checkOptional('model', model, checkString), options);
    const wanted = checkOptional('dimension', dimension, checkInteger);
    if (wanted !== undefined && wanted !== embedder.dimensions) {
      throw invalidInput('dimension', wanted, `${embedder.dimensions}, the numbers ${embedder.model} gives`);
    }
    this.#embedder = embedder;
    this.provider = embedder.provider;
    this.model = embedder.model;
    this.modelName = embedder.model;
    this.dimension = embedder.dimensions;
    this.dimensions = embedder.dimensions;
    this.maxBatch = embedder.maxBatch;
    this.maxTokens = embedder.maxTokens;
    this.concurrency = embedder.concurrency;
    this.timeoutMs = embedder.timeoutMs;
    this.maxRetries = embedder.maxRetries;
  }

  embed(texts: readonly string[], options: EmbedOptions): Promise<LocalEmbedResult> {
    return this.#embedder.embed(texts, options);
  }

  async embedDocuments(texts: string[]): Promise<number[][]> {
    const { vectors } = await this.embed(texts, { kind: 'document' });
    return vectors.map((vector) => Array.from(vector));
  }

  async embedQuery(text: string): Promise<number[]> {
    const { vectors } = await this.embed([text], { kind: 'query' });
    return Array.from(vectors[0] ?? []);
  }

  describe(): Promise<ModelDescription> {
    return this.#embedder.describe();
  }

  close(): Promise<void> {
    return this.#embedder.close();
  }
}
