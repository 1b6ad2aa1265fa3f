import type { EmbeddingIdentity } from './providers/embedder.js';

/**
 * The functions of the native engine, as the addon exports them. Every failure is an `Error` whose message is the
 * JSON of `{ code, message, details? }`; call through `callNative` and `callNativeAsync` to get a `MemvidError`.
 */
export interface NativeBinding {
  /** Versions of the addon and the engine, and what was compiled in. */
  versionInfo(): NativeVersionInfo;
  openMemory(options: NativeOpenOptions): Promise<NativeMemory>;
  /** Opens a memory that takes no waiting and few reads; `null`, with nothing done, for all others and all that fails. */
  openMemoryAtOnce(options: NativeOpenOptions): NativeMemory | null;
  readonly NativeFeed: new () => NativeFeed;
  /** JSON of a verify report. Never writes. */
  verifyFile(path: string, deep: boolean): Promise<string>;
  /**
   * Repairs a file that need not be open; JSON of a doctor report. `optionsJson` is `{ rebuildTimeIndex?, rebuildLexIndex?,
   * rebuildVecIndex?, vacuum?, dryRun?, quiet? }`. Damage of any extent is no failure.
   */
  doctorFile(path: string, optionsJson: string, lockTimeoutMs: number): Promise<string>;
  /**
   * Whether reads on this thread wait for no more than 20 ms from now on, then MV007: they hold up JavaScript's thread. Ask
   * again after `settle`.
   */
  beBrief(isBrief: boolean): void;
  /** Encrypts a memory into a capsule; resolves to the path of the output. */
  lockCapsule(path: string, password: string, output: string | null, force: boolean): Promise<string>;
  /** Decrypts a capsule; resolves to the path of the output. */
  unlockCapsule(path: string, password: string, output: string | null, force: boolean): Promise<string>;
  /** JSON of the owner of the writer lock. */
  lockWho(path: string): string;
  /** Whether a stale lock was cleared, or its owner asked to release it. */
  lockNudge(path: string): boolean;
}

/** Versions of the addon and the engine inside it. */
export interface NativeVersionInfo {
  nativeVersion: string;
  coreVersion: string;
  features: Record<string, boolean>;
}

/** How to open a memory. */
export interface NativeOpenOptions {
  path: string;
  /** `open`: the file must exist; `create`: an existing file is truncated; `auto`: open it, or make it. */
  mode: 'open' | 'create' | 'auto';
  readOnly: boolean;
  enableLex: boolean;
  enableVec: boolean;
  /** Whether vectors written from now on are kept product-quantised; absent: as the file is set. */
  vectorCompression?: boolean;
  /** How long a changing call waits for another writer, in milliseconds; 0 does not wait. */
  lockTimeoutMs: number;
  /** Take over a lock whose owner is dead or silent; never a live one. */
  force?: 'stale_only';
  forceWritable: boolean;
  /** Upper bound of the file in bytes; absent: none. */
  capacityBytes?: number;
  /** Read what can be rescued of a damaged file; together with `readOnly`. */
  salvage?: boolean;
}

/** A document to store: `text` or `bytes`, never both. */
export interface NativeDocument {
  text?: string;
  /** A file that is not UTF-8 text. */
  bytes?: Uint8Array;
  /** Text to index instead of `text`. */
  searchText?: string;
  title?: string;
  uri?: string;
  kind?: string;
  track?: string;
  tags?: string[];
  labels?: string[];
  /** Whole seconds since 1970. */
  timestamp: number;
  /** JSON text of an object. */
  metadata?: string;
  mime?: string;
  filename?: string;
  contentDates?: string[];
  /** Factor on the score of a correction; 1 is ordinary. */
  boost?: number;
  /**
   * What a search by meaning finds it by; copied. MV011 when the memory was opened with `enableVec: false`, MV014 when
   * its size is not that of the file's vectors, MV015 when it is empty or a number is not finite. An update with other
   * content and without a vector drops the old one.
   */
  vector?: Float32Array;
  /** What made `vector`. MV014 when its dimension is not the vector's. */
  vectorIdentity?: EmbeddingIdentity;
  /**
   * What a search among pictures finds it by; copied. MV014 when its size is not that of the file's pictures, MV015 when it
   * was made by another model, is empty, or a number is not finite.
   */
  picture?: Float32Array;
  /** The model that made `picture`. */
  pictureModel?: string;
}

/**
 * The fields of a document in the order of `NativeDocument`, for the one call that waits for them: the engine reads an
 * element of an array three times as fast as a field by its name.
 */
