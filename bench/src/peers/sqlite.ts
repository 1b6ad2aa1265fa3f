import type { Database, Statement } from 'better-sqlite3';
import type { Found, Peer } from '../peer.ts';
import type { Query } from '../queries.ts';
import {
  anyOf,
  closeDatabase,
  DOCUMENTS_TABLE,
  makeDurable,
  WORDS_TABLE,
  wordsInsertion,
} from './sqlite-database.ts';

const TABLES = `${DOCUMENTS_TABLE}
  create index if not exists by_time on documents (timestamp);${WORDS_TABLE}`;
const FIND = (filter: string): string => `
  select d.id, d.uri, d.title, d.text, d.timestamp, snippet(words, 1, '', '', '…', 40) as snippet, words.rank
  from words join documents d on d.id = words.rowid where words match ? ${filter} order by words.rank limit ?`;

/** SQLite with FTS5 and its Porter stemmer, each write durable; the words of a question joined by OR, ranked by BM25. */
export default async function sqlite(): Promise<Peer> {
  const { default: SQLite } = await import('better-sqlite3');
  new SQLite(':memory:').close(); // Loads the native part too.
  let database: Database;
  let insert: Statement;
  let index: Statement;
  let select: Statement<unknown[], Found>;
  let filtered: Statement<unknown[], Found>;
  let newest: Statement;
  let counted: Statement<unknown[], { count: number }>;
  const open = (path: string): void => {
    database = new SQLite(path);
    makeDurable(database);
    database.exec(TABLES);
    insert = database.prepare(
      'insert into documents (uri, title, text, track, timestamp) values (@uri, @title, @text, @track, @timestamp)',
    );
    index = wordsInsertion(database);
    select = database.prepare(FIND(''));
    filtered = database.prepare(FIND('and d.track = ?'));
    newest = database.prepare(
      'select id, uri, timestamp, substr(text, 1, 120) as preview from documents order by timestamp desc limit ?',
    );
    counted = database.prepare('select count(*) as count from documents');
  };
  return {
    async create(path) {
      open(path);
    },
    async open(path) {
      open(path);
    },
    async putMany(batch) {
      database.transaction(() => {
        for (const document of batch.documents()) {
          const { lastInsertRowid } = insert.run(document);
          index.run(lastInsertRowid, document.title, document.text);
        }
      })();
    },
    async put(document) {
      database.transaction(() => {
        const { lastInsertRowid } = insert.run(document);
        index.run(lastInsertRowid, document.title, document.text);
      })();
    },
    async find(query, limit = 10) {
      if (query.words.length === 0) return [];
      return query.track === undefined
        ? select.all(written(query), limit)
        : filtered.all(written(query), query.track, limit);
    },
    async timeline(limit) {
      return newest.all(limit).length;
    },
    async count() {
      return counted.get()?.count ?? 0;
    },
    async close() {
      closeDatabase(database);
    },
  };
}

function written(query: Query): string {
  switch (query.class) {
    case 'phrase':
      return `"${query.text}"`;
    case 'boolean':
      return query.words.map((word) => `"${word}"`).join(' AND ');
    case 'prefix':
      return `"${query.text}"*`;
    default:
      return anyOf(query.words);
  }
}
