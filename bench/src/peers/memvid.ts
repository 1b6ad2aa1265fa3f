import type { Memvid } from '@memvid/sdk';
import type { Peer } from '../peer.ts';

/** This project, through its public calls. */
export default async function memvid(): Promise<Peer> {
  const { create, open } = await import('@memvid/sdk');
  let memory: Memvid;
  return {
    async create(path) {
      memory = await create(path);
    },
    async open(path) {
      memory = await open(path);
    },
    async putMany(documents) {
      await memory.putMany(documents);
    },
    async put(document) {
      await memory.put(document);
    },
    async find(question) {
      return (await memory.find(question, { k: 10 })).hits.length;
    },
    close: () => memory.close(),
  };
}