export type NativeFields = readonly [
  text: NativeDocument['text'],
  bytes: NativeDocument['bytes'],
  searchText: NativeDocument['searchText'],
  title: NativeDocument['title'],
  uri: NativeDocument['uri'],
  kind: NativeDocument['kind'],
  track: NativeDocument['track'],
  tags: NativeDocument['tags'],
  labels: NativeDocument['labels'],
  timestamp: NativeDocument['timestamp'],
  metadata: NativeDocument['metadata'],
  mime: NativeDocument['mime'],
  filename: NativeDocument['filename'],
  contentDates: NativeDocument['contentDates'],
  boost: NativeDocument['boost'],
  vector: NativeDocument['vector'],
  vectorIdentity: NativeDocument['vectorIdentity'],
  picture: NativeDocument['picture'],
  pictureModel: NativeDocument['pictureModel'],
];

/**
 * Text documents as columns: element `i` of each array belongs to document `i`. A column that no document needs is
 * absent, and an element that a document does not have is `undefined`.
 */
export interface NativeColumns {
  texts: string[];
  titles: string[];
  /** Whole seconds since 1970. */
  timestamps: Float64Array;
  /** The one label of every document when there are no `labels`. */
  defaultLabel: string;
  labels?: string[][];
  tags?: string[][];
  uris?: (string | undefined)[];
  kinds?: (string | undefined)[];
  tracks?: (string | undefined)[];
  searchTexts?: (string | undefined)[];
  /** JSON texts of objects. */
  metadata?: (string | undefined)[];
  contentDates?: (string[] | undefined)[];
  /** The numbers of all vectors, one vector behind the other; copied. */
  vectors?: Float32Array;
  /** Numbers of a vector; there are `vectors` only together with it. */
  dimension?: number;
  /** 1 for every document that has a vector, 0 for others; absent: all have. */
  withVector?: Uint8Array;
  /** What made vectors, each once. */
  identities?: EmbeddingIdentity[];
  /** For each document its place in `identities`, below 0 for one without. */
  madeBy?: Int32Array;
}

/** Documents on their way to a `putFeed` that has begun. */
export interface NativeFeed {
  /** Takes a slice; `false`: wait for `room` before the next. */
  push(columns: NativeColumns): boolean;
  /** Resolves when there is room again, or the write has ended. */
  room(): Promise<void>;
  /** Nothing more comes: the write is completed. */
  end(): void;
  /** What came is forgotten: the write fails and stores nothing. */
  abort(): void;
}

/** How to store a batch. */
export interface NativePutOptions {
  /** zstd level, 0 (stored as it is) to 11. */
  compressionLevel: number;
  /** What to do with a document whose content is stored already. */
  dedupe: 'keep' | 'skip' | 'replace';
  /**
   * How many documents come, when that is known: their vectors then have their place in the file from the start, and
   * are not copied at the end.
   */
  expectedDocuments?: number;
  /** Sets the file to keep vectors product-quantised, as `setVectorCompression(true)` does. */
  vectorCompression?: boolean;
  /** Whether memory cards are made of the documents without being asked for. Default `true`. */
  enrich?: boolean;
}

/** Where the documents of a batch went, in their order. */
export interface NativePutResult {
  ids: number[];
  /** May be empty when nobody asked for duplicates. */
  duplicateOf: (number | null)[];
  /** Sequence number in the log. */
  sequence: number;
}

/** Bytes a frame was made from. */
export interface NativeAsset {
  data: Uint8Array;
  mimeType: string;
  filename: string;
  frameId: number;
  pageCount: number;
}

/** What a search found. Texts stand one behind the other; numbers in `head` tell how long each is. */
export interface NativeHits {
  /** What was looked for by (`engine`: `tantivy`, `vec` or `hybrid`), counts, the numbers of each hit and its metadata, as JSON. */
  head: string;
  /** The texts that are ASCII. */
  ascii: string;
  /** The other texts. */
  wide: string;
}

