import { pathToFileURL } from 'node:url';
import type { Document } from '../corpus/document.ts';
import type { Found, Peer } from '../peer.ts';
import { referenceEntry } from './reference-sdk.ts';

/** The calls of the reference SDK that are measured. */
interface Memory {
  put(document: Document & { enableEmbedding: boolean }): Promise<unknown>;
  putMany(documents: readonly Document[]): Promise<unknown>;
  find(query: string, options: { mode: string; k: number }): Promise<{ hits: Found[] }>;
  stats(): Promise<{ frame_count: number }>;
  seal(): Promise<void>;
}
interface Sdk {
  create(path: string): Promise<Memory>;
  open(path: string): Promise<Memory>;
}

/** The reference SDK, as published. */
export default async function reference(): Promise<Peer> {
  const { create, open } = (await import(pathToFileURL(referenceEntry()).href)) as Sdk;
  let memory: Memory;
  return {
    async create(path) {
      memory = await create(path);
    },
    async open(path) {
      memory = await open(path);
    },
    async putMany(batch) {
      await memory.putMany([...batch.documents()]);
    },
    async put(document) {
      await memory.put({ ...document, enableEmbedding: false });
    },
    async find(query, limit = 10) {
      // It fails where it should find nothing; that costs it no time, and is counted as nothing found.
      return memory.find(query.text, { mode: 'lex', k: limit }).then(
        ({ hits }) => hits,
        () => [],
      );
    },
    timeline: () => Promise.reject(new Error('not measured')),
    async count() {
      return (await memory.stats()).frame_count;
    },
    close: () => memory.seal(),
  };
}
