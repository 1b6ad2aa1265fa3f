import { readFileSync } from 'node:fs';
import type { QualityWay } from '../quality/ways.ts';
import type { DatasetName } from '../quality/datasets.ts';
import type { Samples } from '../record.ts';
import type { VectorCorpusName, VectorQuery } from './corpus.ts';
import type { VectorPeerName } from './facts.ts';
import type { VectorStore } from './peer.ts';
import type { Truth } from './truth.ts';

/** What a process of its own is asked to measure of a store of vectors. */
export interface VectorJob {
  readonly task: VectorTaskName;
  readonly peer: VectorPeerName;
  readonly corpus: VectorCorpusName;
  readonly documents: number;
  /** Where the store is. */
  readonly store: string;
  /** Whether the store finds by words too. */
  readonly words: boolean;
  /** Whether the store quantises, see `VectorStore`. */
  readonly quantised?: boolean;
  /** File of the vectors (rows of f32). */
  readonly vectors: string;
  /** File of the questions (JSON). */
  readonly queries: string;
  /** Longest time for one loop, in milliseconds. */
  readonly budget: number;
  /** How hard a search looks, where a task before has found that out. */
  readonly effort?: number;
  /** Of `quality`: what is asked, and by what. */
  readonly dataset?: DatasetName;
  readonly way?: QualityWay;
  /** What meaning counts beside words, where it is not the default. */
  readonly weight?: number;
}

export type VectorTask = (job: VectorJob) => Promise<Samples>;

const LOADERS = {
  ingest: () => import('./tasks/ingest.ts'),
  find: () => import('./tasks/find.ts'),
  hybrid: () => import('./tasks/hybrid.ts'),
  open: () => import('./tasks/open.ts'),
  memory: () => import('./tasks/memory.ts'),
  quality: () => import('./tasks/quality.ts'),
} satisfies Record<string, () => Promise<{ default: VectorTask }>>;
export type VectorTaskName = keyof typeof LOADERS;

export async function loadVectorTask(name: VectorTaskName): Promise<VectorTask> {
  return (await LOADERS[name]()).default;
}

/** A job of how well a peer finds what people judged to be right; it takes texts and vectors from the data. */
export function qualityJob(
  asked: Pick<VectorJob, 'peer' | 'documents' | 'store' | 'dataset' | 'way' | 'weight'>,
): VectorJob {
  return {
    ...asked,
    task: 'quality',
    corpus: 'vectors',
    words: true,
    vectors: '',
    queries: '',
    budget: 0,
  };
}

/** The store of a job, as a peer is told of it. */
export function storeOf({ store, words, documents, quantised = false }: VectorJob): VectorStore {
  return { path: store, words, documents, quantised };
}

/** A question with its exact answers. */
export type JudgedQuery = VectorQuery & { readonly truth: Truth };

/** The questions of a job, vectors as the peers take them. */
export function queriesOf({ queries }: Pick<VectorJob, 'queries'>): JudgedQuery[] {
  const read = JSON.parse(readFileSync(queries, 'utf8')) as (Omit<JudgedQuery, 'vector'> & {
    vector: number[];
  })[];
  return read.map((query) => Object.assign(query, { vector: Float32Array.from(query.vector) }));
}

/** What `queriesOf` reads. */
export function queriesText(queries: readonly JudgedQuery[]): string {
  return JSON.stringify(queries.map((query) => ({ ...query, vector: Array.from(query.vector) })));
}
