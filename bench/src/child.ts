import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { readIntoCache } from './page-cache.ts';
import { FACTS } from './peers/facts.ts';
import type { Samples } from './record.ts';
import type { Job } from './tasks/job.ts';
import type { VectorJob } from './vectors/job.ts';

/** Children must not reach a network, and least of all the reference, which would report what it did. */
const QUIET = ['--import', join(import.meta.dirname, '../../tests/support/socket-trap.mjs')];
const SCRIPT = fileURLToPath(import.meta.resolve('./tasks/main.ts'));
const VECTOR_SCRIPT = fileURLToPath(import.meta.resolve('./vectors/tasks/main.ts'));
/** LanceDB would warn at every query of what a later version will do, and be measured with it. */
const SILENT = { NODE_NO_WARNINGS: '1', LANCEDB_LOG: 'error' };
/** Longest that a task may take, in milliseconds. */
const LONGEST = 20 * 60_000;

/** Runs a task in a process of its own, with its store in the page cache; what went wrong, if so. */
export function spawnTask(job: Job, workspace: string): Samples | string {
  readIntoCache(job.store);
  const { heap } = FACTS[job.peer];
  return spawnScript([...heapOf(heap), SCRIPT, JSON.stringify(job)], workspace);
}

/** The same with a store of vectors. */
export function spawnVectorTask(job: VectorJob, workspace: string): Samples | string {
  readIntoCache(job.store);
  return spawnScript([VECTOR_SCRIPT, JSON.stringify(job)], workspace);
}

function heapOf(megabytes: number | undefined): string[] {
  return megabytes === undefined ? [] : [`--max-old-space-size=${megabytes}`];
}

function spawnScript(script: readonly string[], workspace: string): Samples | string {
  const words = [...QUIET, ...script];
  const ran = spawnSync(process.execPath, words, {
    encoding: 'utf8',
    cwd: workspace,
    timeout: LONGEST,
    env: { ...process.env, ...SILENT, MEMVID_OFFLINE: '1', HOME: workspace },
  });
  if (ran.status !== 0) return `${ran.status ?? ran.signal}: ${ran.stderr}`;
  try {
    return JSON.parse(ran.stdout.trimEnd().split('\n').at(-1) ?? '') as Samples;
  } catch {
    return `no figures in: ${ran.stdout}`;
  }
}
