import { loadPeer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import { QUERY_CLASSES } from '../queries.ts';
import type { Samples } from '../record.ts';
import { queriesOf } from './find.ts';
import type { Job } from './job.ts';
import { megabytes, memoryOf, within } from './meter.ts';

/** What the process has more of memory when the store is open and every query has been asked once. */
export default async function memory(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  const queries = QUERY_CLASSES.filter((name) => FACTS[job.peer].classes.includes(name)).flatMap((name) =>
    queriesOf(job, name),
  );
  const before = memoryOf(peer.pid);
  await peer.open(job.store);
  await within(queries, job.budget * 2, async (query) => {
    await peer.find(query);
  });
  const after = memoryOf(peer.pid);
  await peer.close();
  if (before === undefined || after === undefined) return {};
  return {
    find_rss: megabytes(after.now - before.now),
    find_rss_anonymous: megabytes(after.anonymous - before.anonymous),
    find_rss_file: megabytes(after.file - before.file),
  };
}