/** An open memory. Results that are strings are JSON in the shapes the SDK documents. */
export interface NativeMemory {
  path(): string;
  /** One transaction: all or nothing, and durable when it resolves. */
  put(documents: NativeDocument[], options: NativePutOptions): Promise<NativePutResult>;
  /**
   * Stores one short document without deduplication, durably, while the caller waits; gives its id. `null`, with
   * nothing done, when it could take longer than `put` on another thread: somebody else writes, or the disk is slow.
   */
  putAtOnce(fields: NativeFields, compressionLevel: number): number | null;
  /** Has what was put at once indexed in the background; otherwise the next search does it. */
  indexLog(): void;
  /** The same as `put` for everything that `feed` gives, taken as it comes. */
  putFeed(feed: NativeFeed, options: NativePutOptions): Promise<NativePutResult>;
  /** Stores a new version of a frame and resolves to the new frame's id. */
  update(id: number, patch: Partial<NativeDocument>): Promise<number>;
  /**
   * Has vectors wait in the file, durably, to take the place of those in force; resolves to their number without those of
   * frames that are no longer active. `vectors` (copied) holds one for each id, one behind the other. What waits already
   * and is of another model or size is thrown away. MV011 with `enableVec: false`, MV015 for a number that is not finite,
   * MV019 when an id comes twice or numbers and ids do not fit. A commit: give many at a time.
   */
  stageVectors(ids: number[], vectors: Float32Array, identity: EmbeddingIdentity): Promise<number>;
  /** Throws away the vectors that wait; resolves to their number. */
  discardStaged(): Promise<number>;
  /**
   * Puts the vectors that wait in force, in one commit, if every active document but those of `skipped` has one of
   * `identity`. JSON `{ missing, left_behind, swapped }`: with documents in `missing` (no such vector) or `left_behind`
   * (they would lose the one they have, which is of another size) nothing is changed.
   */
  swapVectors(identity: EmbeddingIdentity, skipped: number[]): Promise<string>;
  /**
   * JSON of the active documents, and of other active frames that have a vector: `{ identities, ids, made_by, staged }`,
   * where `made_by` is the place in `identities` of what made the vector of each, −1 when that is not known and −2 when
   * there is no vector, and `staged` is `{ identity, ids }` of the vectors that wait, or null. Looks at every frame.
   */
  embeddedFrames(): Promise<string>;
  /** The text by which a frame is found: its `searchText`, else its own. */
  searchedText(id: number): string;
  /**
   * Says whether vectors written from now on are kept product-quantised, by every handle. What is stored stays as it is
   * until the vectors are written anew; what was quantised cannot come back. MV011 with `enableVec: false`.
   */
  setVectorCompression(isOn: boolean): Promise<void>;
  /** All or nothing; MV010 when one of the ids is unknown. */
  remove(ids: number[]): Promise<{ sequence: number; removed: number }>;
  /** Repairs the file and goes on with it; JSON of a doctor report, for options as `doctorFile` takes them. */
  doctor(optionsJson: string): Promise<string>;
  /**
   * Writes the file anew without anything dead; JSON `{ bytes_before, bytes_after, dead_bytes_before, duration_ms }`. MV018 for a
   * file with several names.
   */
  compact(): Promise<string>;
  /**
   * Removes these documents (by the frame of any version) and erases what is removed by writing the file anew; with
   * `versions` the earlier versions of all others go too. JSON `{ documents_removed, versions_removed, frames_erased,
   * cards_erased, bytes_before, bytes_after, kept_tracks, duration_ms }`. MV010 for an id that never was, MV012 when vectors
   * are damaged.
   */
  purge(ids: number[], versions: boolean): Promise<string>;
  /**
   * JSON of an answer about memory cards. A question is `{ call: 'memories', entity?, slot? }`, `{ call: 'stats' }`,
   * `{ call: 'entities' }`, `{ call: 'state', entity, slot? }` or `{ call: 'export', format, entity?, provenance }`. MV012
   * when the stored cards are damaged.
   */
  cards(questionJson: string): Promise<string>;
  /** Writes the cards of documents nobody looked at, or with `force` of all; JSON. MV019 for another engine than `rules`. */
  enrich(engine: string, force: boolean): Promise<string>;
  /** Adds cards, JSON array; JSON array of their numbers. All or none. MV010 for a frame that is not there. */
  addMemoryCards(cardsJson: string): Promise<string>;
  /** JSON array of the ids of active documents that match `{ where?, scope? }`. */
  selectWhere(requestJson: string): string;
  /**
   * At once when the search was cheap. Besides words and selection, a request has
   * `mode`: `lex` (default), `sem` (by `vector`, which has to be there) or `auto` (both, as far as there is something to
   * look by; what is left out is in `warnings`);
   * `fusion`: `weighted` (default) or `rrf`; `semanticWeight`: 0 to 1, default 0.4;
   * `recall`: `fast`, `normal` (default), `high`, `exact`, or a number from 0.1 to 100, 1 being `normal`.
   * MV011 when there are no vectors (`details.reason`: `empty`) or they are switched off (`disabled`), MV014 for a
   * vector of another size than the file's, MV015 for one that is missing, empty or not finite.
   */
  find(requestJson: string, vector?: Float32Array): NativeHits | Promise<NativeHits>;
  timeline(requestJson: string): string;
  /**
   * With a request: frames, bytes of documents and vectors are counted over the documents that `{ where?, scope? }`
   * selects, and every frame is looked at.
   */
  stats(requestJson?: string): string;
  /** Whether any frame has a vector. Looks at no frame. */
  hasVectors(): boolean;
  frame(id: number): string;
  /** Id of the newest active frame with this uri. */
  frameByUri(uri: string): number;
  /** The whole stored text. */
  text(id: number): string;
  asset(id: number): NativeAsset;
  enableLex(): Promise<void>;
  seal(): Promise<void>;
  /** `seal`: moves what is in the log into the file first. */
  close(seal: boolean): Promise<void>;
  verify(deep: boolean): Promise<string>;
  /** Takes in what other processes wrote. */
  refresh(): void;
  /**
   * Waits until what a call reads is whole, no longer than `patienceMs` (1000 at most), then MV007, which counts what was
   * waited before.
   */
  settle(patienceMs: number, waitedMs: number): Promise<void>;
}
