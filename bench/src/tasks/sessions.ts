import { corpus } from '../corpus/corpus.ts';
import { loadPeer, type Peer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import type { Sample, Samples } from '../record.ts';
import { quantile } from '../statistics.ts';
import { extraDocuments } from './extra.ts';
import type { Job } from './job.ts';
import { Meter, within } from './meter.ts';
import { deadSpace, sizeOf } from './size.ts';

/** Short lives of an application: open, put one, close; then the same, with whatever lets go of the store soonest. */
export default async function sessions(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  const before = sizeOf(job.store);
  const sealed = await live(job, peer, 'session', () => peer.close());
  const grown = sizeOf(job.store) - before;
  await peer.open(job.store);
  const dead = await deadSpace(peer, 'session_dead');
  await peer.close();
  const { leave } = peer;
  return {
    session_p50: sealed,
    session_left_p50: leave === undefined ? sealed : await live(job, peer, 'left', leave),
    session_growth: { value: grown / sealed.calls, unit: 'bytes/session' },
    ...dead,
  };
}

/** As many lives as the peer is given, or as there is time for: the median of one. */
async function live(
  job: Job,
  peer: Peer,
  kind: string,
  close: () => Promise<void>,
): Promise<Sample & { calls: number }> {
  const calls = new Meter(peer);
  const walls: number[] = [];
  const documents = extraDocuments(corpus(job.corpus), FACTS[job.peer].sessions, kind);
  const lives = await within(documents, job.budget, async (document) => {
    const start = calls.wall;
    await calls.call(() => peer.open(job.store));
    await calls.call(() => peer.put(document));
    await calls.call(close);
    walls.push(calls.wall - start);
  });
  return { value: quantile(walls, 0.5), unit: 'ms', cpu: calls.cpu / lives, cpuUnit: 'ms', calls: lives };
}
