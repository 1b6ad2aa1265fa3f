import { pathToFileURL } from 'node:url';
import type { Found } from '../../peer.ts';
import { fetchedEntry } from '../../peers/fetched.ts';
import { syncAll } from '../../peers/snapshot.ts';
import type { VectorDocument, VectorQuery } from '../corpus.ts';
import type { VectorPeer } from '../peer.ts';

/** The calls of LanceDB that are measured; its types would come with 240 MB of packages. */
interface Table {
  add(rows: readonly object[]): Promise<unknown>;
  createIndex(column: string, options: { config: unknown }): Promise<void>;
  query(): Query;
  countRows(): Promise<number>;
  close(): void;
}
interface Query {
  fullTextSearch(query: unknown): Query;
  nearestTo(vector: Float32Array): Query;
  distanceType(type: 'cosine'): Query;
  ef(candidates: number): Query;
  rerank(reranker: unknown): Query;
  where(condition: string): Query;
  select(columns: readonly string[]): Query;
  limit(count: number): Query;
  toArray(): Promise<VectorDocument[]>;
}
interface Connection {
  createTable(name: string, rows: readonly object[]): Promise<Table>;
  openTable(name: string): Promise<Table>;
  close(): void;
}
interface LanceDb {
  connect(path: string): Promise<Connection>;
  Index: {
    fts(options: object): unknown;
    hnswSq(options: object): unknown;
    bitmap(): unknown;
  };
  MultiMatchQuery: new (text: string, columns: readonly string[], options: { operator: string }) => unknown;
  Operator: { Or: string };
  rerankers: { RRFReranker: { create(): Promise<unknown> } };
}

const NAME = 'documents';
/** Rows that are handed over at once. */
const ROWS = 10_000;
/** Below, comparing everything is what its manual advises. */
const INDEXED_FROM = 50_000;

/** LanceDB with its own indexes and its own way to bring words and meaning together. */
export default async function lancedb(): Promise<VectorPeer> {
  const lance = (await import(pathToFileURL(fetchedEntry('lancedb')).href)) as LanceDb;
  let connection: Connection;
  let table: Table;
  let folder = '';
  let hasWords = false;
  let isIndexed = false;
  let effort = 100;
  const reranker = await lance.rerankers.RRFReranker.create();
  const nearest = (query: Query, { vector }: VectorQuery): Query => {
    const near = query.nearestTo(vector).distanceType('cosine');
    return isIndexed ? near.ef(effort) : near;
  };
  const read = async (query: Query, limit: number): Promise<Found[]> => {
    const rows = await query.select(['uri', 'title', 'text', 'timestamp']).limit(limit).toArray();
    // A row of Arrow reads its columns when it is asked for them.
    return rows.map(({ uri, title, text, timestamp }) => ({ uri, title, text, timestamp }));
  };
  return {
    efforts: [50, 75, 100, 150, 200, 300, 500],
    tune(value) {
      effort = value;
    },
    async create({ path, words, documents }) {
      folder = path;
      hasWords = words;
      isIndexed = documents >= INDEXED_FROM;
      connection = await lance.connect(path);
    },
    async open({ path, documents }) {
      isIndexed = documents >= INDEXED_FROM;
      connection = await lance.connect(path);
      table = await connection.openTable(NAME);
    },
    async putMany(documents) {
      let rows: object[] = [];
      let first = true;
      const store = async (): Promise<void> => {
        if (first) table = await connection.createTable(NAME, rows);
        else await table.add(rows);
        first = false;
        rows = [];
      };
      for (const document of documents) {
        rows.push({ ...document });
        if (rows.length === ROWS) await store();
      }
      if (rows.length > 0) await store();
      if (hasWords) {
        for (const column of ['title', 'text']) {
          const config = lance.Index.fts({ withPosition: true, stem: true, removeStopWords: false });
          await table.createIndex(column, { config });
        }
      }
      // It leaves this to the system.
      syncAll(folder);
    },
    async build() {
      if (!isIndexed) return;
      await table.createIndex('vector', { config: lance.Index.hnswSq({ distanceType: 'cosine' }) });
      await table.createIndex('track', { config: lance.Index.bitmap() });
      syncAll(folder);
    },
    async near(query, limit, track) {
      const near = nearest(table.query(), query);
      return read(track === undefined ? near : near.where(`track = '${track}'`), limit);
    },
    async hybrid(query, limit) {
      const asked = new lance.MultiMatchQuery(query.words.join(' '), ['title', 'text'], {
        operator: lance.Operator.Or,
      });
      return read(nearest(table.query().fullTextSearch(asked), query).rerank(reranker), limit);
    },
    async close() {
      table.close();
      connection.close();
    },
  };
}
