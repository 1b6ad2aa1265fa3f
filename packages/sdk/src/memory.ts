import { extractAsset, extractAssetByUri, type Asset } from './assets.js';
import { ask, askStream, type AskInput, type AskResult, type AskStream } from './ask.js';
import type { PutManyInput, PutManySource } from './batch-options.js';
import { guarded } from './border.js';

import {
  addMemoryCards,
  enrich,
  exportFacts,
  memories,
  memoriesStats,
  memoryEntities,
  state,
  type AddMemoryCardsResult,
  type EnrichEngine,
  type EnrichOptions,
  type EnrichResult,
  type EntityState,
  type FactsFormat,
  type MemoriesResult,
  type MemoriesStatsResult,
  type MemoryCardInput,
} from './cards.js';
import { close, type CloseOptions } from './close.js';
import { correct, correctMany, type Correction, type CorrectOptions } from './correct.js';
import { compact, purge, type CompactResult, type PurgeOptions, type PurgeResult } from './upkeep.js';
import { doctor, rebuildTimeIndex, type DoctorOptions, type DoctorReport } from './doctor.js';
import { find, type FindInput, type FindResult } from './find.js';
import { getFrameInfo, type FrameInfo } from './frame-info.js';
import type { Handle } from './handle.js';
import type { Adapter, AdapterSlots } from './kinds/adapters.js';
import * as later from './later.js';
import type { PictureQuery } from './image.js';
import { put, type PutInput } from './put.js';
import { putFile, putFiles } from './put-file.js';
import type { PutFileOptions, PutFileResult, PutFilesOptions, PutFilesResult } from './put-file.js';
import { putMany, type PutManyOptions } from './put-many.js';
import type { PutManyReport, PutManyStreamOptions } from './put-stream.js';
import { setVectorCompression } from './vector-compression.js';
import { reembed, type ReembedInput, type ReembedResult } from './reembed.js';
import { remove, removeMany, type RemoveManyInput, type RemoveManyResult } from './remove.js';
import type { ScopeFields } from './scope.js';
import { stats, type StatsResult } from './stats.js';
import { getTable, listTables, putPdfTables } from './tables.js';
import type { PutPdfTablesOptions, PutPdfTablesResult, TableData, TableInfo } from './tables.js';
import {
  currentTicket,
  getCapacity,
  getMemoryBinding,
  refuseTicket,
  type MemoryBinding,
  type Ticket,
} from './tickets.js';
import { timeline, type TimelineEntry, type TimelineInput } from './timeline.js';
import { update, type UpdateInput } from './update.js';
import { vecSearch, type VecSearchInput } from './vec-search.js';
import { verify, type VerifyOptions, type VerifyReport } from './verify.js';
import { view, viewByUri, type FrameRef } from './view.js';
import type { EmbeddingVector } from './embedding/given-vector.js';

/**
 * An open memory. Every call rejects with a `MemvidError` and leaves the handle usable; a change that rejects
 * leaves the file as it was. Changes run in the order they were called, and reads see the changes called before, but for
 * those whose vectors are still being made.
 */
export class Memvid {
  readonly #handle: Handle;
  readonly #adapter: Adapter;
  readonly #slots: AdapterSlots;

  /** Use `create`, `open` or `use`. */
  constructor(handle: Handle, adapter: Adapter) {
    this.#handle = handle;
    this.#adapter = adapter;
    this.#slots = adapter(this);
  }

