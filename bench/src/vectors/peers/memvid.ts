import type { Memvid, PutManyInput } from '@memvid/sdk';
import type { VectorPeer } from '../peer.ts';

/** This project, through its public calls. */
export default async function memvid(): Promise<VectorPeer> {
  const { create, info, open } = await import('@memvid/sdk');
  info(); // Loads the native part too, which the first opening would do otherwise.
  let memory: Memvid;
  return {
    async create({ path, words, quantised }) {
      memory = await create(path, { enableLex: words, vectorCompression: quantised });
    },
    async open({ path, words }) {
      memory = await open(path, { enableLex: words });
    },
    async putMany(documents) {
      await memory.putMany(withEmbeddings(documents));
    },
    async near({ text, vector }, limit, track) {
      const where = track === undefined ? {} : { where: { track } };
      return (await memory.find(text, { mode: 'sem', queryEmbedding: vector, k: limit, ...where })).hits;
    },
    async hybrid({ text, vector }, limit, way) {
      return (await memory.find(text, { mode: 'auto', queryEmbedding: vector, k: limit, ...way })).hits;
    },
    close: () => memory.close(),
  };
}

function* withEmbeddings(documents: Parameters<VectorPeer['putMany']>[0]): Generator<PutManyInput> {
  for (const { uri, title, text, track, timestamp, vector } of documents) {
    yield { uri, title, text, track, timestamp, embedding: vector };
  }
}
