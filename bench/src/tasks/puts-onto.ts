import { corpus } from '../corpus/corpus.ts';
import { loadPeer } from '../peer.ts';
import type { Samples } from '../record.ts';
import { extraDocuments } from './extra.ts';
import type { Job } from './job.ts';
import { putEach } from './put-each.ts';
import { deadSpace } from './size.ts';

/** Many single puts into a filled store, opening and closing included. */
export default async function putsOnto(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  const documents = extraDocuments(corpus(job.corpus), job.puts, 'onto');
  await peer.open(job.store);
  const samples = await putEach(peer, documents, 'puts_onto');
  await peer.open(job.store);
  Object.assign(samples, await deadSpace(peer, 'puts_onto_dead'));
  await peer.close();
  return samples;
}
