import { loadPeer } from '../peer.ts';
import type { Samples } from '../record.ts';
import { queriesOf } from './find.ts';
import type { Job } from './job.ts';
import { halves, memoryAdded, within } from './meter.ts';

/** What the process has more of memory when the store is open and every question that is timed elsewhere has been asked once. */
export default async function memory(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  const questions = queriesOf(job, 'question');
  // Synthetic text has no questions; eight words are as long as one.
  const queries = questions.length > 0 ? questions : queriesOf(job, 'words8');
  const samples = await memoryAdded(peer, async () => {
    await peer.open(job.store);
    await within(halves(queries).timed, job.budget * 2, async (query) => {
      await peer.find(query);
    });
  });
  await peer.close();
  return samples;
}
