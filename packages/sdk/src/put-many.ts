import {
  type EmbeddingIdentity,
  type EmbedProgress,
  invalidInput,
  type NativeDocument,
  type NativePutOptions,
  reportProgress,
} from '@memvid/core';
import {
  batchesOf,
  progressOf,
  signalOf,
  sourceOf,
  storeOptionsOf,
  taken as takenInTime,
  takenNow,
} from './batch-options.js';
import type { PutManyInput, PutManyProgress, PutManySource } from './batch-options.js';
import { memberNames, optionalFunction, optionalOneOf, type Options, speltOptions } from './check.js';
import { batchDocument, switchesOf, type Dedupe, type IngestSwitches, type Switches } from './document.js';
import {
  GivenVectors,
  vectorRequest,
  type MakingOptions,
  type VectorInput,
  type VectorRequest,
} from './embedding/document-vectors.js';
import { embedded, type Making, putMade } from './embedding/put-embedded.js';
import type { Handle } from './handle.js';
import { putStream, type PutManyReport, type PutManyStreamOptions } from './put-stream.js';
import { imageEmbedderInput, isPicture, type PictureInput } from './image.js';
import { pictured } from './picture.js';
import { convertedWith, type FedDocument, fedWithVectors, putFeed } from './put-feed.js';
import { storedIds } from './write-queue.js';
import type { EmbeddingVector } from './embedding/given-vector.js';

export interface PutManyOptions
  extends IngestSwitches, PictureInput, Pick<VectorInput, 'embedder' | 'enableEmbedding' | 'embeddingModel'> {
  /** `"report"`: see {@link PutManyStreamOptions}. */
  onError?: 'throw' | undefined;
  /** One vector a document, in the order of the documents. */
  embeddings?: readonly EmbeddingVector[] | undefined;
  /** Who made them; for the vectors of documents too that do not say so themselves. */
  embeddingIdentity?: EmbeddingIdentity | undefined;
  /** Called behind each call of the embedder, and waited for; what it throws ends the call, and nothing is stored. */
  onEmbedding?: ((progress: EmbedProgress) => unknown) | undefined;
  enableEnrichment?: boolean | undefined;
  /** `true`: sets the memory to keep vectors product-quantised, as `setVectorCompression(true)` does. */
  vectorCompression?: boolean | undefined;
  /** zstd level, 0 (stored as it is) to 11. Default 3. */
  compressionLevel?: number | undefined;
  /** What to do with documents whose content is stored already. Default `"keep"`. */
  dedupe?: Dedupe | undefined;
  /** Called once, when the documents are stored, and waited for; what it throws is passed over, for they are. */
  onProgress?: ((progress: PutManyProgress) => unknown) | undefined;
  /** Aborted before every document is taken: nothing is stored. */
  signal?: AbortSignal | undefined;
}

const OPTION_NAMES = /* @__PURE__ */ memberNames<PutManyOptions & PutManyStreamOptions>({
  onError: true,
  embeddings: true,
  embeddingIdentity: true,
  onEmbedding: true,
  enableEnrichment: true,
  vectorCompression: true,
  compressionLevel: true,
  dedupe: true,
  onProgress: true,
  signal: true,
  batchSize: true,
  startAt: true,
  autoTag: true,
  extractDates: true,
  imageEmbedder: true,
  embedder: true,
  enableEmbedding: true,
  embeddingModel: true,
});

/** Stores documents: all or none, or with `onError: "report"` each on its own, in batches. */
export async function putMany(
  handle: Handle,
  docs: PutManySource<PutManyInput>,
  options?: PutManyOptions | PutManyStreamOptions,
): Promise<string[] | PutManyReport> {
  handle.assertWritable('putMany');
  const given = speltOptions(options, OPTION_NAMES);
  const source = sourceOf(docs);
  // Also where nothing comes of them: what is no number was meant to be one.
  batchesOf(given);
  imageEmbedderInput(given['imageEmbedder'], 'imageEmbedder');
  const reports = optionalOneOf(given['onError'], 'onError', ['throw', 'report']) === 'report';
  const call: Promise<string[] | PutManyReport> = reports
    ? putStream(handle, source, given, storeOptionsOf(given))
    : putTogether(handle, source, given);
  // Nobody knows when another source ends, so `close` does not wait for it.
  return Array.isArray(source) ? handle.lasting(call) : call;
}

