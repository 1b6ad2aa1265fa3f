import { invalidInput, type EmbeddingIdentity, type EmbedProgress } from '@memvid/core';
import {
  progressOf,
  report,
  signalOf,
  sourceOf,
  storeOptionsOf,
  taken as takenInTime,
  takenNow,
} from './batch-options.js';
import type { PutManyInput, PutManyProgress, PutManySource } from './batch-options.js';
import { optionalOneOf, optionsOf, type Options } from './check.js';
import { batchDocument, switchesOf, type Dedupe, type IngestSwitches } from './document.js';
import {
  documentVectors,
  vectorOfDocument,
  vectorRequest,
  type DocumentVector,
  type VectorInput,
} from './embedding/document-vectors.js';
import { putEmbedded } from './embedding/put-embedded.js';
import { aborted, semanticNotYet } from './failures.js';
import type { Handle } from './handle.js';
import { putStream, type PutManyReport, type PutManyStreamOptions } from './put-stream.js';
import { putFeed } from './put-feed.js';
import { store } from './write-queue.js';

export interface PutManyOptions
  extends IngestSwitches, Pick<VectorInput, 'embedder' | 'enableEmbedding' | 'embeddingModel'> {
  /** One vector a document, in the order of the documents. */
  embeddings?: readonly (readonly number[] | Float32Array)[] | undefined;
  /** Who made them; for the vectors of documents too that do not say so themselves. */
  embeddingIdentity?: EmbeddingIdentity | undefined;
  /** Called behind each call of the embedder; what it throws ends the call, and nothing is stored. */
  onEmbedding?: ((progress: EmbedProgress) => void) | undefined;
  enableEnrichment?: boolean | undefined;
  /** zstd level, 0 (stored as it is) to 11. Default 3. */
  compressionLevel?: number | undefined;
  /** What to do with documents whose content is stored already. Default `"keep"`. */
  dedupe?: Dedupe | undefined;
  /** Called once, when the documents are stored; what it throws is passed over, for they are. */
  onProgress?: ((progress: PutManyProgress) => void) | undefined;
  /** Aborted before every document is taken: nothing is stored. */
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
  return putTogether(handle, source, given);
}

/** Batches from this size on are taken as they come. */
const FEED_FROM = 1024;

async function putTogether(
  handle: Handle,
  source: ReturnType<typeof sourceOf>,
  options: Options,
): Promise<string[]> {
  const switches = switchesOf(options);
  const storeOptions = storeOptionsOf(options);
  const signal = signalOf(options['signal']);
  const onProgress = progressOf(options['onProgress']);
  // Without a wait for what is at hand: calls on one handle run in the order in which they were made.
  const onEmbedding = embeddingProgressOf(options['onEmbedding']);
  const taken = atHand(source);
  const arrived = taken instanceof Promise ? await taken : taken;
  const wanted = vectorRequest(handle, 'putMany', options, Array.isArray(arrived) ? arrived : [], true);
  // All or nothing: with an embedder, every document is read and has its vector before the first is stored.
  const isCollected = wanted?.embedder !== undefined && !Array.isArray(arrived);
  const docs = isCollected ? await collect(arrived as Iterable<unknown>) : arrived;
  const request = isCollected ? vectorRequest(handle, 'putMany', options, docs as unknown[], true) : wanted;
  let ids: string[];
  if (request !== undefined && Array.isArray(docs)) {
    const documents = docs.map((doc, index) => batchDocument(doc, `docs[${index}].`, switches));
    ids = await putEmbedded(handle, 'putMany', documents, request, {
      store: storeOptions,
      signal,
      onProgress: onEmbedding,
      nameOf: (index) => `docs[${index}].text`,
    });
  } else if (Array.isArray(docs) && docs.length < FEED_FROM) {
    const documents = docs.map((doc, index) => batchDocument(doc, `docs[${index}].`, switches));
    if (documents.length === 0) return [];
    const stored = await handle.write('putMany', (native) => {
      if (signal?.aborted === true) throw aborted('putMany', signal);
      return store(native, documents, storeOptions);
    });
    ids = stored.map(({ id }) => String(id));
  } else {
    const held = new Map<number, DocumentVector>();
    try {
      const fed = Array.isArray(docs) || handle.settings.storesVectors ? docs : beforeVector(docs, held);
      ids = await putFeed(handle, fed, switches, storeOptions, signal);
    } catch (error) {
      if (held.size > 0) {
        const found = { given: held, embedder: undefined, isAsked: true };
        await documentVectors(handle, 'putMany', found, [], { nameOf: String });
      }
      throw error;
    }
  }
  await report(onProgress, { processed: ids.length, stored: ids.length, failed: 0 });
  return ids;
}

function embeddingProgressOf(value: unknown): ((progress: EmbedProgress) => void) | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value !== 'function') throw invalidInput('onEmbedding', value, 'a function');
  return value as (progress: EmbedProgress) => void;
}

/**
 * Documents that can be taken without waiting. A source that makes one wait (an async iterable, or an iterable of
 * promises) is read to its end before: nobody knows how long it takes, and other writers wait while a transaction takes
 * documents.
 */
function atHand(
  source: ReturnType<typeof sourceOf>,
): readonly unknown[] | Iterable<unknown> | Promise<unknown[]> {
  if (Array.isArray(source)) return source;
  if (Symbol.asyncIterator in source) return collect(source);
  const rest = takenNow(source as Iterable<unknown>);
  const first = rest.next();
  if (first.done === true) return [];
  const all = (function* (): Generator<unknown> {
    yield first.value;
    yield* rest;
  })();
  return first.value instanceof Promise ? collect(all) : all;
}

/** The documents up to one that brings a vector, which ends the batch; the vector is put into `held`. */
function* beforeVector(docs: Iterable<unknown>, held: Map<number, DocumentVector>): Generator<unknown> {
  let index = 0;
  for (const doc of docs) {
    const vector = vectorOfDocument(doc, index);
    if (vector !== undefined) {
      held.set(index, vector);
      throw semanticNotYet('putMany');
    }
    yield doc;
    index += 1;
  }
}

async function collect(docs: ReturnType<typeof sourceOf>): Promise<unknown[]> {
  const collected: unknown[] = [];
  for await (const doc of takenInTime(docs)) collected.push(doc);
  return collected;
}
