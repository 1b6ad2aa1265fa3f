import type { Database, Statement } from 'better-sqlite3';
import type { Found } from '../../peer.ts';
import {
  anyOf,
  closeDatabase,
  DOCUMENTS_TABLE,
  makeDurable,
  WORDS_TABLE,
  wordsInsertion,
} from '../../peers/sqlite-database.ts';
import { DIMENSION } from '../data.ts';
import { normalisedSum, type Scored } from '../fuse.ts';
import type { VectorPeer } from '../peer.ts';

const TABLES = `${DOCUMENTS_TABLE}
  create virtual table if not exists vectors using vec0(
    id integer primary key, track text, vector float[${DIMENSION}] distance_metric=cosine
  );`;
const NEAR = (filter: string): string => `
  with near as (select id, distance from vectors where vector match ? and k = ? ${filter})
  select d.id, d.uri, d.title, d.text, d.timestamp from near join documents d on d.id = near.id order by near.distance`;

/** Candidates of each kind that are fused, and the weight of meaning. */
const CANDIDATES = 100;
const MEANING = 0.4;

/** SQLite with vectors in a table of `sqlite-vec`, and with FTS5 when words are asked for; each write durable. */
export default async function sqliteVec(): Promise<VectorPeer> {
  const [{ default: SQLite }, { load }] = await Promise.all([import('better-sqlite3'), import('sqlite-vec')]);
  const trial = new SQLite(':memory:'); // Loads the native part too.
  load(trial);
  trial.close();
  let database: Database;
  let insert: Statement;
  let insertVector: Statement;
  let index: Statement | undefined;
  let near: Statement<unknown[], Found>;
  let filtered: Statement<unknown[], Found>;
  let best: Statement<unknown[], Scored[number]> | undefined;
  let nearest: Statement<unknown[], Scored[number]>;
  let one: Statement<unknown[], Found>;
  const open: VectorPeer['open'] = async ({ path, words }) => {
    database = new SQLite(path);
    load(database);
    makeDurable(database);
    database.exec(TABLES);
    insert = database.prepare(
      'insert into documents (uri, title, text, track, timestamp) values (?, ?, ?, ?, ?)',
    );
    insertVector = database.prepare('insert into vectors (id, track, vector) values (?, ?, ?)');
    near = database.prepare(NEAR(''));
    filtered = database.prepare(NEAR('and track = ?'));
    nearest = database.prepare(
      'select id, 1 - distance as score from vectors where vector match ? and k = ? order by distance',
    );
    one = database.prepare('select id, uri, title, text, timestamp from documents where id = ?');
    index = undefined;
    best = undefined;
    if (!words) return;
    database.exec(WORDS_TABLE);
    index = wordsInsertion(database);
    best = database.prepare(
      'select rowid as id, -rank as score from words where words match ? order by rank limit ?',
    );
  };
  return {
    create: open,
    open,
    async putMany(documents) {
      database.transaction(() => {
        for (const { uri, title, text, track, timestamp, vector } of documents) {
          const { lastInsertRowid } = insert.run(uri, title, text, track, timestamp);
          // A key of `vec0` has to be a BigInt, for a number comes as one with a fraction.
          insertVector.run(BigInt(lastInsertRowid), track, bytesOf(vector));
          index?.run(lastInsertRowid, title, text);
        }
      })();
    },
    async near({ vector }, limit, track) {
      return track === undefined
        ? near.all(bytesOf(vector), limit)
        : filtered.all(bytesOf(vector), limit, track);
    },
    async hybrid({ words, vector }, limit) {
      if (best === undefined) throw new Error('the store has no words');
      const meant = nearest.all(bytesOf(vector), CANDIDATES);
      const said = words.length === 0 ? [] : best.all(anyOf(words), CANDIDATES);
      return normalisedSum(said, meant, MEANING, limit).flatMap((id) => one.get(id) ?? []);
    },
    async close() {
      closeDatabase(database);
    },
  };
}

function bytesOf(vector: Float32Array): Uint8Array {
  return new Uint8Array(vector.buffer, vector.byteOffset, vector.byteLength);
}