/** Batches from this size on are taken as they come. */
const FEED_FROM = 1024;
/** Documents of a source that are read before their vectors are made, while the rest waits. */
const EMBEDDED_AT_ONCE = 2048;

/** How documents are stored, checked before the first is read. */
interface Plan {
  readonly switches: Switches;
  readonly store: NativePutOptions;
  readonly signal: AbortSignal | undefined;
  readonly onEmbedding: ((progress: EmbedProgress) => unknown) | undefined;
  /** Of the call, for its pictures. */
  readonly options: Options;
}

async function putTogether(
  handle: Handle,
  source: ReturnType<typeof sourceOf>,
  options: Options,
): Promise<string[]> {
  const onProgress = progressOf(options['onProgress']);
  const plan: Plan = {
    switches: { ...switchesOf(options), embeds: makesVectors(handle, options) },
    store: storeOptionsOf(options),
    signal: signalOf(options['signal']),
    onEmbedding: optionalFunction(options['onEmbedding'], 'onEmbedding'),
    options,
  };
  const ids = await putSource(handle, source, options, plan);
  await reportProgress(onProgress, { processed: ids.length, stored: ids.length, failed: 0 });
  return ids;
}

function putSource(
  handle: Handle,
  source: ReturnType<typeof sourceOf>,
  options: Options,
  plan: Plan,
): Promise<string[]> {
  if (Array.isArray(source)) return putArray(handle, source, options, plan);
  const isMade = makesVectors(handle, options);
  // How many vectors a list has to have is known behind the last document.
  if (options['embeddings'] !== undefined && options['embeddings'] !== null) {
    return collect(handle, source, plan).then((docs) => putArray(handle, docs, options, plan));
  }
  if (isMade || (options['imageEmbedder'] ?? handle.settings.imageEmbedder ?? undefined) !== undefined) {
    return storeMade(handle, () => madeInSlices(handle, source, options, plan), plan);
  }
  const docs = atHand(handle, source, plan);
  if (docs instanceof Promise) return docs.then((list) => putArray(handle, list, options, plan));
  return Array.isArray(docs)
    ? putArray(handle, docs, options, plan)
    : putGiven(handle, docs, options, plan, undefined);
}

/** Whether an embedder makes the vectors that documents do not bring. */
function makesVectors(handle: Handle, options: Options): boolean {
  return vectorRequest(handle, 'putMany', { ...options, embeddings: undefined }, [], true) !== undefined;
}

async function putArray(
  handle: Handle,
  docs: readonly unknown[],
  options: Options,
  plan: Plan,
): Promise<string[]> {
  const hasPictures = docs.some(isPicture);
  if (!makesVectors(handle, options) && !hasPictures && docs.length >= FEED_FROM) {
    return putGiven(handle, docs, options, plan, docs.length);
  }
  const request = vectorRequest(handle, 'putMany', options, docs, true);
  const documents = docs.map((doc, index) => batchDocument(doc, `docs[${index}].`, plan.switches));
  if (documents.length === 0) return [];
  const isWhole = request === undefined && !hasPictures;
  return storeMade(handle, isWhole ? documents : () => made(handle, documents, request, plan, 0), plan);
}

/** Documents, of which the first is number `first` of the call, with the vectors of their pictures and those that are asked for. */
function made(
  handle: Handle,
  documents: readonly NativeDocument[],
  request: VectorRequest | undefined,
  plan: Plan,
  first: number,
): Promise<readonly NativeDocument[]> {
  const taken = (): Promise<readonly NativeDocument[]> =>
    pictured(handle, 'putMany', documents, plan.options);
  return request === undefined
    ? taken()
    : embedded(handle, 'putMany', taken, request, makingOptions(plan, first));
}

