import {
  callerFailed,
  checkArray,
  invalidInput,
  type EmbeddingIdentity,
  type NativePutOptions,
} from '@memvid/core';
import { reading } from './border.js';
import { optionalFunction, optionalNumber, optionalOneOf, type Options } from './check.js';
import { storageOf, DEDUPE, DEFAULT_LEVEL, LEVEL_RULE, type DocumentFields } from './document.js';
import type { EmbeddingVector } from './embedding/given-vector.js';
import { nextTurn } from './put-feed.js';
import type { Picture } from './image.js';

/** One document of a batch: a text, or a picture. */
export type PutManyInput = PutManyFields &
  ({ text: string; image?: undefined } | { image: Picture; text?: undefined });

/** What a document of a batch has beside its content. */
export interface PutManyFields extends DocumentFields {
  title: string;
  embedding?: EmbeddingVector | undefined;
  embeddingIdentity?: EmbeddingIdentity | undefined;
  /** `false`: no vector is made of this document, whatever makes those of the others. */
  enableEmbedding?: boolean | undefined;
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
    ...storageOf(options),
  };
}

/** Documents in one transaction, where each stands for itself. */
const DEFAULT_BATCH = 500;
const MOST_IN_A_BATCH = 100_000;

/** How a stream of documents is taken. */
export function batchesOf(options: Options): { batchSize: number; startAt: number } {
  const { batchSize, startAt } = options;
  return {
    batchSize:
      optionalNumber(batchSize, 'batchSize', { min: 1, max: MOST_IN_A_BATCH, integer: true }) ??
      DEFAULT_BATCH,
    startAt: optionalNumber(startAt, 'startAt', { min: 0, integer: true }) ?? 0,
  };
}

export function signalOf(value: unknown): AbortSignal | undefined {
  if (value === undefined || value === null) return undefined;
  return reading('signal', () => {
    // Asked once here, where a signal that throws is a fault of the caller; behind this it would be one of the file.
    if (!(value instanceof AbortSignal) || typeof value.aborted !== 'boolean') {
      throw invalidInput('signal', value, 'an AbortSignal');
    }
    return value;
  });
}

export function progressOf(value: unknown): ((progress: PutManyProgress) => unknown) | undefined {
  return optionalFunction(value, 'onProgress');
}

/** The input of a batch, checked as far as that is possible without taking anything from it. */
export function sourceOf(docs: unknown): readonly unknown[] | Iterable<unknown> | AsyncIterable<unknown> {
  return reading('docs', () => {
    // A hole is found before the first document is stored, and four billion of them are not walked through.
    if (Array.isArray(docs)) return checkArray('docs', docs, 'an array of documents');
    const isIterable =
      typeof docs === 'object' &&
      docs !== null &&
      !ArrayBuffer.isView(docs) &&
      (Symbol.iterator in docs || Symbol.asyncIterator in docs);
    if (!isIterable) throw invalidInput('docs', docs, 'an array or an iterable of documents');
    return docs as Iterable<unknown> | AsyncIterable<unknown>;
  });
}

/** Documents behind which timers and requests get their turn: a source that never makes one wait gives them none. */
const TURN = 2048;

/**
 * Takes the documents one by one, until there are no more or `stop` is aborted; an error of the caller's iterator comes out
 * as MV019 with that error as cause.
 */
export async function* taken(
  docs: ReturnType<typeof sourceOf>,
  stop?: AbortSignal,
): AsyncGenerator<unknown, void, undefined> {
  let count = 0;
  try {
    for await (const doc of docs) {
      yield doc;
      count += 1;
      if (count % TURN === 0) await nextTurn();
      if (stop?.aborted === true) return;
    }
  } catch (cause) {
    throw callerFailed(`docs[${count}]`, 'an input that can be read to its end', cause);
  }
}

/** The same for a source that does not make one wait. */
export function* takenNow(docs: Iterable<unknown>): Generator<unknown, void, undefined> {
  let count = 0;
  try {
    for (const doc of docs) {
      yield doc;
      count += 1;
    }
  } catch (cause) {
    throw callerFailed(`docs[${count}]`, 'an input that can be read to its end', cause);
  }
}
