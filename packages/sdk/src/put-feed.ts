import {
  type NativeColumns,
  type NativeDocument,
  type NativeMemory,
  type NativePutOptions,
} from '@memvid/core';
import { unreadable } from './border.js';
import { DEFAULT_LABEL } from './document.js';
import { aborted } from './failures.js';
import type { Handle } from './handle.js';
import { feedFor } from './scoped-memory.js';
import { type Vector, VectorColumn } from './vector-column.js';

/**
 * Most documents converted in one go, and characters and bytes of vectors after which a slice ends: some milliseconds of
 * work, so that timers and requests get their turn in between.
 */
const SLICE = 512;
const SLICE_SIZE = 1 << 20;
/**
 * Documents of the first slice; each further one has twice as many. The engine's threads have nothing to do until the
 * first arrives, and its conversion is the slowest: nothing is compiled yet.
 */
const FIRST_SLICE = 64;

/** A document of a feed, with its vector beside it: that is copied when the document is taken. */
export interface FedDocument {
  readonly document: NativeDocument;
  readonly vector: Vector | undefined;
}

/** Documents that carry their vectors, as a feed takes them. */
export function* fedWithVectors(documents: readonly NativeDocument[]): Generator<FedDocument> {
  for (const document of documents) {
    const { vector, vectorIdentity: identity } = document;
    yield { document, vector: vector && { vector, identity } };
  }
}

/**
 * Stores everything `documents` gives as one transaction that takes the documents as they come: the engine works on the
 * first while the next are read, and no more than a few slices are in memory (with `dedupe: "replace"` all of them).
 * `count`: how many come, when that is known.
 */
export async function putFeed(
  native: NativeMemory,
  documents: Iterable<FedDocument | Promise<FedDocument>>,
  options: NativePutOptions,
  signal: AbortSignal | undefined,
  count: number | undefined,
): Promise<string[]> {
  const feed = feedFor(native);
  const stored = native.putFeed(
    feed,
    count === undefined ? options : { ...options, expectedDocuments: count },
  );
  // An error of the engine ends the loop below and is what the call fails with; it must not go unheard meanwhile.
  let failed = false;
  stored.catch(() => (failed = true));
  try {
    for await (const columns of slices(documents)) {
      if (signal?.aborted === true) throw aborted('putMany', signal);
      if (!feed.push(columns)) await feed.room();
      else await nextTurn();
      if (failed) break;
    }
  } catch (error) {
    feed.abort();
    await stored.catch(() => undefined);
    throw error;
  }
  feed.end();
  return (await stored).ids.map(String);
}

/**
 * What `convert` makes of each of the documents, one of which may be a promise of one. `handle`: where nobody knows how many
 * come, that of the call, which ends with it, or with its signal.
 */
export function* convertedWith(
  docs: Iterable<unknown>,
  convert: (doc: unknown, index: number) => FedDocument,
  handle: Handle | undefined,
  signal: AbortSignal | undefined,
): Generator<FedDocument | Promise<FedDocument>> {
  let index = 0;
  for (const doc of docs) {
    const at = index;
    yield doc instanceof Promise
      ? (handle?.embedding('putMany', 'source', signal, () => doc) ?? doc).then(
          (value) => convert(value, at),
          (error: unknown) => {
            throw unreadable(`docs[${at}]`, error);
          },
        )
      : convert(doc, at);
    index += 1;
    handle?.refuseMore();
  }
}

/** Lets everybody else have a turn. */
export function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function* slices(
  documents: Iterable<FedDocument | Promise<FedDocument>>,
): AsyncGenerator<NativeColumns> {
  const vectors = new VectorColumn();
  let slice: NativeDocument[] = [];
  let most = FIRST_SLICE;
  let size = 0;
  let index = 0;
  for (const item of documents) {
    const { document, vector } = item instanceof Promise ? await item : item;
    slice.push(document);
    vectors.add(vector, index);
    index += 1;
    size += (document.text?.length ?? 0) + 4 * (vector?.vector.length ?? 0);
    if (slice.length === most || size >= SLICE_SIZE) {
      yield { ...columnsOf(slice), ...vectors.take() };
      slice = [];
      most = Math.min(most * 2, SLICE);
      size = 0;
    }
  }
  if (slice.length > 0) yield { ...columnsOf(slice), ...vectors.take() };
}

type OptionalColumn = 'uris' | 'kinds' | 'tracks' | 'searchTexts' | 'metadata' | 'contentDates';

/** The fields of text documents, one array each; an array without a value is left out. */
function columnsOf(documents: readonly NativeDocument[]): NativeColumns {
  const columns: NativeColumns = {
    texts: documents.map(({ text = '' }) => text),
    titles: documents.map(({ title = '' }) => title),
    timestamps: Float64Array.from(documents, ({ timestamp }) => timestamp),
    defaultLabel: DEFAULT_LABEL,
  };
  if (documents.some(({ labels }) => labels?.length !== 1 || labels[0] !== DEFAULT_LABEL)) {
    columns.labels = documents.map(({ labels = [] }) => labels);
  }
  if (documents.some(({ tags = [] }) => tags.length > 0)) {
    columns.tags = documents.map(({ tags = [] }) => tags);
  }
  optional('uris', ({ uri }) => uri);
  optional('kinds', ({ kind }) => kind);
  optional('tracks', ({ track }) => track);
  optional('searchTexts', ({ searchText }) => searchText);
  optional('metadata', ({ metadata }) => metadata);
  optional('contentDates', ({ contentDates }) => contentDates);
  return columns;

  function optional<Name extends OptionalColumn>(
    name: Name,
    value: (document: NativeDocument) => NonNullable<NativeColumns[Name]>[number] | undefined,
  ): void {
    if (documents.every((document) => value(document) === undefined)) return;
    columns[name] = documents.map(value) as NonNullable<NativeColumns[Name]>;
  }
}
