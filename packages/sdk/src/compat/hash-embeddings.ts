import { checkArray, checkString } from '@memvid/core';
import { optionalNumber, optionsOf } from '../check.js';
import type { EmbeddingProvider } from '../vectors.js';

export interface HashEmbeddingsConfig {
  /** Numbers in a vector. Default 64. */
  dimension?: number | undefined;
  /** Another seed gives other vectors. Default 0. */
  seed?: number | undefined;
}

const WORD = /[\p{L}\p{N}]+/gu;

/**
 * Vectors from the words of a text by hashing, of length 1: equal texts give equal vectors in every process.
 * Needs no model; for tests and for wiring, not for meaning.
 */
export class HashEmbeddings implements EmbeddingProvider {
  readonly provider: string = 'hash';
  readonly modelName: string;
  readonly dimension: number;
  readonly #seed: number;

  constructor(config?: HashEmbeddingsConfig) {
    const options = optionsOf(config, 'config');
    this.dimension =
      optionalNumber(options['dimension'], 'dimension', { min: 2, max: 8192, integer: true }) ?? 64;
    this.#seed = optionalNumber(options['seed'], 'seed', { min: 0, max: 0xffff_ffff, integer: true }) ?? 0;
    this.modelName = `hash-${this.dimension}${this.#seed === 0 ? '' : `-${this.#seed}`}`;
  }

  async embedDocuments(texts: string[]): Promise<number[][]> {
    return checkArray('texts', texts).map((text, index) =>
      this.#vector(checkString(`texts[${index}]`, text)),
    );
  }

  async embedQuery(text: string): Promise<number[]> {
    return this.#vector(checkString('text', text));
  }

  #vector(text: string): number[] {
    const vector = Array.from({ length: this.dimension }, () => 0);
    const words = text.normalize('NFKC').toLowerCase().match(WORD) ?? [];
    // A text without a word still gets a direction of its own.
    for (const word of words.length === 0 ? [text] : words) {
      const hash = hashOf(word, this.#seed);
      const at = hash % this.dimension;
      vector[at] = (vector[at] ?? 0) + (hash & 0x8000_0000 ? -1 : 1);
    }
    const length = Math.hypot(...vector);
    if (length === 0) {
      // Words that cancelled each other out.
      vector[hashOf(text, this.#seed) % this.dimension] = 1;
      return vector;
    }
    return vector.map((value) => value / length);
  }
}

/** FNV-1a over UTF-16 units with a final mix, 32 bits. */
function hashOf(text: string, seed: number): number {
  let hash = (0x811c_9dc5 ^ seed) >>> 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193) >>> 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b) >>> 0;
  return (hash ^ (hash >>> 13)) >>> 0;
}
