import { corpus } from '../corpus/corpus.ts';
import { loadPeer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import type { Samples } from '../record.ts';
import { extraDocuments } from './extra.ts';
import type { Job } from './job.ts';
import { Meter, within } from './meter.ts';
import { deadSpace } from './size.ts';

/** One document at a time into a filled store, durable when the call returns. */
export default async function put(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  await peer.open(job.store);
  const meter = new Meter(peer);
  await within(extraDocuments(corpus(job.corpus), FACTS[job.peer].puts, 'put'), job.budget, (document) =>
    meter.call(() => peer.put(document)),
  );
  const samples = meter.samples('put');
  await peer.close();
  await peer.open(job.store);
  Object.assign(samples, await deadSpace(peer, 'put_dead'));
  await peer.close();
  return samples;
}
