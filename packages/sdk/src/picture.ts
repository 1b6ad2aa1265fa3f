import { invalidInput, type MemvidError, type NativeDocument, type Plugin } from '@memvid/core';
import { signalOf } from './batch-options.js';
import { type Options, optionalFilledString, optionalOneOf, refuseOptions } from './check.js';
import { finiteVector, vectorOf } from './embedding/given-vector.js';
import type { Handle } from './handle.js';
import { isPicture, pendingPictures, picturesAmong, type PictureQuery } from './image.js';

/** A query in the space of pictures. */
export interface PictureVector {
  readonly vector: Float32Array;
  /** The model that made it, where that is known. */
  readonly model: string | undefined;
}

/** What became of pictures that stand each for itself. */
export interface PictureOutcome {
  /** By the place of their document. */
  readonly errors: Map<number, MemvidError>;
  /** What ends the call. */
  fatal?: MemvidError;
}

/**
 * Reads the pictures among documents and makes their vectors: of all, or an error, unless there is an `outcome` to enter
 * errors into. Other documents stay as they are.
 */
export async function pictured<T extends Partial<NativeDocument>>(
  handle: Handle,
  operation: string,
  documents: readonly T[],
  options: Options,
  outcome?: PictureOutcome,
): Promise<readonly T[]> {
  const among = picturesAmong(documents);
  // What pictures need is loaded with the first of them: most memories have none.
  if (among.length > 0) {
    const { fillAll } = await import('./pictures.js');
    // Checked here: bundlers that are to write one file fail with a chunk that imports from the one that loads it.
    const signal = signalOf(options['signal']);
    await fillAll(handle, operation, among, { ...options, signal }, outcome);
  }
  return documents;
}

/** Whether somebody makes vectors of pictures: for the call, for the memory, or in a plugin. */
export async function hasImageEmbedder(
  { settings, embedders }: Handle,
  { imageEmbedder }: Options,
): Promise<boolean> {
  const given = imageEmbedder ?? settings.imageEmbedder;
  const has = (plugin: Plugin): boolean => Object.keys(plugin.imageEmbedders ?? {}).length > 0;
  return (given ?? (await embedders.search((plugins) => plugins.find(has))) ?? undefined) !== undefined;
}

/** How many bytes the picture of a document has, as far as that can be told before it is read. */
export async function pictureSize(document: object): Promise<number> {
  const image = pendingPictures.get(document)?.image;
  return image === undefined ? 0 : (await import('./pictures.js')).sizeOf(image);
}

/** The vector of what is looked for among pictures. */
export async function pictureVector(
  handle: Handle,
  query: string | PictureQuery,
  options: Options,
): Promise<PictureVector> {
  refuseOptions(options, '', { embedder: 'pictures are found with an `imageEmbedder`' });
  const model = optionalFilledString(options['queryEmbeddingModel'], 'queryEmbeddingModel');
  const given = options['queryEmbedding'] ?? undefined;
  if (given !== undefined) {
    if (typeof query !== 'string') {
      throw invalidInput('queryEmbedding', given, 'left out beside a picture, of which the vector is made');
    }
    return { vector: finiteVector(vectorOf(given, 'queryEmbedding'), undefined), model };
  }
  const { queryVectorOf } = await import('./pictures.js');
  const imageEmbedder = options['imageEmbedder'] ?? model;
  return queryVectorOf(handle, query, { imageEmbedder, signal: signalOf(options['signal']) });
}

/** What the chunk is told. */
export interface PictureOptions {
  readonly imageEmbedder?: unknown;
  readonly signal: AbortSignal | undefined;
}

/** Whether a search is one among pictures. */
export function looksForPictures(query: string | PictureQuery, { mode }: Options): boolean {
  const isClip = String(mode).toLowerCase() === 'clip';
  if (!isPicture(query) || isClip) return isClip;
  optionalOneOf(mode, 'mode', ['clip']);
  return true;
}
