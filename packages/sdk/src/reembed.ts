import { type EmbeddingIdentity, invalidInput, type MemvidError } from '@memvid/core';
import { signalOf } from './batch-options.js';
import { optionalFunction, optionalNumber, optionalOneOf, optionsOf } from './check.js';
import { type EmbedderInput, embedderInput } from './embedding/embedder-input.js';
import { vectorsDisabled } from './failures.js';
import type { Handle } from './handle.js';

export interface ReembedInput {
  /** Makes the new vectors. Default: the embedder the memory was opened with. */
  embedder?: EmbedderInput | undefined;
  /** Documents whose vectors are stored together, 1 to 100 000. Default: 2048, and a 64th of them where they are many. */
  batchSize?: number | undefined;
  /** Called behind each batch, and waited for. What it throws ends the call; a later one goes on from there. */
  onProgress?: ((progress: ReembedProgress) => unknown) | undefined;
  /** Ends the call; the vectors that are made stay in force as before. */
  signal?: AbortSignal | undefined;
  /** What the signal does with the new vectors made so far: a later call goes on with them (`keep`), or they go. */
  onAbort?: 'keep' | 'discard' | undefined;
}

export interface ReembedProgress {
  /** Documents that this call made a vector for. */
  readonly embedded: number;
  /** Documents that had a vector of this embedder before, in force or waiting since a call that was ended. */
  readonly reused: number;
  /** Documents without a word, and those whose text the embedder refused. */
  readonly skipped: number;
  /** Documents that others store meanwhile come in. */
  readonly total: number;
}

/** What became of the documents. */
export interface ReembedResult extends ReembedProgress {
  /** Vectors of another embedder that waited since a call that was ended, and were thrown away. */
  readonly discarded: number;
  /** The documents whose text the embedder refused; they keep the vector they had. */
  readonly failed: readonly { readonly frame_id: number; readonly error: MemvidError }[];
  /** Who made the vectors now. */
  readonly identity: EmbeddingIdentity;
}

/**
 * Gives every document a vector of one embedder.
 *
 * New vectors, of whatever size, wait in the file, slice by slice and each slice durably, and no search looks at them;
 * when every document has one, a single commit puts them in the place of the old ones. A call that was ended goes on
 * behind the last slice when it is made again with the same embedder.
 */
export async function reembed(handle: Handle, options?: ReembedInput): Promise<ReembedResult> {
  handle.assertWhole('reembed');
  handle.assertWritable('reembed');
  if (!handle.settings.enableVec) throw vectorsDisabled('reembed');
  const given = optionsOf(options);
  const chosen = embedderInput(given['embedder'], 'embedder') ?? handle.settings.embedder;
  if (chosen === undefined) {
    throw invalidInput('embedder', chosen, 'an embedder, of the call or of the memory');
  }
  const batchSize = optionalNumber(given['batchSize'], 'batchSize', { min: 1, max: 100_000, integer: true });
  const onProgress: ReembedInput['onProgress'] = optionalFunction(given['onProgress'], 'onProgress');
  const onAbort = optionalOneOf(given['onAbort'], 'onAbort', ['keep', 'discard']);
  const signal = signalOf(given['signal']);
  const embedder = await handle.embedders.of(chosen);
  const { Run } = await import('./reembed-run.js');
  return new Run(handle, { embedder, batchSize, onProgress, signal, onAbort }).result();
}
