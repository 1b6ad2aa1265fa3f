import type { NativeDocument, NativeMemory, NativePutOptions } from '@memvid/core';
import { aborted } from '../failures.js';
import type { Handle } from '../handle.js';
import { storedIds } from '../write-queue.js';
import {
  documentVectors,
  type MakingOptions,
  textToEmbed,
  type VectorRequest,
  withVector,
} from './document-vectors.js';

/** Documents, or what makes them. */
export type Making = readonly NativeDocument[] | (() => Promise<readonly NativeDocument[]>);

/**
 * Stores documents with their vectors, all or none, and gives their frame ids. The vectors are made at once, beside
 * those of other calls; the documents are stored when the turn of this call has come.
 */
export async function putEmbedded(
  handle: Handle,
  operation: string,
  reading: Making,
  request: VectorRequest,
  options: MakingOptions & { readonly store: NativePutOptions },
): Promise<string[]> {
  const making = (): Promise<NativeDocument[]> => embedded(handle, operation, reading, request, options);
  return putMade(handle, operation, making, options.signal, (native, documents) =>
    storedIds(native, documents, options.store),
  );
}

/** Stores documents whose vectors are being made, when they are and the turn of this call has come. */
export async function putMade<T>(
  handle: Handle,
  operation: string,
  making: Making,
  signal: AbortSignal | undefined,
  storeAll: (native: NativeMemory, documents: readonly NativeDocument[]) => Promise<T[]>,
): Promise<T[]> {
  const made = typeof making === 'function' ? handle.awaited(making) : making;
  const ready = made instanceof Promise ? made : undefined;
  // It may fail before its turn comes; the turn tells.
  ready?.catch(() => undefined);
  const store = async (native: NativeMemory): Promise<T[]> => {
    const documents = await made;
    if (signal?.aborted === true) throw aborted(operation, signal);
    return documents.length === 0 ? [] : storeAll(native, documents);
  };
  return handle.write(operation, store, ready);
}

/** The documents with their vectors, which begin to be made at once. */
export async function embedded(
  handle: Handle,
  operation: string,
  reading: Making,
  request: VectorRequest,
  options: MakingOptions,
): Promise<NativeDocument[]> {
  const documents = typeof reading === 'function' ? await reading() : reading;
  const vectors = await documentVectors(handle, operation, request, documents.map(textToEmbed), options);
  return documents.map((document, index) => withVector(document, vectors[index]));
}
