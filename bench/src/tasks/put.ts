import { corpus } from '../corpus/corpus.ts';
import { loadPeer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import type { Samples } from '../record.ts';
import { extraDocuments } from './extra.ts';
import type { Job } from './job.ts';
import { Meter, within } from './meter.ts';
import { deadSpace } from './size.ts';

const PUTS_TO_WARM_UP = 1000;

/** One document at a time into a filled store, durable when the call returns; after a thousand that warm up. */
export default async function put(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  await peer.open(job.store);
  const source = corpus(job.corpus);
  await within(extraDocuments(source, PUTS_TO_WARM_UP, 'warm'), job.budget / 4, (document) =>
    peer.put(document),
  );
  const meter = new Meter(peer);
  await within(extraDocuments(source, FACTS[job.peer].puts, 'put'), job.budget, (document) =>
    meter.call(() => peer.put(document)),
  );
  const samples = meter.samples('put');
  await peer.close();
  await peer.open(job.store);
  Object.assign(samples, await deadSpace(peer, 'put_dead'));
  await peer.close();
  return samples;
}
