import { loadNative, type NativeColumns, type NativeDocument, type NativePutOptions } from '@memvid/core';
import { unreadable } from './border.js';
import { batchDocument, DEFAULT_LABEL, type Switches } from './document.js';
import { aborted } from './failures.js';
import { vectorOfDocument, withVector } from './embedding/document-vectors.js';
import type { Handle } from './handle.js';

/**
 * Most documents converted in one go, and characters after which a slice ends: some milliseconds of work, so that
 * timers and requests get their turn in between.
 */
const SLICE = 512;
const SLICE_CHARACTERS = 1 << 20;
/**
 * Documents of the first slice; each further one has twice as many. The engine's threads have nothing to do until the
 * first arrives, and its conversion is the slowest: nothing is compiled yet.
 */
const FIRST_SLICE = 64;

/**
 * Stores everything `docs` gives as one transaction that takes the documents as they come: the engine works on the
 * first while the next are read, and no more than a few slices are in memory (with `dedupe: "replace"` all of them).
 */
export async function putFeed(
  handle: Handle,
  docs: Iterable<unknown>,
  switches: Switches,
  options: NativePutOptions,
  signal: AbortSignal | undefined,
): Promise<string[]> {
  const { ids } = await handle.write('putMany', async (native) => {
    const feed = new (loadNative().NativeFeed)();
    const stored = native.putFeed(feed, options);
    // An error of the engine ends the loop below and is what the call fails with; it must not go unheard meanwhile.
    let failed = false;
    stored.catch(() => (failed = true));
    try {
      for await (const columns of slices(docs, switches)) {
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
    return stored;
  });
  return ids.map(String);
}

function nextTurn(): Promise<void> {
  return new Promise((resolve) => {
    setImmediate(resolve);
  });
}

async function* slices(docs: Iterable<unknown>, switches: Switches): AsyncGenerator<NativeColumns> {
  let slice: NativeDocument[] = [];
  let most = FIRST_SLICE;
  let index = 0;
  let characters = 0;
  for (const item of docs) {
    const doc = item instanceof Promise ? await arrived(item, `docs[${index}]`) : item;
    const document = batchDocument(doc, `docs[${index}].`, switches);
    slice.push(withVector(document, vectorOfDocument(doc, index)));
    index += 1;
    characters += document.text?.length ?? 0;
    if (slice.length === most || characters >= SLICE_CHARACTERS) {
      yield columnsOf(slice);
      slice = [];
      most = Math.min(most * 2, SLICE);
      characters = 0;
    }
  }
  if (slice.length > 0) yield columnsOf(slice);
}

/** What a promise among the documents gives. */
async function arrived(item: Promise<unknown>, argument: string): Promise<unknown> {
  try {
    return await item;
  } catch (error) {
    throw unreadable(argument, error);
  }
}

type OptionalColumn =
  | 'uris'
  | 'kinds'
  | 'tracks'
  | 'searchTexts'
  | 'metadata'
  | 'contentDates'
  | 'vectors'
  | 'vectorIdentities';

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
  optional('vectors', ({ vector }) => vector);
  optional('vectorIdentities', ({ vectorIdentity }) => vectorIdentity);
  return columns;

  function optional<Name extends OptionalColumn>(
    name: Name,
    value: (document: NativeDocument) => NonNullable<NativeColumns[Name]>[number] | undefined,
  ): void {
    if (documents.every((document) => value(document) === undefined)) return;
    columns[name] = documents.map(value) as NonNullable<NativeColumns[Name]>;
  }
}
