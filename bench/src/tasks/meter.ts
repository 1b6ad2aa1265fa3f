import { readFileSync } from 'node:fs';
import type { Peer } from '../peer.ts';
import type { Sample, Samples } from '../record.ts';
import { quantile } from '../statistics.ts';

/** Times calls of one kind; a peer that measures itself is believed. */
export class Meter {
  readonly walls: number[] = [];
  readonly #lastCall: Peer['lastCall'];
  #start = process.cpuUsage();
  #own = 0;

  constructor(peer: Pick<Peer, 'lastCall'>) {
    this.#lastCall = peer.lastCall;
  }

  async call<T>(run: () => Promise<T>): Promise<T> {
    const start = performance.now();
    const result = await run();
    const wall = performance.now() - start;
    const told = this.#lastCall?.();
    this.walls.push(told?.wall ?? wall);
    this.#own += told?.cpu ?? 0;
    return result;
  }
  /** Wall time of all calls, in milliseconds. */
  get wall(): number {
    return this.walls.reduce((sum, wall) => sum + wall, 0);
  }
  /** Processor time of all threads since the meter was made, in milliseconds. */
  get cpu(): number {
    if (this.#lastCall !== undefined) return this.#own;
    const used = process.cpuUsage(this.#start);
    return (used.user + used.system) / 1000;
  }
  get calls(): number {
    return this.walls.length;
  }
  /** Median and 99th percentile of the calls, with the processor time of one. */
  samples(name: string): Samples {
    const { calls } = this;
    const cpu = this.cpu / calls;
    return {
      [`${name}_p50`]: { value: quantile(this.walls, 0.5), unit: 'ms', cpu, cpuUnit: 'ms', calls },
      [`${name}_p99`]: { value: quantile(this.walls, 0.99), unit: 'ms', calls },
    };
  }
}

/** Fewest calls of a loop, however long they take. */
const FEWEST = 10;

/** Runs `each` over the items until they or the time are used up. */
export async function within<T>(
  items: Iterable<T>,
  budget: number,
  each: (item: T) => Promise<void>,
  fewest: number = FEWEST,
): Promise<number> {
  const end = performance.now() + budget;
  let done = 0;
  for (const item of items) {
    if (done >= fewest && performance.now() > end) break;
    await each(item);
    done += 1;
  }
  return done;
}

/** Calls after which V8 has compiled what it will. */
const CALLS_TO_WARM_UP = 2000;
const FEWEST_TO_WARM_UP = 2;

/** Every second item is timed, the others are for warming up: what is timed was not asked before in the process. */
export function halves<T>(items: readonly T[]): { timed: T[]; others: T[] } {
  return {
    timed: items.filter((_, index) => index % 2 === 0),
    others: items.filter((_, index) => index % 2 === 1),
  };
}

/** Goes over the items again and again, so that what is measured then is a process that has been asked for a moment. */
export async function warmUp<T>(
  items: readonly T[],
  budget: number,
  each: (item: T) => Promise<void>,
): Promise<void> {
  const end = performance.now() + budget;
  for (let done = 0; done < CALLS_TO_WARM_UP && performance.now() < end && items.length > 0;) {
    done += await within(items, end - performance.now(), each, FEWEST_TO_WARM_UP);
  }
}

/** Memory of a process in bytes, as Linux tells it; `undefined` elsewhere. */
export function memoryOf(
  pid: number | undefined,
): Record<'now' | 'peak' | 'anonymous' | 'file', number> | undefined {
  let status: string;
  try {
    status = readFileSync(`/proc/${pid ?? 'self'}/status`, 'utf8');
  } catch {
    return undefined;
  }
  const field = (name: string): number =>
    Number(new RegExp(`^${name}:\\s+(\\d+)`, 'm').exec(status)?.[1] ?? 0) * 1024;
  return { now: field('VmRSS'), peak: field('VmHWM'), anonymous: field('RssAnon'), file: field('RssFile') };
}

export function megabytes(bytes: number): Sample {
  return { value: bytes / 1e6, unit: 'MB' };
}

/** What the process has more of memory after the work than before; nothing where it does not tell. */
export async function memoryAdded({ pid }: Pick<Peer, 'pid'>, work: () => Promise<void>): Promise<Samples> {
  const before = memoryOf(pid);
  await work();
  const after = memoryOf(pid);
  if (before === undefined || after === undefined) return {};
  return {
    find_rss: megabytes(after.now - before.now),
    find_rss_anonymous: megabytes(after.anonymous - before.anonymous),
    find_rss_file: megabytes(after.file - before.file),
  };
}

/** How long opening a store took, and until it had answered; `load`: what loading the library took before. */
export async function openingOf(
  load: Meter,
  peer: Pick<Peer, 'lastCall'>,
  open: () => Promise<void>,
  ask: () => Promise<unknown>,
): Promise<Samples> {
  const meter = new Meter(peer);
  await meter.call(open);
  const opened = meter.wall;
  await meter.call(ask);
  return {
    load: { value: load.wall, unit: 'ms' },
    open: { value: opened, unit: 'ms' },
    first_hit: { value: meter.wall, unit: 'ms', cpu: meter.cpu, cpuUnit: 'ms' },
  };
}

/** How fast documents were stored; times in milliseconds. */
export function ingestionOf(documents: number, wall: number, cpu: number): Sample {
  return {
    value: (documents / wall) * 1000,
    unit: 'documents/s',
    cpu: (cpu / documents) * 1000,
    cpuUnit: 'us/document',
  };
}
