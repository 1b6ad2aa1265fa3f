import { invalidInput, type EmbeddingIdentity, type NativePutOptions } from '@memvid/core';
import { optionalNumber, optionalOneOf, type Options } from './check.js';
import { DEDUPE, DEFAULT_LEVEL, LEVEL_RULE, type DocumentFields } from './document.js';

/** One document of a batch. */
export interface PutManyInput extends DocumentFields {
  title: string;
  text: string;
  embedding?: readonly number[] | Float32Array | undefined;
  embeddingIdentity?: EmbeddingIdentity | undefined;
}

export interface PutManyProgress {
  /** Documents taken from the input so far, the failed ones included. */
  readonly processed: number;
  readonly stored: number;
  readonly failed: number;
}

export type PutManySource<T> = readonly T[] | Iterable<T> | AsyncIterable<T>;

export function storeOptionsOf(options: Options): NativePutOptions {
  return {
    compressionLevel:
      optionalNumber(options['compressionLevel'], 'compressionLevel', LEVEL_RULE) ?? DEFAULT_LEVEL,
    dedupe: optionalOneOf(options['dedupe'], 'dedupe', DEDUPE) ?? 'keep',
  };
}

export function signalOf(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  if (!(value instanceof AbortSignal)) throw invalidInput('signal', value, 'an AbortSignal');
  return value;
}

export function progressOf(value: unknown): ((progress: PutManyProgress) => void) | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'function') throw invalidInput('onProgress', value, 'a function');
  return value as (progress: PutManyProgress) => void;
}
