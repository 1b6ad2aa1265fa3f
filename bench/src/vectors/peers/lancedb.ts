import type { Found } from '../../peer.ts';
import { found, LanceStore, loadLanceDb, WORD_COLUMNS, type Query } from '../../peers/lancedb-store.ts';
import type { VectorQuery } from '../corpus.ts';
import type { VectorPeer } from '../peer.ts';

/** Rows that are handed over at once. */
const ROWS = 10_000;
/** Below, comparing everything is what its manual advises. */
const INDEXED_FROM = 50_000;

/** LanceDB with its own indexes and its own way to bring words and meaning together. */
export default async function lancedb(): Promise<VectorPeer> {
  const lance = await loadLanceDb();
  const store = new LanceStore(lance);
  let hasWords = false;
  let isIndexed = false;
  let effort = 100;
  const reranker = await lance.rerankers.RRFReranker.create();
  const nearest = (query: Query, { vector }: VectorQuery): Query => {
    const near = query.nearestTo(vector).distanceType('cosine');
    return isIndexed ? near.ef(effort) : near;
  };
  const read = (query: Query, limit: number): Promise<Found[]> =>
    found(query.select(['uri', 'title', 'text', 'timestamp']).limit(limit));
  return {
    efforts: [50, 75, 100, 150, 200, 300, 500],
    tune(value) {
      effort = value;
    },
    async create({ path, words, documents }) {
      hasWords = words;
      isIndexed = documents >= INDEXED_FROM;
      await store.create(path);
    },
    async open({ path, documents }) {
      isIndexed = documents >= INDEXED_FROM;
      await store.open(path);
    },
    async putMany(documents) {
      await store.putMany(documents, ROWS);
      if (hasWords) await store.indexWords();
      store.sync();
    },
    async build() {
      if (!isIndexed) return;
      const { table } = store;
      await table.createIndex('vector', { config: lance.Index.hnswSq({ distanceType: 'cosine' }) });
      await table.createIndex('track', { config: lance.Index.bitmap() });
      store.sync();
    },
    async near(query, limit, track) {
      const near = nearest(store.table.query(), query);
      return read(track === undefined ? near : near.where(`track = '${track}'`), limit);
    },
    async hybrid(query, limit) {
      const asked = new lance.MultiMatchQuery(query.words.join(' '), WORD_COLUMNS, {
        operator: lance.Operator.Or,
      });
      return read(nearest(store.table.query().fullTextSearch(asked), query).rerank(reranker), limit);
    },
    close: () => store.close(),
  };
}
