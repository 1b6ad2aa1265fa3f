import { readFileSync } from 'node:fs';
import { loadPeer, type Peer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import type { Samples } from '../record.ts';
import { QUERY_CLASSES, type Query } from '../queries.ts';
import type { Job } from './job.ts';
import { halves, Meter, warmUp, within } from './meter.ts';

const PAGES = 100;
const PAGE = 50;

/** Every class of queries after warming up, a page of the timeline, and the counts. */
export default async function find(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  const facts = FACTS[job.peer];
  await peer.open(job.store);
  const samples: Samples = {};
  for (const name of QUERY_CLASSES) {
    const queries = queriesOf(job, name);
    if (queries.length > 0 && facts.classes.includes(name)) {
      Object.assign(samples, await measured(peer, queries, job.budget, `find_${name}`));
    }
  }
  if (facts.timeline) {
    const meter = await repeated(peer, job, async () => {
      if ((await peer.timeline(PAGE)) === 0) throw new Error('the timeline is empty');
    });
    Object.assign(samples, meter.samples('timeline'));
  }
  const counts = await repeated(peer, job, async () => {
    await peer.count();
  });
  Object.assign(samples, counts.samples('stats'));
  await peer.close();
  return samples;
}

/** The queries of one class that a peer is asked. */
export function queriesOf(job: Pick<Job, 'queries' | 'peer'>, name: Query['class']): Query[] {
  const all = JSON.parse(readFileSync(job.queries, 'utf8')) as Query[];
  return all.filter((query) => query.class === name).slice(0, FACTS[job.peer].questions);
}

/** Every second query, once, after warming up with the others. */
export async function measured(
  peer: Peer,
  queries: readonly Query[],
  budget: number,
  figure: string,
): Promise<Samples> {
  const { timed, others } = halves(queries);
  await warmUp(others, budget / 4, async (query) => {
    await peer.find(query);
  });
  let empty = 0;
  const meter = new Meter(peer);
  await within(timed, budget, async (query) => {
    if ((await meter.call(() => peer.find(query))).length === 0) empty += 1;
  });
  return {
    ...meter.samples(figure),
    [`${figure}_empty`]: { value: (empty / meter.calls) * 100, unit: '% of queries', calls: meter.calls },
  };
}

async function repeated(peer: Peer, job: Job, call: () => Promise<void>): Promise<Meter> {
  await call();
  const meter = new Meter(peer);
  await within(Array.from({ length: PAGES }), job.budget, () => meter.call(call));
  return meter;
}
