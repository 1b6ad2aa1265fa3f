import { pathToFileURL } from 'node:url';
import type { Document } from '../corpus/document.ts';
import type { Peer } from '../peer.ts';
import type { Query } from '../queries.ts';
import { fetchedEntry } from './fetched.ts';
import { syncAll } from './snapshot.ts';

/** The calls of LanceDB that are measured; its types would come with 240 MB of packages. */
interface Table {
  add(rows: readonly Document[]): Promise<unknown>;
  createIndex(column: string, options: { config: unknown; waitTimeoutSeconds?: number }): Promise<void>;
  countRows(): Promise<number>;
  query(): TableQuery;
  close(): void;
}
interface TableQuery {
  fullTextSearch(query: unknown): TableQuery;
  where(condition: string): TableQuery;
  orderBy(column: { columnName: string; ascending: boolean; nullsFirst: boolean }): TableQuery;
  select(columns: readonly string[]): TableQuery;
  limit(count: number): TableQuery;
  toArray(): Promise<Document[]>;
}
interface Connection {
  createTable(name: string, rows: readonly Document[]): Promise<Table>;
  openTable(name: string): Promise<Table>;
  close(): void;
}
interface LanceDb {
  connect(path: string): Promise<Connection>;
  Index: { fts(options: object): unknown };
  MultiMatchQuery: new (text: string, columns: readonly string[], options?: { operator: string }) => unknown;
  PhraseQuery: new (text: string, column: string) => unknown;
  Operator: { And: string; Or: string };
}

const NAME = 'documents';
/** Rows that are handed over at once. */
const ROWS = 20_000;

export default async function lancedb(): Promise<Peer> {
  const lance = (await import(pathToFileURL(fetchedEntry('lancedb')).href)) as LanceDb;
  let connection: Connection;
  let table: Table;
  let folder = '';
  const asked = (query: Query): unknown => {
    if (query.class === 'phrase') return new lance.PhraseQuery(query.text, 'text');
    const operator = query.class === 'boolean' ? lance.Operator.And : lance.Operator.Or;
    return new lance.MultiMatchQuery(query.text, ['title', 'text'], { operator });
  };
  return {
    async create(path) {
      folder = path;
      connection = await lance.connect(path);
    },
    async open(path) {
      connection = await lance.connect(path);
      table = await connection.openTable(NAME);
    },
    async putMany(batch) {
      let rows: Document[] = [];
      let first = true;
      const store = async (): Promise<void> => {
        if (first) table = await connection.createTable(NAME, rows);
        else await table.add(rows);
        first = false;
        rows = [];
      };
      for (const document of batch.documents()) {
        rows.push(document);
        if (rows.length === ROWS) await store();
      }
      if (rows.length > 0 || first) await store();
      for (const column of ['title', 'text']) {
        const config = lance.Index.fts({ withPosition: true, stem: true, removeStopWords: false });
        await table.createIndex(column, { config });
      }
      // It leaves this to the system.
      syncAll(folder);
    },
    put: () => Promise.reject(new Error('no durable put')),
    async find(query, limit = 10) {
      let search = table
        .query()
        .fullTextSearch(asked(query))
        .select(['uri', 'title', 'text', 'timestamp', '_score'])
        .limit(limit);
      if (query.track !== undefined) search = search.where(`track = '${query.track}'`);
      // A row of Arrow reads its columns when it is asked for them.
      const rows = await search.toArray();
      return rows.map(({ uri, title, text, timestamp }) => ({ uri, title, text, timestamp }));
    },
    async timeline(limit) {
      const newest = table
        .query()
        .orderBy({ columnName: 'timestamp', ascending: false, nullsFirst: false })
        .select(['uri', 'text', 'timestamp'])
        .limit(limit);
      return (await newest.toArray()).map(({ uri, text, timestamp }) => ({ uri, text, timestamp })).length;
    },
    count: () => table.countRows(),
    async close() {
      table.close();
      connection.close();
    },
  };
}
