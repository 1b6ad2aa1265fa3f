import {
  type EmbeddingIdentity,
  type EmbedProgress,
  reportProgress,
  toMemvidError,
  type MemvidError,
  type NativeDocument,
  type NativePutOptions,
} from '@memvid/core';
import { optionalFunction, type Options } from './check.js';
import { unreadable } from './border.js';
import { batchDocument, switchesOf, type Dedupe, type IngestSwitches } from './document.js';
import {
  BroughtVectors,
  copied,
  eachDocumentVector,
  isLeftOut,
  ListedVectors,
  textToEmbed,
  vectorRequest,
  type DocumentVector,
  type MakingOptions,
  type VectorInput,
  type VectorRequest,
  withVector,
} from './embedding/document-vectors.js';
import { isEnvironmental } from './failures.js';
import type { Handle } from './handle.js';
import { isPicture, type PictureInput } from './image.js';
import { pictured, pictureSize, type PictureOutcome } from './picture.js';
import {
  batchesOf,
  progressOf,
  signalOf,
  taken,
  type PutManyProgress,
  type sourceOf,
} from './batch-options.js';
import { storeEach } from './write-queue.js';
import type { EmbeddingVector } from './embedding/given-vector.js';

/** Streaming form of `putMany`: takes any iterable, stores batch by batch, reports each document. */
export interface PutManyStreamOptions
  extends IngestSwitches, PictureInput, Pick<VectorInput, 'embedder' | 'enableEmbedding' | 'embeddingModel'> {
  onError: 'report';
  /** One vector a document, in the order of the input. */
  embeddings?: readonly EmbeddingVector[] | undefined;
  /** Who made them; for the vectors of documents too that do not say so themselves. */
  embeddingIdentity?: EmbeddingIdentity | undefined;
  /** Called behind each call of the embedder, with counts of the batch, and waited for; what it throws ends the call. */
  onEmbedding?: ((progress: EmbedProgress) => unknown) | undefined;
  /** Documents in one transaction; fewer where their pictures have more than 64 MB. Default 500. */
  batchSize?: number | undefined;
  /** Called after each batch, and waited for. When it throws, the call ends behind that batch: see `error`. */
  onProgress?: ((progress: PutManyProgress) => unknown) | undefined;
  /** Ends the call behind the batch in flight; what was stored stays, and the report says where to go on. */
  signal?: AbortSignal | undefined;
  /** Documents at the beginning of the input to pass over: the `next` of an earlier report. Default 0. */
  startAt?: number | undefined;
  compressionLevel?: number | undefined;
  dedupe?: Dedupe | undefined;
  enableEnrichment?: boolean | undefined;
}

/** What became of one document. */
export interface PutManyItem {
  /** Place in the input, from 0. */
  readonly index: number;
  readonly status: 'stored' | 'skipped' | 'failed';
  /** Frame id; for a skipped duplicate that of the document it equals; `null` when it failed. */
  readonly id: string | null;
  /** Frame with the same content that was there before. */
  readonly duplicate_of: string | null;
  readonly error: MemvidError | null;
}

export interface PutManyReport extends PutManyProgress {
  /** One entry a document, in the order of the input. */
  readonly items: readonly PutManyItem[];
  readonly skipped: number;
  /** `true` when every document of the input was taken. */
  readonly complete: boolean;
  /** Why the call ended early: the signal, or an error. */
  readonly stopped_by: 'signal' | 'error' | null;
  /** An error that concerns the file, the input or `onProgress`, and not a document; the items say what is stored. */
  readonly error: MemvidError | null;
  /** Where to go on: pass it as `startAt` with the same input. */
  readonly next: number;
}

/** Bytes of pictures that are in memory at a time. */
const MOST_BYTES = 64 * 1024 * 1024;

interface Batch {
  readonly indexes: number[];
  readonly documents: NativeDocument[];
  /** Those that documents bring, by place in the batch. */
  readonly given: Map<number, DocumentVector>;
  /** Those for which none is made, by place in the batch. */
  readonly leftOut: Set<number>;
  /** Of its pictures. */
  bytes: number;
}

