import type { Samples } from '../../record.ts';
import { memoryAdded, within } from '../../tasks/meter.ts';
import { queriesOf, storeOf, type VectorJob } from '../job.ts';
import { loadVectorPeer } from '../peer.ts';
import { NEAREST } from '../truth.ts';

/** What the process has more of memory when the store is open and every question has been asked once. */
export default async function memory(job: VectorJob): Promise<Samples> {
  const peer = await loadVectorPeer(job.peer);
  const queries = queriesOf(job);
  const samples = await memoryAdded({}, async () => {
    await peer.open(storeOf(job));
    await within(queries, job.budget * 2, async (query) => {
      await peer.near(query, NEAREST);
    });
  });
  await peer.close();
  return samples;
}
