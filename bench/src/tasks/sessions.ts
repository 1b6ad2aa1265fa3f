import { corpus } from '../corpus/corpus.ts';
import { loadPeer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import type { Samples } from '../record.ts';
import { quantile } from '../statistics.ts';
import { extraDocuments } from './extra.ts';
import type { Job } from './job.ts';
import { Meter, within } from './meter.ts';
import { deadSpace, sizeOf } from './size.ts';

/** Short lives of an application: open, put one, close. */
export default async function sessions(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  const before = sizeOf(job.store);
  const calls = new Meter(peer);
  const walls: number[] = [];
  const lives = await within(
    extraDocuments(corpus(job.corpus), FACTS[job.peer].sessions, 'session'),
    job.budget,
    async (document) => {
      const start = calls.wall;
      await calls.call(() => peer.open(job.store));
      await calls.call(() => peer.put(document));
      await calls.call(() => peer.close());
      walls.push(calls.wall - start);
    },
  );
  const cpu = calls.cpu / lives;
  const grown = sizeOf(job.store) - before;
  await peer.open(job.store);
  const dead = await deadSpace(peer, 'session_dead');
  await peer.close();
  return {
    session_p50: { value: quantile(walls, 0.5), unit: 'ms', cpu, cpuUnit: 'ms', calls: lives },
    session_growth: { value: grown / lives, unit: 'bytes/session' },
    ...dead,
  };
}
