import type { Document } from './corpus.ts';

/** What is measured of each peer. All calls are durable and give what an application would show. */
export interface Peer {
  /** Makes an empty store at the path. */
  create(path: string): Promise<void>;
  /** Opens the store at the path. */
  open(path: string): Promise<void>;
  /** Stores all documents at once. */
  putMany(documents: readonly Document[]): Promise<void>;
  /** Stores one document; it survives a power failure when this resolves. */
  put(document: Document): Promise<void>;
  /** The ten best documents with their texts and snippets; how many there were. */
  find(question: string): Promise<number>;
  close(): Promise<void>;
}

export const PEERS = ['memvid', 'sqlite', 'reference'] as const;
export type PeerName = (typeof PEERS)[number];

/** Documents beyond which a peer takes too long to be measured. */
export const MOST_DOCUMENTS: Record<PeerName, number> = {
  memvid: Number.POSITIVE_INFINITY,
  sqlite: Number.POSITIVE_INFINITY,
  reference: 200,
};

/** Only the one that is measured is loaded. */
const LOADERS: Record<PeerName, () => Promise<{ default: () => Promise<Peer> }>> = {
  memvid: () => import('./peers/memvid.ts'),
  sqlite: () => import('./peers/sqlite.ts'),
  reference: () => import('./peers/reference.ts'),
};

export async function peer(name: PeerName): Promise<Peer> {
  return (await LOADERS[name]()).default();
}
