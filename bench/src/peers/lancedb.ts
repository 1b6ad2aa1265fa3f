import type { Peer } from '../peer.ts';
import type { Query } from '../queries.ts';
import { found, LanceStore, loadLanceDb, WORD_COLUMNS } from './lancedb-store.ts';

/** Rows that are handed over at once. */
const ROWS = 20_000;

export default async function lancedb(): Promise<Peer> {
  const lance = await loadLanceDb();
  const store = new LanceStore(lance);
  const asked = (query: Query): unknown => {
    if (query.class === 'phrase') return new lance.PhraseQuery(query.text, 'text');
    const operator = query.class === 'boolean' ? lance.Operator.And : lance.Operator.Or;
    return new lance.MultiMatchQuery(query.text, WORD_COLUMNS, { operator });
  };
  return {
    create: (path) => store.create(path),
    open: (path) => store.open(path),
    async putMany(batch) {
      await store.putMany(batch.documents(), ROWS);
      await store.indexWords();
      store.sync();
    },
    put: () => Promise.reject(new Error('no durable put')),
    async find(query, limit = 10) {
      let search = store.table
        .query()
        .fullTextSearch(asked(query))
        .select(['uri', 'title', 'text', 'timestamp', '_score'])
        .limit(limit);
      if (query.track !== undefined) search = search.where(`track = '${query.track}'`);
      return found(search);
    },
    async timeline(limit) {
      const newest = store.table
        .query()
        .orderBy({ columnName: 'timestamp', ascending: false, nullsFirst: false })
        .select(['uri', 'text', 'timestamp'])
        .limit(limit);
      return (await newest.toArray()).map(({ uri, text, timestamp }) => ({ uri, text, timestamp })).length;
    },
    count: () => store.table.countRows(),
    close: () => store.close(),
  };
}
