import type { Embedder, EmbedOptions, EmbedResult } from './providers/embedder.js';
import { checkInteger, checkOptional } from './validate.js';

export interface HashEmbeddingsOptions {
  /** Numbers in a vector, 2 to 4096, the most that a file can keep. Default 64. */
  dimension?: number | undefined;
  /** Another seed gives other vectors, 0 to 4294967295. Default 0. */
  seed?: number | undefined;
}

const WORD = /[\p{L}\p{M}\p{N}]+/gu;
/** Scripts that are written without spaces. */
const UNSPACED = /[\p{sc=Han}\p{sc=Hiragana}\p{sc=Katakana}\p{sc=Thai}\p{sc=Lao}\p{sc=Khmer}\p{sc=Myanmar}]/u;
/** Lengths of the pieces of a word, and what a piece counts beside a whole word. */
const PIECES = [3, 4] as const;
const PIECE_WEIGHT = 0.25;

/**
 * Vectors without a model, by feature hashing: words and their pieces of three and four characters are counted in
 * `dimension` places, and the vector is made length 1. Texts that share words, or forms of words, are near each
 * other; nothing is known of meaning. Needs no network and no files, and gives the same text the same vector in
 * every process and on every platform: for tests, for wiring, and where no model may run.
 */
export class HashEmbeddings implements Embedder {
  readonly spec = 'embedder/v1';
  readonly provider = 'hash';
  readonly model: string;
  readonly dimensions: number;
  readonly maxBatch = 256;
  readonly concurrency = 1;
  readonly #seed: number;

  constructor({ dimension, seed }: HashEmbeddingsOptions = {}) {
    this.dimensions =
      checkOptional('dimension', dimension, (name, value) =>
        checkInteger(name, value, { min: 2, max: 4096 }),
      ) ?? 64;
    this.#seed =
      checkOptional('seed', seed, (name, value) => checkInteger(name, value, { min: 0, max: 0xffff_ffff })) ??
      0;
    this.model = `hash-${this.dimensions}${this.#seed === 0 ? '' : `-${this.#seed}`}`;
  }

  async embed(texts: readonly string[], { signal }: Partial<EmbedOptions> = {}): Promise<EmbedResult> {
    signal?.throwIfAborted();
    return { vectors: texts.map((text) => this.#vectorOf(text)) };
  }

  #vectorOf(text: string): Float32Array {
    const sums = new Float64Array(this.dimensions);
    for (const [feature, weight] of featuresOf(text)) this.#add(sums, feature, weight);
    let squares = sumOfSquares(sums);
    if (squares === 0) {
      // No word, or words that cancelled each other out: the text as a whole still gets a direction of its own.
      this.#add(sums, `\0${text}`, 1);
      squares = sumOfSquares(sums);
    }
    // Only what IEEE 754 rounds exactly (no `hypot`, no `log`), or platforms would differ in the last digit.
    const length = Math.sqrt(squares);
    return Float32Array.from(sums, (sum) => sum / length);
  }

  #add(sums: Float64Array, feature: string, weight: number): void {
    const hash = hashOf(feature, this.#seed);
    const at = (hash >>> 1) % sums.length;
    // The sign is a bit of its own: features that share a place cancel out as often as they add up.
    sums[at] = (sums[at] ?? 0) + (hash & 1 ? -weight : weight);
  }
}

/** What stands in a text, with what it counts: the square root of how often, so that repetition does not win. */
function featuresOf(text: string): Map<string, number> {
  const counts = new Map<string, number>();
  const count = (feature: string): void => void counts.set(feature, (counts.get(feature) ?? 0) + 1);
  for (const word of text.normalize('NFKC').toLowerCase().match(WORD) ?? []) {
    const characters = [...word];
    if (UNSPACED.test(word)) {
      characters.forEach((character, at) => {
        count(`w${character}`);
        const next = characters[at + 1];
        if (next !== undefined) count(`w${character}${next}`);
      });
      continue;
    }
    count(`w${word}`);
    const marked = ['<', ...characters, '>'];
    for (const length of PIECES) {
      for (let at = 0; at + length <= marked.length; at += 1) {
        count(`p${marked.slice(at, at + length).join('')}`);
      }
    }
  }
  for (const [feature, times] of counts) {
    counts.set(feature, Math.sqrt(times) * (feature.startsWith('w') ? 1 : PIECE_WEIGHT));
  }
  return counts;
}

function sumOfSquares(numbers: Float64Array): number {
  let sum = 0;
  for (const number of numbers) sum += number * number;
  return sum;
}

/** FNV-1a over UTF-16 units with a final mix, 32 bits. */
function hashOf(text: string, seed: number): number {
  let hash = (0x811c_9dc5 ^ seed) >>> 0;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x0100_0193) >>> 0;
  }
  hash = Math.imul(hash ^ (hash >>> 16), 0x85eb_ca6b) >>> 0;
  hash = Math.imul(hash ^ (hash >>> 13), 0xc2b2_ae35) >>> 0;
  return (hash ^ (hash >>> 16)) >>> 0;
}
