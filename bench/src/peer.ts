import type { Document } from './corpus/document.ts';
import type { Query } from './queries.ts';
import type { PeerName } from './peers/facts.ts';

/** Documents to store at once. */
interface Batch {
  /** One after the other; each is made when it is asked for. */
  documents(): Iterable<Document>;
  /** The same documents for a program that is not Node: a line each, fields between tabs (see `write-lines.ts`). */
  readonly file: string;
}

/** A document that was found; text and, where the peer makes one, snippet have been read. */
export interface Found {
  readonly uri: string;
}

/** What is measured of each peer. All calls are durable and give what an application would show. */
export interface Peer {
  /** Makes an empty store at the path. */
  create(path: string): Promise<void>;
  /** Opens the store at the path. */
  open(path: string): Promise<void>;
  /** Stores all documents in one transaction. */
  putMany(batch: Batch): Promise<void>;
  /** Stores one document; it survives a power failure when this resolves. */
  put(document: Document): Promise<void>;
  /** The ten best documents with their texts and snippets. */
  find(query: Query, limit?: number): Promise<readonly Found[]>;
  /** The newest documents; how many there were. */
  timeline(limit: number): Promise<number>;
  /** Documents in the store. */
  count(): Promise<number>;
  /** Share of the store that nothing refers to any more, where the peer tells it. */
  dead?(): Promise<number>;
  close(): Promise<void>;
  /** Closes sooner, where the peer can leave work for later. */
  leave?(): Promise<void>;
  /** Time of the last call in milliseconds, from a peer that measures itself in a process of its own. */
  lastCall?(): { wall: number; cpu: number };
  /** The process that holds the store, when it is not this one. */
  readonly pid?: number;
}

/** Only the one that is measured is loaded. */
const LOADERS: Record<PeerName, () => Promise<{ default: () => Promise<Peer> }>> = {
  memvid: () => import('./peers/memvid.ts'),
  sqlite: () => import('./peers/sqlite.ts'),
  tantivy: () => import('./peers/tantivy.ts'),
  minisearch: () => import('./peers/minisearch.ts'),
  orama: () => import('./peers/orama.ts'),
  lancedb: () => import('./peers/lancedb.ts'),
  reference: () => import('./peers/reference.ts'),
};

export async function loadPeer(name: PeerName): Promise<Peer> {
  return (await LOADERS[name]()).default();
}
