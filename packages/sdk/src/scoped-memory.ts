import {
  loadNative,
  UnsupportedOperationError,
  type NativeAsset,
  type NativeColumns,
  type NativeDocument,
  type NativeFeed,
  type NativeHits,
  type NativeMemory,
  type NativePutOptions,
  type NativePutResult,
} from '@memvid/core';
import type { FrameInfo } from './frame-info.js';
import { notInScope, ofTheWholeFile, uriNotInScope, type Scope } from './scope.js';
import type { Where } from './where.js';

/**
 * The engine as a scope sees it: everything that reads gives what is in the scope, everything that writes puts it there,
 * and what is about the whole file is refused. The calls of a scoped memory know nothing else of the engine, so that
 * none of them can forget to look.
 */
export class ScopedMemory implements NativeMemory {
  readonly #native: NativeMemory;
  readonly #scope: Scope;
  /** The last answer of `stats`, and the state of the file it was given for. */
  #counted: { readonly state: string; readonly stats: string } | undefined;

  constructor(native: NativeMemory, scope: Scope) {
    this.#native = native;
    this.#scope = scope;
  }

  path(): string {
    return this.#native.path();
  }

  put(documents: NativeDocument[], options: NativePutOptions): Promise<NativePutResult> {
    this.#refuseWhole(options);
    const at = (index: number): string => (documents.length === 1 ? '' : `docs[${index}].`);
    return this.#native.put(
      documents.map((document, index) => this.#scope.stamped(document, at(index))),
      options,
    );
  }

  /** The queue of the whole memory stores what `stamped` gives; nothing is stored at once without having passed there. */
  putAtOnce(): null {
    return null;
  }

  indexLog(): void {
    this.#native.indexLog();
  }

