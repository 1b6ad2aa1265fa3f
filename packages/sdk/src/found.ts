import type { NativeHits } from '@memvid/core';
import type { Explanation } from './explanation.js';
import type { FindHit, SearchEngine } from './find.js';

/** The `head` of an answer: everything but texts. */
interface Head {
  readonly engine: SearchEngine;
  readonly count: number;
  readonly numbers: readonly number[];
  readonly metadata?: readonly Record<string, unknown>[];
  readonly explain?: readonly (Explanation | null)[];
  readonly total_hits: number;
  readonly total_is_exact: boolean;
  readonly next_cursor: string | null;
  readonly warnings?: string[];
  readonly took_ms: number;
}

/** What the engine found, without what only the caller knows. */
export interface Found extends Omit<Head, 'count' | 'numbers' | 'metadata' | 'explain'> {
  readonly hits: FindHit[];
}

/** Reads an answer. Texts are slices of one string of the engine's: nothing is copied. */
export function foundOf(native: NativeHits): Found {
  const { count, numbers, metadata, explain, ...rest } = JSON.parse(native.head) as Head;
  const reader = new Reader(numbers, native);
  const hits: FindHit[] = [];
  for (let index = 0; index < count; index += 1) {
    const hit = reader.hit(metadata?.[index] ?? {});
    const parts = explain?.[index] ?? undefined;
    hits.push(parts === undefined ? hit : { ...hit, explain: parts });
  }
  return { ...rest, hits };
}

/** Goes through the numbers of an answer and the texts that they measure, in the order of the engine's `Packer`. */
class Reader {
  readonly #numbers: readonly number[];
  readonly #ascii: string;
  readonly #wide: string;
  #at = 0;
  #asciiAt = 0;
  #wideAt = 0;

  constructor(numbers: readonly number[], { ascii, wide }: NativeHits) {
    this.#numbers = numbers;
    this.#ascii = ascii;
    this.#wide = wide;
  }

  hit(metadata: Record<string, unknown>): FindHit {
    const rank = this.#number();
    const frame = this.#number();
    const parent = this.#number();
    const score = this.#number();
    const matches = this.#number();
    const timestamp = this.#number();
    const uri = this.#text();
    const title = this.#text();
    const text = this.#text();
    const start = this.#number();
    const snippet = text.slice(start, start + this.#number());
    const kind = this.#optionalText();
    const track = this.#optionalText();
    const createdAt = this.#text();
    return {
      rank,
      frame_id: frame,
      parent_id: parent < 0 ? null : parent,
      uri,
      title,
      snippet,
      text,
      score,
      matches,
      tags: this.#texts(),
      labels: this.#texts(),
      kind,
      track,
      content_dates: this.#texts(),
      created_at: createdAt,
      timestamp,
      metadata,
    };
  }

  #number(): number {
    const number = this.#numbers[this.#at] ?? 0;
    this.#at += 1;
    return number;
  }

  /** Its number is twice the length, and one more when the text is a wide one. */
  #text(): string {
    return this.#textOf(this.#number());
  }

  /** Nothing: −1. */
  #optionalText(): string | null {
    const number = this.#number();
    return number < 0 ? null : this.#textOf(number);
  }

  #textOf(number: number): string {
    const length = number >> 1;
    if ((number & 1) === 1) {
      this.#wideAt += length;
      return this.#wide.slice(this.#wideAt - length, this.#wideAt);
    }
    this.#asciiAt += length;
    return this.#ascii.slice(this.#asciiAt - length, this.#asciiAt);
  }

  #texts(): string[] {
    const texts: string[] = [];
    for (let left = this.#number(); left > 0; left -= 1) texts.push(this.#text());
    return texts;
  }
}