function emptyBatch(): Batch {
  return { indexes: [], documents: [], given: new Map(), leftOut: new Set(), bytes: 0 };
}

/** Nothing but one batch and the report is held in memory, however long the input is. */
export async function putStream(
  handle: Handle,
  docs: ReturnType<typeof sourceOf>,
  options: Options,
  storeOptions: NativePutOptions,
): Promise<PutManyReport> {
  const { batchSize, startAt } = batchesOf(options);
  const signal = signalOf(options['signal']);
  const onProgress = progressOf(options['onProgress']);
  const { embedder, enableEmbedding, embeddingModel } = options;
  const wanted = vectorRequest(handle, 'putMany', { embedder, enableEmbedding, embeddingModel }, [{}], false);
  const onEmbedding: PutManyStreamOptions['onEmbedding'] = optionalFunction(
    options['onEmbedding'],
    'onEmbedding',
  );
  const listed = new ListedVectors(handle, 'putMany', options, Array.isArray(docs) ? docs.length : undefined);
  const switches = { ...switchesOf(options), embeds: wanted !== undefined };
  const making = { signal, onEmbedding, imageEmbedder: options['imageEmbedder'] };
  // Nothing is read before it is known that its vectors can be made.
  if (wanted !== undefined) await eachDocumentVector(handle, 'putMany', wanted, [], { nameOf: String });

  const outcome = new Report(startAt);
  const brought = new BroughtVectors(handle, 'putMany');
  let batch = emptyBatch();
  const flush = async (): Promise<void> => {
    const { indexes, documents } = await embedded(handle, batch, wanted, making, outcome);
    batch = emptyBatch();
    if (documents.length > 0) {
      const stored = await handle.write('putMany', (native) => storeEach(native, documents, storeOptions));
      stored.forEach((item, at) => outcome.add(indexes[at] ?? 0, item, storeOptions.dedupe));
    }
    const failure = await reportProgress(onProgress, outcome.progress());
    outcome.fatal ??= failure;
  };

  let index = 0;
  try {
    for await (const doc of taken(docs)) {
      if (index >= startAt) {
        if (signal?.aborted === true || outcome.fatal !== undefined) break;
        try {
          const document = batchDocument(doc, `docs[${index}].`, switches);
          const given = listed.of(doc, index);
          if (given !== undefined) {
            const vector = copied(given, index);
            // What is wrong with it is wrong with this document alone.
            await brought.check(vector, index);
            batch.given.set(batch.documents.length, vector);
          }
          if (isLeftOut(doc)) batch.leftOut.add(batch.documents.length);
          batch.documents.push(document);
          batch.indexes.push(index);
          if (isPicture(doc)) batch.bytes += await pictureSize(document);
        } catch (error) {
          outcome.refuse(index, unreadable(`docs[${index}]`, error));
        }
        if (batch.documents.length >= batchSize || batch.bytes >= MOST_BYTES) await flush();
      }
      index += 1;
      if (!Array.isArray(docs)) handle.refuseMore();
    }
    // An aborted call gives up the documents it gathered but did not store: `next` points at them.
    if (signal?.aborted === true) return outcome.end('signal', false);
    if (outcome.fatal !== undefined) return outcome.end('error', false);
    await flush();
    listed.checkCount(index);
    // What only `onProgress` threw behind the last batch ended nothing early.
    if (!outcome.isFileFault) return outcome.end(null, true);
  } catch (error) {
    // While texts were embedded.
    if (signal?.aborted === true) return outcome.end('signal', false);
    // The input itself threw, or the handle was closed under the call.
    outcome.fatal ??= toMemvidError(error);
  }
  return outcome.end('error', false);
}

