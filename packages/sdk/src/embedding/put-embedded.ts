import type { NativeDocument, NativePutOptions } from '@memvid/core';
import { aborted } from '../failures.js';
import type { Handle } from '../handle.js';
import { store } from '../write-queue.js';
import {
  documentVectors,
  type MakingOptions,
  textToEmbed,
  type VectorRequest,
  withVector,
} from './document-vectors.js';

/**
 * Stores documents with their vectors, all or none, and gives their frame ids. The vectors are made at once, beside
 * those of other calls; the documents are stored when the turn of this call has come.
 */
export async function putEmbedded(
  handle: Handle,
  operation: string,
  reading: readonly NativeDocument[] | Promise<readonly NativeDocument[]>,
  request: VectorRequest,
  options: MakingOptions & { readonly store: NativePutOptions },
): Promise<string[]> {
  const making = embedded(handle, operation, reading, request, options);
  // It may fail before its turn comes; the turn tells.
  making.catch(() => undefined);
  return handle.write(operation, async (native) => {
    const documents = await making;
    if (options.signal?.aborted === true) throw aborted(operation, options.signal);
    if (documents.length === 0) return [];
    return (await store(native, documents, options.store)).map(({ id }) => String(id));
  });
}

/** The documents with their vectors, which begin to be made at once. */
export async function embedded(
  handle: Handle,
  operation: string,
  reading: readonly NativeDocument[] | Promise<readonly NativeDocument[]>,
  request: VectorRequest,
  options: MakingOptions,
): Promise<NativeDocument[]> {
  const documents = await reading;
  const vectors = await documentVectors(handle, operation, request, documents.map(textToEmbed), options);
  return documents.map((document, index) => withVector(document, vectors[index]));
}