  newFeed(): NativeFeed {
    return new ScopedFeed(this.#scope);
  }

  putFeed(feed: NativeFeed, options: NativePutOptions): Promise<NativePutResult> {
    this.#refuseWhole(options);
    return this.#native.putFeed(ScopedFeed.engineOf(feed, this.#scope), options);
  }

  async update(id: number, patch: Partial<NativeDocument>): Promise<number> {
    this.#check(id);
    // What is not given stays, and with it the values of the scope.
    const stamped = patch.metadata === undefined ? patch : this.#scope.stamped(patch);
    return this.#native.update(id, stamped);
  }

  async remove(ids: number[]): Promise<{ sequence: number; removed: number }> {
    for (const id of ids) this.#check(id);
    return this.#native.remove(ids);
  }

  async doctor(): Promise<string> {
    throw ofTheWholeFile('doctor', this.#scope);
  }

  async compact(): Promise<string> {
    throw ofTheWholeFile('compact', this.#scope);
  }

  async cards(): Promise<string> {
    throw ofTheWholeFile('memories', this.#scope);
  }

  async enrich(): Promise<string> {
    throw ofTheWholeFile('enrich', this.#scope);
  }

  async addMemoryCards(): Promise<string> {
    throw ofTheWholeFile('addMemoryCards', this.#scope);
  }

  async purge(): Promise<string> {
    throw ofTheWholeFile('purge', this.#scope);
  }

  selectWhere(requestJson: string): string {
    return this.#native.selectWhere(this.#narrowed(requestJson));
  }

  find(requestJson: string, vector?: Float32Array): NativeHits | Promise<NativeHits> {
    const request = this.#narrowed(requestJson);
    return vector === undefined ? this.#native.find(request) : this.#native.find(request, vector);
  }

  timeline(requestJson: string): string {
    return this.#native.timeline(this.#narrowed(requestJson));
  }

  /** Whether any document of the scope has a vector: looks at each of them. */
  hasVectors(): boolean {
    const { vector_count } = JSON.parse(this.stats()) as { vector_count: number };
    return vector_count > 0;
  }

  stats(requestJson?: string): string {
    if (requestJson !== undefined) return this.#native.stats(this.#narrowed(requestJson));
    // The engine counts the frames one by one. Frames are only ever added, and counted apart when they go: as long as
    // the figures of the whole file stay, those of its parts do.
    const state = this.#native.stats();
    if (this.#counted?.state !== state) {
      this.#counted = { state, stats: this.#native.stats(this.#narrowed('{}')) };
    }
    return this.#counted.stats;
  }

  frame(id: number): string {
    const frame = this.#check(id);
    const seen = (other: number | null): number | null => (other !== null && this.#has(other) ? other : null);
    return JSON.stringify({
      ...frame,
      supersedes: seen(frame.supersedes),
      superseded_by: seen(frame.superseded_by),
    });
  }

  /** The engine knows the newest frame of all; in the scope it may be an older one. */
  frameByUri(uri: string): number {
    const ids = JSON.parse(this.selectWhere(JSON.stringify({ where: { uri } }))) as number[];
    const newest = ids.toSorted((left, right) => left - right).pop();
    if (newest !== undefined) return newest;
    // Chunks, and documents that were stored without a uri, are known by the one they are given.
    const named = this.#native.frameByUri(uri);
    if (this.#has(named)) return named;
    throw uriNotInScope(uri);
  }

  text(id: number): string {
    this.#check(id);
    return this.#native.text(id);
  }

  asset(id: number): NativeAsset {
    this.#check(id);
    return this.#native.asset(id);
  }

  refresh(): void {
    this.#native.refresh();
  }

  settle(patienceMs: number, waitedMs: number): Promise<void> {
    return this.#native.settle(patienceMs, waitedMs);
  }

  seal(): Promise<void> {
    return this.#native.seal();
  }

  async stageVectors(): Promise<number> {
    throw ofTheWholeFile('stageVectors', this.#scope);
  }

  async discardStaged(): Promise<number> {
    throw ofTheWholeFile('discardStaged', this.#scope);
  }

  async swapVectors(): Promise<string> {
    throw ofTheWholeFile('swapVectors', this.#scope);
  }

  async embeddedFrames(): Promise<string> {
    throw ofTheWholeFile('embeddedFrames', this.#scope);
  }

  async setVectorCompression(): Promise<void> {
    throw ofTheWholeFile('setVectorCompression', this.#scope);
  }

  searchedText(id: number): string {
    this.#check(id);
    return this.#native.searchedText(id);
  }

  async enableLex(): Promise<void> {
    throw ofTheWholeFile('enableLex', this.#scope);
  }

  async verify(): Promise<string> {
    throw ofTheWholeFile('verify', this.#scope);
  }

  /** The file stays open: it is not this view's to close. */
  async close(): Promise<void> {
    await this.#native.seal();
  }

  /** A document that is to be stored by itself, with the values of the scope. */
  stamped(document: NativeDocument, options: NativePutOptions): NativeDocument {
    this.#refuseWhole(options);
    return this.#scope.stamped(document);
  }

  /** MV018 for what concerns the whole file: an equal document may be one of another scope, which must neither be named nor replaced. */
  #refuseWhole({ dedupe, vectorCompression }: NativePutOptions): void {
    if (vectorCompression === true) throw ofTheWholeFile('vectorCompression', this.#scope);
    if (dedupe === 'keep') return;
    throw new UnsupportedOperationError(
      `dedupe: "${dedupe}" compares with the documents of the whole file, and this handle sees those of { ${this.#scope.name} }`,
      {
        details: { operation: 'put', reason: 'scope' },
        suggestion: 'Leave `dedupe` out, or call the memory that `scope()` was called on.',
      },
    );
  }

  #narrowed(requestJson: string): string {
    const request = JSON.parse(requestJson) as { where?: Where };
    return JSON.stringify({ ...request, where: this.#scope.narrowed(request.where) });
  }

  /** The frame, which is one of the scope: else MV010. */
  #check(id: number): FrameInfo {
    let frame: FrameInfo;
    try {
      frame = this.#frame(id);
    } catch (error) {
      if (error instanceof Error && error.message.includes('"MV010"')) throw notInScope(id);
      throw error;
    }
    // A chunk is part of its document.
    const document = frame.parent_id === null ? frame : this.#frame(frame.parent_id);
    if (!this.#scope.holds(document.metadata)) throw notInScope(id);
    return frame;
  }

  #has(id: number): boolean {
    try {
      this.#check(id);
      return true;
    } catch {
      return false;
    }
  }

  #frame(id: number): FrameInfo {
    return JSON.parse(this.#native.frame(id)) as FrameInfo;
  }
}

/** A feed whose documents get the values of a scope on their way. */
class ScopedFeed implements NativeFeed {
  readonly #scope: Scope;
  readonly #feed: NativeFeed = new (loadNative().NativeFeed)();
  #pushed = 0;

  constructor(scope: Scope) {
    this.#scope = scope;
  }

  /** The engine's end of a feed of this scope. */
  static engineOf(feed: NativeFeed, scope: Scope): NativeFeed {
    if (feed instanceof ScopedFeed && feed.#scope === scope) return feed.#feed;
    throw new TypeError('A scoped memory takes a feed of its own');
  }

  push(columns: NativeColumns): boolean {
    const metadata = columns.texts.map((_, index) =>
      this.#scope.stampedMetadata(columns.metadata?.[index], `docs[${this.#pushed + index}].`),
    );
    this.#pushed += columns.texts.length;
    return this.#feed.push({ ...columns, metadata });
  }

  room(): Promise<void> {
    return this.#feed.room();
  }

  end(): void {
    this.#feed.end();
  }

  abort(): void {
    this.#feed.abort();
  }
}

/** A feed that `memory` takes. */
export function feedFor(memory: NativeMemory): NativeFeed {
  return memory instanceof ScopedMemory ? memory.newFeed() : new (loadNative().NativeFeed)();
}
