import type { DocumentPage, DocumentSource, DocumentTable, ParseDocumentOptions } from '@memvid/core';
import { tooLarge } from './failures.js';
import type { Limits, Settings } from './limits.js';

/** How long one turn of the event loop may be used, in milliseconds. */
const TURN = 12;

/** What a reader of a kind gives; the rest is the same for all kinds. */
export interface Draft {
  title?: string | undefined;
  author?: string | undefined;
  created?: string | undefined;
  mimeType?: string | undefined;
  unit?: 'page' | 'sheet' | 'slide' | 'chapter' | undefined;
  pages: DocumentPage[];
  tables?: DocumentTable[] | undefined;
}

/** One document being read: the bytes, what was counted against the limits, and what is to be said about it. */
export class Reading {
  readonly filename: string;
  readonly data: Uint8Array;
  readonly limits: Settings;
  readonly maxPages: number;
  readonly tables: DocumentTable[] = [];
  readonly #warnings = new Set<string>();
  readonly signal: AbortSignal | undefined;
  #unpacked = 0;
  #characters = 0;
  #cells = 0;
  #since = performance.now();

  constructor(source: DocumentSource, options: ParseDocumentOptions, limits: Settings) {
    this.filename = source.filename;
    this.data = source.data;
    this.limits = limits;
    this.maxPages = options.maxPages ?? Infinity;
    this.signal = options.signal;
    if (source.data.length > limits.maxBytes) this.#refuse('maxBytes', 'bytes');
  }

  get warnings(): string[] {
    return [...this.#warnings];
  }

  warn(warning: string): void {
    this.#warnings.add(warning);
  }

  /** Counts bytes that were unpacked. */
  unpacked(bytes: number): void {
    this.#unpacked += bytes;
    if (this.#unpacked > this.limits.maxUnpackedBytes) this.#refuse('maxUnpackedBytes', 'unpacked bytes');
  }

  /** Counts text that is kept, and gives it back. */
  text(text: string): string {
    this.open(text.length);
    this.#characters += text.length;
    return text;
  }

  /** Refuses text that is not over yet and would be too much already. */
  open(characters: number): void {
    const all = this.#characters + characters;
    if (all > this.limits.maxCharacters) this.#refuse('maxCharacters', 'characters');
  }

  depth(depth: number): void {
    if (depth > this.limits.maxDepth) this.#refuse('maxDepth', 'levels of elements');
  }

  /** Keeps a table of a page. Rows are made as long as the longest; a table without a second row is none. */
  table(page: number, rows: readonly (readonly string[])[], columns: number = 0): void {
    const width = rows.reduce((most, row) => Math.max(most, row.length), columns);
    if (rows.length < 2 || width === 0) return;
    this.#cells += rows.length * width;
    if (this.#cells > this.limits.maxCells) {
      this.warn(`tables behind ${this.limits.maxCells} cells are in the text only`);
      return;
    }
    // Most are as long as they are to be, and there may be hundreds of thousands.
    const [headers = [], ...others] = rows.map((row) =>
      row.length === width ? row : Array.from({ length: width }, (_, at) => row[at] ?? ''),
    );
    this.tables.push({ headers, rows: others, page });
  }

  /** Lets other work go on where this has taken its time, and ends it when its signal is aborted. */
  async pause(): Promise<void> {
    this.signal?.throwIfAborted();
    if (performance.now() - this.#since < TURN) return;
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    this.signal?.throwIfAborted();
    this.#since = performance.now();
  }

  /** `pause`, to be passed on. */
  readonly pauses = (): Promise<void> => this.pause();

  /** A document in this one, which is read with what is left of its limits. */
  within(source: DocumentSource, maxPages: number): Reading {
    const left = (limit: number, used: number): number => Math.max(0, limit - used);
    const limits = {
      ...this.limits,
      maxCharacters: left(this.limits.maxCharacters, this.#characters),
      maxUnpackedBytes: left(this.limits.maxUnpackedBytes, this.#unpacked),
      maxCells: left(this.limits.maxCells, this.#cells),
    };
    return new Reading(source, { maxPages, signal: this.signal }, limits);
  }

  /** Counts what a document in this one took, and keeps its tables; `numbers` are its pages as this one counts them. */
  take(inner: Reading, numbers: ReadonlyMap<number, number>): void {
    this.spent(inner);
    this.#characters += inner.#characters;
    this.#cells += inner.#cells;
    for (const table of inner.tables) {
      const page = numbers.get(table.page);
      if (page !== undefined) this.tables.push({ ...table, page });
    }
  }

  /** Counts the work that a document in this one made, whatever came of it. */
  spent(inner: Reading): void {
    this.#unpacked += inner.#unpacked;
  }

  #refuse(limit: keyof Limits, what: string): never {
    throw tooLarge(this.filename, limit, this.limits[limit], what);
  }
}
