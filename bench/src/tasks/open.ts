import { readFileSync } from 'node:fs';
import { loadPeer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import type { Query } from '../queries.ts';
import type { Samples } from '../record.ts';
import type { Job } from './job.ts';
import { Meter, openingOf } from './meter.ts';

/** From a fresh process to the first answer. Loading the library is measured apart. */
export default async function open(job: Job): Promise<Samples> {
  const load = new Meter({});
  const peer = await load.call(() => loadPeer(job.peer));
  const all = JSON.parse(readFileSync(job.queries, 'utf8')) as Query[];
  const first = all.find((query) => FACTS[job.peer].classes.includes(query.class));
  if (first === undefined) throw new Error('there are no queries');
  const samples = await openingOf(
    load,
    peer,
    () => peer.open(job.store),
    () => peer.find(first),
  );
  await peer.close();
  return samples;
}
