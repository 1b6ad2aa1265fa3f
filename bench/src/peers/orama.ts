import type { Orama } from '@orama/orama';
import type { Peer } from '../peer.ts';
import { sync } from './snapshot.ts';

const SCHEMA = { uri: 'enum', title: 'string', text: 'string', track: 'enum', timestamp: 'number' } as const;

/** Orama with its English stemmer; the snapshot is read and written as a whole. */
export default async function orama(): Promise<Peer> {
  const { count, create, insert, search } = await import('@orama/orama');
  const { persistToFile, restoreFromFile } = await import('@orama/plugin-data-persistence/server');
  const empty = (): Orama<typeof SCHEMA> =>
    create({ schema: SCHEMA, components: { tokenizer: { language: 'english', stemming: true } } });
  let database = empty();
  let path = '';
  return {
    async create(target) {
      path = target;
    },
    async open(target) {
      path = target;
      database = await restoreFromFile<Orama<typeof SCHEMA>>('binary', path);
    },
    async putMany(batch) {
      for (const document of batch.documents()) await insert(database, { ...document });
      await persistToFile(database, 'binary', path);
      sync(path);
    },
    put: () => Promise.reject(new Error('no durable put')),
    async find(query, limit = 10) {
      const { hits } = await search(database, {
        term: query.text,
        properties: ['title', 'text'],
        limit,
        // 1: any of the words, 0: all of them. The last letters of a word may always be missing.
        threshold: query.class === 'boolean' ? 0 : 1,
        ...(query.track === undefined ? {} : { where: { track: { eq: query.track } } }),
      });
      return hits.map(({ document }) => ({ uri: String(document.uri), text: document.text }));
    },
    async timeline(limit) {
      const sortBy = { property: 'timestamp', order: 'DESC' } as const;
      return (await search(database, { term: '', limit, sortBy })).hits.length;
    },
    async count() {
      return count(database);
    },
    async close() {
      database = empty();
    },
  };
}