  /** A call of several steps: `close` waits for it. */
  #lasting<T>(call: Promise<T>): Promise<T> {
    return this.#handle.lasting(guarded(call));
  }

  /** Tools for the framework named by the kind; empty for `"basic"`. */
  get tools(): AdapterSlots['tools'] {
    return this.#slots.tools;
  }
  get functions(): AdapterSlots['functions'] {
    return this.#slots.functions;
  }
  get nodes(): AdapterSlots['nodes'] {
    return this.#slots.nodes;
  }
  get asQueryEngine(): AdapterSlots['asQueryEngine'] {
    return this.#slots.asQueryEngine;
  }

  /** The path as it was given. */
  async path(): Promise<string> {
    this.#handle.assertOpen('path');
    return this.#handle.path;
  }
  /** Stores one document, durably, and gives its frame id. */
  put(input: PutInput): Promise<string> {
    return guarded(put(this.#handle, input));
  }
  /** Stores every document or none, and gives their frame ids in order. */
  putMany(docs: PutManySource<PutManyInput>, options?: PutManyOptions): Promise<string[]>;
  /** Stores each document on its own, batch by batch, and reports what became of it. */
  putMany(docs: PutManySource<PutManyInput>, options: PutManyStreamOptions): Promise<PutManyReport>;
  putMany(
    docs: PutManySource<PutManyInput>,
    options?: PutManyOptions | PutManyStreamOptions,
  ): Promise<string[] | PutManyReport> {
    return guarded(putMany(this.#handle, docs, options));
  }
  /** Stores a text file, or a document that a plugin reads: a frame a page, sheet, slide or chapter. */
  putFile(path: string, options?: PutFileOptions): Promise<PutFileResult> {
    return this.#lasting(putFile(this.#handle, path, options));
  }
  /** Stores the files of a folder that can be read; a bad one does not stop the others. */
  putFiles(dir: string, options?: PutFilesOptions): Promise<PutFilesResult> {
    return this.#lasting(putFiles(this.#handle, dir, options));
  }
  /** Stores a new version of a document and gives its frame id. */
  update(id: FrameRef, changes: UpdateInput): Promise<string> {
    return this.#lasting(update(this.#handle, id, changes));
  }
  /** Removes a document with its chunks. */
  remove(id: FrameRef): Promise<number> {
    return remove(this.#handle, id);
  }
  /** Removes every document that matches, in one transaction. */
  removeMany(selection: RemoveManyInput): Promise<RemoveManyResult> {
    return this.#lasting(removeMany(this.#handle, selection));
  }
  /** Stores a statement that outranks what it corrects. */
  correct(statement: string, options?: CorrectOptions): Promise<string> {
    return guarded(correct(this.#handle, statement, options));
  }
  correctMany(corrections: readonly Correction[]): Promise<string[]> {
    return guarded(correctMany(this.#handle, corrections));
  }

  /** Searches by words, by meaning, or both; among pictures with `mode: "clip"`, or for those like `{ image }`. */
  find(query: string | PictureQuery, options?: FindInput): Promise<FindResult> {
    return this.#lasting(find(this.#handle, query, options));
  }
  /** Searches by a vector; the words of the query choose the snippets. */
  vecSearch(query: string, queryEmbedding: EmbeddingVector, options?: VecSearchInput): Promise<FindResult> {
    return this.#lasting(vecSearch(this.#handle, query, queryEmbedding, options));
  }
  /** Answers a question from what is stored. */
  ask(question: string, options?: AskInput): Promise<AskResult> {
    return this.#lasting(ask(this.#handle, question, options));
  }
  /** The same, with the answer of a language model as it is written. */
  askStream(question: string, options?: AskInput): Promise<AskStream> {
    return this.#lasting(askStream(this.#handle, question, options));
  }
  /** Documents by time. */
  timeline(options?: TimelineInput): Promise<TimelineEntry[]> {
    return guarded(timeline(this.#handle, options));
  }
  /** Counts and sizes. */
  stats(): Promise<StatsResult> {
    return stats(this.#handle);
  }
  /** Checks the file. */
  verify(options?: VerifyOptions): Promise<VerifyReport> {
    return guarded(verify(this.#handle, options));
  }
  /** The whole text of a frame. */
  view(id: FrameRef): Promise<string> {
    return view(this.#handle, id);
  }
  viewByUri(uri: string): Promise<string> {
    return viewByUri(this.#handle, uri);
  }
  /** Everything a frame carries but its text. */
  getFrameInfo(id: FrameRef): Promise<FrameInfo> {
    return getFrameInfo(this.#handle, id);
  }
  /** The bytes a document was made from. */
  extractAsset(id: FrameRef): Promise<Asset> {
    return extractAsset(this.#handle, id);
  }
  extractAssetByUri(uri: string): Promise<Asset> {
    return extractAssetByUri(this.#handle, uri);
  }

  /** Gives every document a vector of another embedder; the old ones serve until then. */
  reembed(options?: ReembedInput): Promise<ReembedResult> {
    return this.#lasting(reembed(this.#handle, options));
  }
  /**
   * The documents whose metadata has these values, as a memory of their own: every call sees only them, and what is
   * stored gets the values. A scope of a scope is narrower; none is ever wider. Closing it leaves this memory open.
   */
  scope(fields: ScopeFields): Memvid {
    return new Memvid(this.#handle.scoped(fields), this.#adapter);
  }

  /** Builds the index of words where there is none; may be called repeatedly. */
  enableLex(): Promise<void> {
    return this.#handle.enableLex();
  }
  /** Flushes and commits. Data is durable without it; the handle stays usable. */
  seal(): Promise<void> {
    return this.#handle.seal();
  }
  /**
   * Seals and lets go of the file, behind the calls that came before; later calls reject with `ClosedHandleError`.
   * With `seal: false` what is in the log stays there: as durable, and much sooner done in a large file.
   */
  close(options?: CloseOptions): Promise<void> {
    return close(this.#handle, options);
  }
  [Symbol.asyncDispose](): Promise<void> {
    return this.#handle.close();
  }

  /** The cap in force, in bytes. */
  getCapacity(): Promise<number> {
    return getCapacity(this.#handle);
  }
  currentTicket(): Promise<Ticket> {
    return currentTicket(this.#handle);
  }
  /** Rejects with MV002: tickets are not used here. */
  applyTicket(ticket: string): Promise<never> {
    return refuseTicket(this.#handle, 'applyTicket', ticket);
  }
  applySignedTicket(ticket: unknown): Promise<never> {
    return refuseTicket(this.#handle, 'applySignedTicket', ticket);
  }
  getMemoryBinding(): Promise<MemoryBinding | null> {
    return getMemoryBinding(this.#handle);
  }
  /** There is no control plane to be bound to, so there is nothing to do. */
  async unbindMemory(): Promise<void> {
    this.#handle.assertOpen('unbindMemory');
  }
  /**
   * Finds the tables of a PDF, by a plugin, and stores each as a frame of its own and one for every row: all of them or none.
   */
  putPdfTables(path: string, embedRows?: boolean | PutPdfTablesOptions): Promise<PutPdfTablesResult> {
    return this.#lasting(putPdfTables(this.#handle, path, embedRows));
  }
  /** The tables in the order they were stored; `[]` for a memory without any. */
  listTables(): Promise<TableInfo[]> {
    return guarded(listTables(this.#handle));
  }
  /** A table as data. MV010 for an id that no table has. */
  getTable(id: string, format?: 'dict'): Promise<TableData>;
  /** A table as CSV, or as JSON text of the data. */
  getTable(id: string, format: 'csv' | 'json'): Promise<string>;
  getTable(id: string, format?: 'dict' | 'csv' | 'json'): Promise<TableData | string> {
    return guarded(getTable(this.#handle, id, format));
  }

  /**
   * Whether vectors of 384 numbers that are written from now on are kept product-quantised: 112 bytes each in place of 1552,
   * and about as near as they were. The file keeps the setting. What is quantised stays that way.
   */
  setVectorCompression(on: boolean): Promise<void> {
    return guarded(setVectorCompression(this.#handle, on));
  }

  /** Looks for damage and repairs it; the report says what was found, done and lost. */
  doctor(options?: DoctorOptions): Promise<DoctorReport> {
    return guarded(doctor(this.#handle, options));
  }
  rebuildTimeIndex(): Promise<void> {
    return guarded(rebuildTimeIndex(this.#handle));
  }
  /** Writes the file anew without anything dead, and says what that won. Readers go on undisturbed. */
  compact(): Promise<CompactResult> {
    return guarded(compact(this.#handle));
  }
  /**
   * Erases what was removed, so that no byte of the file tells of it any more; documents that are named here are removed
   * first, with all their versions.
   */
  purge(ids?: FrameRef | readonly FrameRef[], options?: PurgeOptions): Promise<PurgeResult> {
    return guarded(purge(this.#handle, ids, options));
  }

  /** What is known of an entity, of one of its slots, or of all, as cards: newest first. */
  memories(entity?: string, slot?: string): Promise<MemoriesResult> {
    return guarded(memories(this.#handle, entity, slot));
  }
  memoriesStats(): Promise<MemoriesStatsResult> {
    return guarded(memoriesStats(this.#handle));
  }
  /** Names of everybody and everything there are cards about, with small letters. */
  memoryEntities(): Promise<string[]> {
    return guarded(memoryEntities(this.#handle));
  }
  /** What is so now of an entity: of each slot the newest value that nothing took back. */
  state(entity: string, slot?: string): Promise<EntityState> {
    return guarded(state(this.#handle, entity, slot));
  }
  /**
   * Makes cards of the documents that were not looked at and writes them into the file: by rules, by an extractor of names,
   * or by a language model. With `force`, of all documents.
   */
  enrich(engine?: EnrichEngine | EnrichOptions, force?: boolean): Promise<EnrichResult> {
    return this.#lasting(enrich(this.#handle, engine, force));
  }
  addMemoryCards(cards: readonly MemoryCardInput[]): Promise<AddMemoryCardsResult> {
    return guarded(addMemoryCards(this.#handle, cards));
  }
  /** The facts as text: `json` (default), `csv` or `ntriples`. */
  exportFacts(format?: FactsFormat, entity?: string, withProvenance?: boolean): Promise<string> {
    return guarded(exportFacts(this.#handle, format, entity, withProvenance));
  }

  // What follows is part of the contract and not of this version: each rejects with MV018 and says so.

  sessionStart(_name?: string): Promise<never> {
    return later.refuse(this.#handle, 'sessionStart');
  }
  sessionCheckpoint(): Promise<never> {
    return later.refuse(this.#handle, 'sessionCheckpoint');
  }
  sessionEnd(): Promise<never> {
    return later.refuse(this.#handle, 'sessionEnd');
  }
  sessionList(): Promise<never> {
    return later.refuse(this.#handle, 'sessionList');
  }
  sessionReplay(_id: string, _options?: object): Promise<never> {
    return later.refuse(this.#handle, 'sessionReplay');
  }
  sessionDelete(_id: string): Promise<never> {
    return later.refuse(this.#handle, 'sessionDelete');
  }
}