/** Stores documents that bring their vectors, or have none, as they come. */
async function putGiven(
  handle: Handle,
  docs: Iterable<unknown>,
  options: Options,
  plan: Plan,
  count: number | undefined,
): Promise<string[]> {
  const given = new GivenVectors(handle, 'putMany', options, count);
  const convert = (doc: unknown, index: number): FedDocument => {
    // Nobody waits for a document here, and a picture has to be waited for.
    if (isPicture(doc)) {
      throw invalidInput(`docs[${index}].image`, 'a picture', 'in an array, or with an `imageEmbedder`');
    }
    return {
      document: batchDocument(doc, `docs[${index}].`, plan.switches),
      vector: given.of(doc, index),
    };
  };
  const documents = convertedWith(docs, convert, count === undefined ? handle : undefined, plan.signal);
  return handle.write('putMany', (native) => putFeed(native, documents, plan.store, plan.signal, count));
}

/** Stores documents together when their vectors are made. */
function storeMade(handle: Handle, making: Making, { store, signal }: Plan): Promise<string[]> {
  return putMade(handle, 'putMany', making, signal, (native, documents) =>
    documents.length >= FEED_FROM && !documents.some(({ picture }) => picture !== undefined)
      ? putFeed(native, fedWithVectors(documents), store, signal, documents.length)
      : storedIds(native, documents, store),
  );
}

/**
 * The documents of a source with their vectors, which are made slice by slice as it is read. All of them are made before
 * the first is stored: while a transaction takes documents other writers wait, and an embedder may take its time.
 */
async function madeInSlices(
  handle: Handle,
  source: ReturnType<typeof sourceOf>,
  options: Options,
  plan: Plan,
): Promise<NativeDocument[]> {
  const all: NativeDocument[] = [];
  let slice: unknown[] = [];
  const flush = async (signal: AbortSignal | undefined): Promise<void> => {
    const first = all.length;
    const request = vectorRequest(handle, 'putMany', options, slice, true, first);
    const documents = slice.map((doc, at) => batchDocument(doc, `docs[${first + at}].`, plan.switches));
    slice = [];
    const stopped = { ...plan, signal, options: { ...options, signal } };
    for (const document of await made(handle, documents, request, stopped, first)) all.push(document);
  };
  await handle.embedding('putMany', 'source', plan.signal, async (stop) => {
    for await (const doc of takenInTime(source, stop)) {
      slice.push(doc);
      if (slice.length === EMBEDDED_AT_ONCE) await flush(stop);
    }
  });
  // Now it is known how many there are, and they are given the time of an array.
  if (slice.length > 0) await flush(plan.signal);
  return all;
}

/** How the vectors of documents are made of which the first is number `first` of the call. */
function makingOptions({ signal, onEmbedding }: Plan, first: number): MakingOptions {
  return {
    signal,
    onProgress:
      onEmbedding &&
      ((progress) =>
        onEmbedding({ ...progress, embedded: first + progress.embedded, total: first + progress.total })),
    nameOf: (index) => `docs[${first + index}].text`,
  };
}

/**
 * Documents that can be taken without waiting. A source that makes one wait (an async iterable, or an iterable of
 * promises) is read to its end before: nobody knows how long it takes, and other writers wait while a transaction takes
 * documents.
 */
function atHand(
  handle: Handle,
  source: ReturnType<typeof sourceOf>,
  plan: Plan,
): Iterable<unknown> | Promise<unknown[]> {
  if (Symbol.asyncIterator in source) return collect(handle, source, plan);
  const rest = takenNow(source as Iterable<unknown>);
  const first = rest.next();
  if (first.done === true) return [];
  const all = (function* (): Generator<unknown> {
    try {
      yield first.value;
      yield* rest;
    } finally {
      rest.return();
    }
  })();
  return first.value instanceof Promise ? collect(handle, all, plan) : all;
}

/** All documents of a source, unless the memory is closed, or the signal aborted, before it ends. */
function collect(handle: Handle, docs: ReturnType<typeof sourceOf>, { signal }: Plan): Promise<unknown[]> {
  return handle.embedding('putMany', 'source', signal, async (stop) => {
    const collected: unknown[] = [];
    for await (const doc of takenInTime(docs, stop)) collected.push(doc);
    return collected;
  });
}
