import type { Peer } from '../peer.ts';
import type { Document } from '../corpus/document.ts';
import { readText, writeSynced } from './snapshot.ts';

const SETTINGS = {
  idField: 'uri',
  fields: ['title', 'text'],
  storeFields: ['uri', 'title', 'text', 'track', 'timestamp'],
};

/** MiniSearch with its own defaults; the snapshot is read and written as a whole. */
export default async function minisearch(): Promise<Peer> {
  const { default: MiniSearch } = await import('minisearch');
  let index = new MiniSearch<Document>(SETTINGS);
  let path = '';
  return {
    async create(target) {
      path = target;
    },
    async open(target) {
      path = target;
      index = MiniSearch.loadJSON<Document>(readText(path), SETTINGS);
    },
    async putMany(batch) {
      for (const document of batch.documents()) index.add(document);
      writeSynced(path, JSON.stringify(index));
    },
    put: () => Promise.reject(new Error('no durable put')),
    async find(query, limit = 10) {
      const { track } = query;
      const found = index.search(query.text, {
        combineWith: query.class === 'boolean' ? 'AND' : 'OR',
        prefix: query.class === 'prefix',
        ...(track === undefined ? {} : { filter: (hit) => hit['track'] === track }),
      });
      return found.slice(0, limit).map((hit) => ({ uri: String(hit.id), text: String(hit['text']) }));
    },
    timeline: () => Promise.reject(new Error('no timeline')),
    async count() {
      return index.documentCount;
    },
    async close() {
      index = new MiniSearch<Document>(SETTINGS);
    },
  };
}
