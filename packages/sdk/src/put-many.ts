import type { EmbeddingIdentity } from '@memvid/core';
import { progressOf, report, signalOf, sourceOf, storeOptionsOf, taken } from './batch-options.js';
import type { PutManyInput, PutManyProgress, PutManySource } from './batch-options.js';
import { optionalOneOf, optionsOf, type Options } from './check.js';
import { batchDocument, switchesOf, type Dedupe, type IngestSwitches } from './document.js';
import { aborted } from './failures.js';
import type { Handle } from './handle.js';
import { putStream, type PutManyReport, type PutManyStreamOptions } from './put-stream.js';
import { checkVectors, vectorRequest, type EmbeddingProvider } from './vectors.js';
import { store } from './write-queue.js';

export interface PutManyOptions extends IngestSwitches {
  embedder?: EmbeddingProvider | object | undefined;
  /** One vector a document, in the order of the documents. */
  embeddings?: readonly (readonly number[] | Float32Array)[] | undefined;
  embeddingIdentity?: EmbeddingIdentity | undefined;
  enableEmbedding?: boolean | undefined;
  embeddingModel?: string | undefined;
  enableEnrichment?: boolean | undefined;
  /** zstd level, 0 (stored as it is) to 11. Default 3. */
  compressionLevel?: number | undefined;
  /** What to do with documents whose content is stored already. Default `"keep"`. */
  dedupe?: Dedupe | undefined;
  /** Called once, when the documents are stored; what it throws is passed over, for they are. */
  onProgress?: ((progress: PutManyProgress) => void) | undefined;
  /** Aborted before the transaction begins: nothing is stored. */
  signal?: AbortSignal | undefined;
}

/** Stores documents: all or none, or with `onError: "report"` each on its own, in batches. */
export async function putMany(
  handle: Handle,
  docs: PutManySource<PutManyInput>,
  options?: PutManyOptions | PutManyStreamOptions,
): Promise<string[] | PutManyReport> {
  handle.assertWritable('putMany');
  const given = optionsOf(options);
  const source = sourceOf(docs);
  if (optionalOneOf(given['onError'], 'onError', ['throw', 'report']) === 'report') {
    return putStream(handle, source, given, storeOptionsOf(given));
  }
  return putTogether(handle, Array.isArray(source) ? source : await collect(source), given);
}

async function putTogether(handle: Handle, docs: readonly unknown[], options: Options): Promise<string[]> {
  const switches = switchesOf(options);
  const storeOptions = storeOptionsOf(options);
  const signal = signalOf(options['signal']);
  const onProgress = progressOf(options['onProgress']);
  const documents = docs.map((doc, index) => batchDocument(doc, `docs[${index}].`, switches));
  const request = vectorRequest(options, docs, true);
  if (request !== undefined) await checkVectors(handle, 'putMany', request);
  if (documents.length === 0) return [];
  const stored = await handle.write('putMany', (native) => {
    if (signal?.aborted === true) throw aborted('putMany', signal);
    return store(native, documents, storeOptions);
  });
  await report(onProgress, { processed: stored.length, stored: stored.length, failed: 0 });
  return stored.map(({ id }) => String(id));
}

async function collect(docs: ReturnType<typeof sourceOf>): Promise<unknown[]> {
  const collected: unknown[] = [];
  for await (const doc of taken(docs)) collected.push(doc);
  return collected;
}
