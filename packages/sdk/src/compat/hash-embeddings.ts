import {
  checkString,
  checkStringArray,
  HashEmbeddings as Hash,
  type HashEmbeddingsOptions,
} from '@memvid/core';
import { optionsOf } from '../check.js';
import type { EmbeddingProvider } from '../embedding/reference-embedder.js';

export type HashEmbeddingsConfig = HashEmbeddingsOptions;

/** `HashEmbeddings` of the core with the members of a provider of the reference. */
export class HashEmbeddings extends Hash implements EmbeddingProvider {
  constructor(config?: HashEmbeddingsConfig) {
    const { dimension, seed } = optionsOf(config, 'config') as HashEmbeddingsConfig;
    // `null` is "not given" here, as everywhere in this package.
    super({ dimension: dimension ?? undefined, seed: seed ?? undefined });
  }

  get modelName(): string {
    return this.model;
  }

  get dimension(): number {
    return this.dimensions;
  }

  async embedDocuments(texts: string[]): Promise<number[][]> {
    const { vectors } = await this.embed(checkStringArray('texts', texts));
    return vectors.map((vector) => Array.from(vector));
  }

  async embedQuery(text: string): Promise<number[]> {
    const { vectors } = await this.embed([checkString('text', text)]);
    return Array.from(vectors[0] ?? []);
  }
}
