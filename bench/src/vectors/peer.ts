import type { Found } from '../peer.ts';
import type { VectorDocument, VectorQuery } from './corpus.ts';
import type { VectorPeerName } from './facts.ts';

/** How a store is made. */
export interface VectorStore {
  readonly path: string;
  /** Whether it finds by words too. */
  readonly words: boolean;
  /** Documents that it will hold. */
  readonly documents: number;
  /** Whether vectors are kept product-quantised, where that can be chosen. */
  readonly quantised: boolean;
}

/** How words and meaning are brought together, where that can be chosen; by default as the peer does it. */
interface Fusing {
  readonly fusion?: 'rrf';
  readonly semanticWeight?: number;
}

/** What is measured of each store of vectors. All calls are durable; hits have the documents' texts where there are texts. */
export interface VectorPeer {
  create(store: VectorStore): Promise<void>;
  open(store: VectorStore): Promise<void>;
  /** Stores all documents in one transaction. */
  putMany(documents: Iterable<VectorDocument>): Promise<void>;
  /** What has to be built when everything is stored and before the first query is asked; `undefined`: nothing. */
  build?(): Promise<void>;
  /** The nearest documents; `track`: among those of this track. */
  near(query: VectorQuery, limit: number, track?: string): Promise<readonly Found[]>;
  /** The best documents by words and meaning. */
  hybrid?(query: VectorQuery, limit: number, way?: Fusing): Promise<readonly Found[]>;
  /** How hard a search looks, from fast to thorough, where that has to be chosen. */
  readonly efforts?: readonly number[];
  /** Takes one of `efforts` for the searches that follow. */
  tune?(effort: number): void;
  close(): Promise<void>;
}

/** Only the one that is measured is loaded. */
const LOADERS: Record<VectorPeerName, () => Promise<{ default: () => Promise<VectorPeer> }>> = {
  memvid: () => import('./peers/memvid.ts'),
  sqlite: () => import('./peers/sqlite-vec.ts'),
  lancedb: () => import('./peers/lancedb.ts'),
  usearch: () => import('./peers/usearch.ts'),
  hnswlib: () => import('./peers/hnswlib.ts'),
};

export async function loadVectorPeer(name: VectorPeerName): Promise<VectorPeer> {
  return (await LOADERS[name]()).default();
}
