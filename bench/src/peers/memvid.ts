import type { Memvid } from '@memvid/sdk';
import type { Peer } from '../peer.ts';
import type { Query } from '../queries.ts';

/** This project, through its public calls. */
export default async function memvid(): Promise<Peer> {
  const { create, info, open } = await import('@memvid/sdk');
  info(); // Loads the native part too, which the first opening would do otherwise.
  let memory: Memvid;
  return {
    async create(path) {
      memory = await create(path);
    },
    async open(path) {
      memory = await open(path);
    },
    async putMany(batch) {
      await memory.putMany(batch.documents());
    },
    async put(document) {
      await memory.put(document);
    },
    async find(query, limit = 10) {
      const where = query.track === undefined ? {} : { where: { track: query.track } };
      return (await memory.find(written(query), { k: limit, ...where })).hits;
    },
    async timeline(limit) {
      return (await memory.timeline({ limit, reverse: true })).length;
    },
    async count() {
      return (await memory.stats()).active_frame_count;
    },
    async dead() {
      const stats = await memory.stats();
      return stats.dead_bytes / stats.size_bytes;
    },
    close: () => memory.close(),
    leave: () => memory.close({ seal: false }),
  };
}

function written(query: Query): string {
  switch (query.class) {
    case 'phrase':
      return `"${query.text}"`;
    case 'boolean':
      return query.words.join(' AND ');
    case 'prefix':
      return `${query.text}*`;
    default:
      return query.text;
  }
}