/** The documents of a batch with their vectors; those that got none are reported and left out. */
async function embedded(
  handle: Handle,
  { indexes, documents, given, leftOut }: Batch,
  wanted: VectorRequest | undefined,
  making: Pick<MakingOptions, 'signal'> &
    Pick<PutManyStreamOptions, 'onEmbedding'> & { readonly imageEmbedder: unknown },
  outcome: Report,
): Promise<Pick<Batch, 'indexes' | 'documents'>> {
  const pictures: PictureOutcome = { errors: new Map() };
  await pictured(handle, 'putMany', documents, making, pictures);
  const { embedder, isAsked = true, isNamed = false } = wanted ?? {};
  const made =
    documents.length === 0 || (wanted === undefined && given.size === 0)
      ? undefined
      : await eachDocumentVector(
          handle,
          'putMany',
          { embedder, isAsked, isNamed, given, leftOut },
          documents.map(textToEmbed),
          {
            signal: making.signal,
            onProgress: making.onEmbedding,
            nameOf: (place) => `docs[${indexes[place] ?? 0}].text`,
          },
        );
  outcome.fatal ??= pictures.fatal ?? made?.fatal;
  const errors = new Map([...(made?.errors ?? []), ...pictures.errors]);
  for (const [place, error] of errors) outcome.refuse(indexes[place] ?? 0, error);
  const isKept = (_: unknown, place: number): boolean => !errors.has(place);
  return {
    indexes: indexes.filter(isKept),
    documents: documents.map((document, place) => withVector(document, made?.vectors[place])).filter(isKept),
  };
}

/** Gathers what became of the documents. */
class Report {
  fatal: MemvidError | undefined;
  readonly #items: PutManyItem[] = [];
  readonly #startAt: number;
  #stored = 0;
  #skipped = 0;
  #failed = 0;

  constructor(startAt: number) {
    this.#startAt = startAt;
  }

  /** Whether the error that ends the call came from the file or the embedder: documents behind it were not stored. */
  get isFileFault(): boolean {
    return (
      this.fatal !== undefined &&
      (isEnvironmental(this.fatal) || this.#items.some(({ error }) => error === this.fatal))
    );
  }

  /** What the engine did with a document. An error that concerns the file ends the call. */
  add(
    index: number,
    outcome: { id: number; duplicateOf: number | null } | { error: Error },
    dedupe: Dedupe,
  ): void {
    if ('error' in outcome) {
      const error = toMemvidError(outcome.error);
      if (isEnvironmental(error)) this.fatal ??= error;
      this.refuse(index, error);
      return;
    }
    const duplicate = outcome.duplicateOf === null ? null : String(outcome.duplicateOf);
    const skipped = dedupe === 'skip' && duplicate !== null;
    if (skipped) this.#skipped += 1;
    else this.#stored += 1;
    const status = skipped ? 'skipped' : 'stored';
    this.#items.push({ index, status, id: String(outcome.id), duplicate_of: duplicate, error: null });
  }

  /** A document that was not stored through a fault of its own. */
  refuse(index: number, error: MemvidError): void {
    this.#failed += 1;
    this.#items.push({ index, status: 'failed', id: null, duplicate_of: null, error });
  }

  progress(): PutManyProgress {
    return { processed: this.#items.length, stored: this.#stored, failed: this.#failed };
  }

  end(stoppedBy: 'signal' | 'error' | null, complete: boolean): PutManyReport {
    const items = this.#items.toSorted((left, right) => left.index - right.index);
    return {
      ...this.progress(),
      skipped: this.#skipped,
      items,
      complete,
      stopped_by: stoppedBy,
      error: this.fatal ?? null,
      next: this.#next(items),
    };
  }

  /** The first document without an outcome; one that failed with the file is to be tried again. */
  #next(items: readonly PutManyItem[]): number {
    const retried = items.find((item) => item.error !== null && item.error === this.fatal);
    if (retried !== undefined) return retried.index;
    const gap = items.findIndex((item, at) => item.index !== this.#startAt + at);
    return this.#startAt + (gap < 0 ? items.length : gap);
  }
}
