import type { Samples } from '../../record.ts';
import { megabytes, memoryOf, within } from '../../tasks/meter.ts';
import { queriesOf, storeOf, type VectorJob } from '../job.ts';
import { loadVectorPeer } from '../peer.ts';
import { NEAREST } from '../truth.ts';

/** What the process has more of memory when the store is open and every question has been asked once. */
export default async function memory(job: VectorJob): Promise<Samples> {
  const peer = await loadVectorPeer(job.peer);
  const queries = queriesOf(job);
  const before = memoryOf(undefined);
  await peer.open(storeOf(job));
  await within(queries, job.budget * 2, async (query) => {
    await peer.near(query, NEAREST);
  });
  const after = memoryOf(undefined);
  await peer.close();
  if (before === undefined || after === undefined) return {};
  return {
    find_rss: megabytes(after.now - before.now),
    find_rss_anonymous: megabytes(after.anonymous - before.anonymous),
    find_rss_file: megabytes(after.file - before.file),
  };
}
