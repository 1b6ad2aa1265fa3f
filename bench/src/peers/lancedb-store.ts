import { pathToFileURL } from 'node:url';
import type { Document } from '../corpus/document.ts';
import type { Found } from '../peer.ts';
import { fetchedEntry } from './fetched.ts';
import { syncAll } from './snapshot.ts';

/** The calls of LanceDB that are measured; its types would come with 240 MB of packages. */
interface Table {
  add(rows: readonly Document[]): Promise<unknown>;
  createIndex(column: string, options: { config: unknown }): Promise<void>;
  query(): Query;
  countRows(): Promise<number>;
  close(): void;
}
export interface Query {
  fullTextSearch(query: unknown): Query;
  nearestTo(vector: Float32Array): Query;
  distanceType(type: 'cosine'): Query;
  ef(candidates: number): Query;
  rerank(reranker: unknown): Query;
  where(condition: string): Query;
  orderBy(column: { columnName: string; ascending: boolean; nullsFirst: boolean }): Query;
  select(columns: readonly string[]): Query;
  limit(count: number): Query;
  toArray(): Promise<Document[]>;
}
interface Connection {
  createTable(name: string, rows: readonly Document[]): Promise<Table>;
  openTable(name: string): Promise<Table>;
  close(): void;
}
export interface LanceDb {
  connect(path: string): Promise<Connection>;
  Index: {
    fts(options: object): unknown;
    hnswSq(options: object): unknown;
    bitmap(): unknown;
  };
  MultiMatchQuery: new (text: string, columns: readonly string[], options: { operator: string }) => unknown;
  PhraseQuery: new (text: string, column: string) => unknown;
  Operator: { And: string; Or: string };
  rerankers: { RRFReranker: { create(): Promise<unknown> } };
}

export async function loadLanceDb(): Promise<LanceDb> {
  return (await import(pathToFileURL(fetchedEntry('lancedb')).href)) as LanceDb;
}

const NAME = 'documents';
/** The columns that are searched for words. */
export const WORD_COLUMNS: readonly string[] = ['title', 'text'];

/** One table of documents, in a folder. */
export class LanceStore {
  readonly #lance: LanceDb;
  #connection: Connection | undefined;
  #table: Table | undefined;
  #folder = '';

  constructor(lance: LanceDb) {
    this.#lance = lance;
  }

  async create(path: string): Promise<void> {
    this.#folder = path;
    this.#connection = await this.#lance.connect(path);
  }
  async open(path: string): Promise<void> {
    await this.create(path);
    this.#table = await this.#connected.openTable(NAME);
  }
  /** Stores the documents, so many rows at once. */
  async putMany(documents: Iterable<Document>, atOnce: number): Promise<void> {
    let rows: Document[] = [];
    this.#table = undefined;
    const store = async (): Promise<void> => {
      if (this.#table === undefined) this.#table = await this.#connected.createTable(NAME, rows);
      else await this.#table.add(rows);
      rows = [];
    };
    for (const document of documents) {
      rows.push(document);
      if (rows.length === atOnce) await store();
    }
    if (rows.length > 0 || this.#table === undefined) await store();
  }
  async indexWords(): Promise<void> {
    for (const column of WORD_COLUMNS) {
      // Each index wants a configuration of its own: it can be used once.
      const config = this.#lance.Index.fts({ withPosition: true, stem: true, removeStopWords: false });
      await this.table.createIndex(column, { config });
    }
  }
  get table(): Table {
    if (this.#table === undefined) throw new Error('the store has no table');
    return this.#table;
  }
  get #connected(): Connection {
    if (this.#connection === undefined) throw new Error('the store is not open');
    return this.#connection;
  }
  /** Makes everything durable, which LanceDB leaves to the system. */
  sync(): void {
    syncAll(this.#folder);
  }
  async close(): Promise<void> {
    this.table.close();
    this.#connected.close();
  }
}

/** The rows of a query, as an application reads them. */
export async function found(query: Query): Promise<Found[]> {
  // A row of Arrow reads its columns when it is asked for them.
  const rows = await query.toArray();
  return rows.map(({ uri, title, text, timestamp }) => ({ uri, title, text, timestamp }));
}
