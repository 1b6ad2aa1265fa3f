import type { Database, Statement } from 'better-sqlite3';
import type { Peer } from '../peer.ts';

const COLUMNS = 'uri unindexed, title, text';

/** SQLite with FTS5 and its Porter stemmer, each write durable; the words of a question joined by OR, ranked by BM25. */
export default async function sqlite(): Promise<Peer> {
  const { default: SQLite } = await import('better-sqlite3');
  let database: Database;
  let insert: Statement;
  let select: Statement;
  const open = (path: string): void => {
    database = new SQLite(path);
    database.pragma('journal_mode = WAL');
    database.pragma('synchronous = FULL');
    database.exec(
      `create virtual table if not exists documents using fts5(${COLUMNS}, tokenize = 'porter unicode61')`,
    );
    insert = database.prepare('insert into documents (uri, title, text) values (@uri, @title, @text)');
    select = database.prepare(
      `select rowid, uri, title, text, snippet(documents, 2, '', '', '…', 40) as snippet
       from documents where documents match ? order by rank limit 10`,
    );
  };
  return {
    async create(path) {
      open(path);
    },
    async open(path) {
      open(path);
    },
    async putMany(documents) {
      database.transaction(() => {
        for (const document of documents) insert.run(document);
      })();
    },
    async put(document) {
      insert.run(document);
    },
    async find(question) {
      const words = question.match(/[\p{L}\p{N}]+/gu) ?? [];
      return select.all(words.map((word) => `"${word}"`).join(' OR ')).length;
    },
    async close() {
      database.pragma('wal_checkpoint(TRUNCATE)');
      database.close();
    },
  };
}
