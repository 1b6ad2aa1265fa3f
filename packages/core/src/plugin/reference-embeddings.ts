import { embedAll } from '../embedding/embed-all.js';
import type { Embedder, EmbedOptions, EmbedResult } from '../providers/embedder.js';
import { checkString, checkStringArray } from '../validate.js';

/**
 * An embedder with the members the reference's provider classes have as well (`embedDocuments`, `embedQuery`,
 * `modelName`, `dimension`): vectors as plain arrays, as the service gave them. Plugins derive their class of the
 * reference's name from it.
 */
export class ReferenceEmbeddings implements Embedder {
  readonly spec = 'embedder/v1';
  readonly provider: string;
  readonly model: string;
  readonly modelName: string;
  readonly dimensions: number | undefined;
  readonly maxBatch: number;
  readonly maxTokens: number | undefined;
  readonly maxBatchTokens: number | undefined;
  readonly concurrency: number | undefined;
  readonly timeoutMs: number | undefined;
  readonly maxRetries: number | undefined;
  readonly #embedder: Embedder;
  #learnt: number | undefined;

  constructor(embedder: Embedder) {
    this.#embedder = embedder;
    this.provider = embedder.provider;
    this.model = embedder.model;
    this.modelName = embedder.model;
    this.dimensions = embedder.dimensions;
    this.maxBatch = embedder.maxBatch;
    this.maxTokens = embedder.maxTokens;
    this.maxBatchTokens = embedder.maxBatchTokens;
    this.concurrency = embedder.concurrency;
    this.timeoutMs = embedder.timeoutMs;
    this.maxRetries = embedder.maxRetries;
  }

  /** Numbers in a vector; 0 until the first answer tells. */
  get dimension(): number {
    return this.dimensions ?? this.#learnt ?? 0;
  }

  embed(texts: readonly string[], options: EmbedOptions): Promise<EmbedResult> {
    return this.#embedder.embed(texts, options);
  }

  async embedDocuments(texts: string[]): Promise<number[][]> {
    return this.#all(checkStringArray('texts', texts), 'document');
  }

  async embedQuery(text: string): Promise<number[]> {
    const [vector] = await this.#all([checkString('text', text)], 'query');
    return vector ?? [];
  }

  async #all(texts: readonly string[], kind: 'document' | 'query'): Promise<number[][]> {
    const { vectors } = await embedAll(this.#embedder, texts, { kind, normalize: false });
    this.#learnt = vectors[0]?.length ?? this.#learnt;
    return vectors.map((vector) => Array.from(vector));
  }
}
