import type { CorpusName } from '../corpus/corpus.ts';
import type { DatasetName } from '../quality/datasets.ts';
import type { PeerName } from '../peers/facts.ts';
import type { Samples } from '../record.ts';

/** What a process of its own is asked to measure. */
export interface Job {
  task: TaskName;
  peer: PeerName;
  corpus: CorpusName;
  /** Documents in the store, without those that tasks add to it. */
  documents: number;
  /** Where the store is. */
  store: string;
  /** File of the queries (JSON). */
  queries: string;
  /** File of the documents (lines). */
  lines: string;
  /** Puts of `many-puts`. */
  puts: number;
  /** Of `quality`: what is asked. */
  dataset?: DatasetName;
  /** Longest time for one loop, in milliseconds. */
  budget: number;
}

export type Task = (job: Job) => Promise<Samples>;

const LOADERS = {
  ingest: () => import('./ingest.ts'),
  find: () => import('./find.ts'),
  open: () => import('./open.ts'),
  memory: () => import('./memory.ts'),
  put: () => import('./put.ts'),
  sessions: () => import('./sessions.ts'),
  'many-puts': () => import('./many-puts.ts'),
  'find-after-puts': () => import('./find-after-puts.ts'),
  'puts-onto': () => import('./puts-onto.ts'),
  quality: () => import('./quality.ts'),
  disk: () => import('./disk.ts'),
} satisfies Record<string, () => Promise<{ default: Task }>>;
export type TaskName = keyof typeof LOADERS;

export async function loadTask(name: TaskName): Promise<Task> {
  return (await LOADERS[name]()).default;
}
