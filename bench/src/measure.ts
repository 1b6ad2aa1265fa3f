// Runs in a process of its own: measures one peer once and prints its figures as one line of JSON.
// Usage: node src/measure.ts fill|first-hit PEER DOCUMENTS PATH
import { statSync } from 'node:fs';
import { corpus, questions } from './corpus.ts';
import { peer, type PeerName } from './peer.ts';

interface Sample {
  value: number;
  unit: string;
  /** Processor time of all threads, in the unit of `value` or, for rates, in microseconds a document. */
  cpu?: number;
}
export type Samples = Record<string, Sample>;

/** Single puts measured at the end. The reference takes half a second for one. */
const SINGLE_PUTS = { memvid: 300, sqlite: 300, reference: 10 };
/** Short lives at the end: open, put one, close. */
const SESSIONS = { memvid: 30, sqlite: 30, reference: 3 };
const QUESTIONS = { memvid: 200, sqlite: 200, reference: 50 };

const [task, name, documents, path] = process.argv.slice(2) as [
  'fill' | 'first-hit',
  PeerName,
  string,
  string,
];
const samples = task === 'fill' ? await fill(Number(documents)) : await firstHit();
console.log(JSON.stringify(samples));
process.exit(0); // The reference keeps timers.

async function fill(count: number): Promise<Samples> {
  const store = await peer(name);
  const extra = SINGLE_PUTS[name];
  const lives = SESSIONS[name];
  const all = corpus(count + extra + lives);
  const asked = questions(QUESTIONS[name]);

  await store.create(path);
  const ingest = await timed(() => store.putMany(all.slice(0, count)));
  await store.close();
  const size = statSync(path).size;

  await store.open(path);
  for (const question of asked) await store.find(question);
  const finds: number[] = [];
  let empty = 0;
  const findCpu = await timed(async () => {
    for (const question of asked) {
      const start = performance.now();
      if ((await store.find(question)) === 0) empty += 1;
      finds.push(performance.now() - start);
    }
  });
  const puts: number[] = [];
  const putCpu = await timed(async () => {
    for (const document of all.slice(count, count + extra)) {
      const start = performance.now();
      await store.put(document);
      puts.push(performance.now() - start);
    }
  });
  await store.close();
  const sealed = statSync(path).size;
  const sessions: number[] = [];
  for (const document of all.slice(count + extra)) {
    const start = performance.now();
    await store.open(path);
    await store.put(document);
    await store.close();
    sessions.push(performance.now() - start);
  }
  return {
    ingest: { value: (count / ingest.wall) * 1000, unit: 'documents/s', cpu: (ingest.cpu / count) * 1000 },
    size: { value: size / count, unit: 'bytes/document' },
    find_p50: { value: quantile(finds, 0.5), unit: 'ms', cpu: findCpu.cpu / asked.length },
    find_p99: { value: quantile(finds, 0.99), unit: 'ms' },
    find_empty: { value: empty, unit: `of ${asked.length} questions` },
    put_p50: { value: quantile(puts, 0.5), unit: 'ms', cpu: putCpu.cpu / extra },
    put_p99: { value: quantile(puts, 0.99), unit: 'ms' },
    session_p50: { value: quantile(sessions, 0.5), unit: 'ms' },
    session_growth: { value: (statSync(path).size - sealed) / lives, unit: 'bytes/session' },
  };
}

/** From a fresh process and a closed store to the first answer. Loading the library is measured apart. */
async function firstHit(): Promise<Samples> {
  const [question = ''] = questions(1);
  let store: Awaited<ReturnType<typeof peer>> | undefined;
  const load = await timed(async () => {
    store = await peer(name);
  });
  const hit = await timed(async () => {
    await store?.open(path);
    await store?.find(question);
  });
  return {
    load: { value: load.wall, unit: 'ms', cpu: load.cpu },
    first_hit: { value: hit.wall, unit: 'ms', cpu: hit.cpu },
  };
}

/** Wall and processor time, in milliseconds. */
async function timed(run: () => Promise<void>): Promise<{ wall: number; cpu: number }> {
  const cpu = process.cpuUsage();
  const start = performance.now();
  await run();
  const wall = performance.now() - start;
  const used = process.cpuUsage(cpu);
  return { wall, cpu: (used.user + used.system) / 1000 };
}

function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}
