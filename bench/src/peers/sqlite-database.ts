import type { Database, Statement } from 'better-sqlite3';

export const DOCUMENTS_TABLE = `
  create table if not exists documents (id integer primary key, uri text, title text, text text, track text, timestamp integer);`;
export const WORDS_TABLE = `
  create virtual table if not exists words using fts5(
    title, text, content = 'documents', content_rowid = 'id', tokenize = 'porter unicode61'
  );`;

/** Makes each write durable. */
export function makeDurable(database: Database): void {
  database.pragma('journal_mode = WAL');
  database.pragma('synchronous = FULL');
}

/** Puts a document's words beside its row: row, title and text. */
export function wordsInsertion(database: Database): Statement {
  return database.prepare('insert into words (rowid, title, text) values (?, ?, ?)');
}

/** What FTS5 is asked for documents with any of the words; not for none. */
export function anyOf(words: readonly string[]): string {
  return words.map((word) => `"${word}"`).join(' OR ');
}

/** Closes a database with all of it in its file. */
export function closeDatabase(database: Database): void {
  database.pragma('wal_checkpoint(TRUNCATE)');
  database.close();
}
