import { loadPeer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import type { Samples } from '../record.ts';
import { QUERY_CLASSES } from '../queries.ts';
import { queriesOf } from './find.ts';
import type { Job } from './job.ts';
import { megabytes, memoryOf, Meter, within } from './meter.ts';

/**
 * From a fresh process to the first answer, and what the store takes of memory when all questions have been asked.
 * Loading the library is measured apart.
 */
export default async function open(job: Job): Promise<Samples> {
  const load = new Meter({});
  const peer = await load.call(() => loadPeer(job.peer));
  const classes = QUERY_CLASSES.filter((name) => FACTS[job.peer].classes.includes(name));
  const queries = classes.flatMap((name) => queriesOf(job, name));
  const [first] = queries;
  if (first === undefined) throw new Error('there are no queries');
  const before = memoryOf(peer.pid);
  const opening = new Meter(peer);
  await opening.call(() => peer.open(job.store));
  const found = new Meter(peer);
  await found.call(() => peer.find(first));
  const cpu = opening.cpu;
  await within(queries, job.budget, async (query) => {
    await peer.find(query);
  });
  const after = memoryOf(peer.pid);
  await peer.close();
  return {
    load: { value: load.wall, unit: 'ms' },
    open: { value: opening.wall, unit: 'ms' },
    first_hit: { value: opening.wall + found.wall, unit: 'ms', cpu, cpuUnit: 'ms' },
    ...(before === undefined || after === undefined
      ? {}
      : {
          find_rss: megabytes(after.now - before.now),
          find_rss_anonymous: megabytes(after.anonymous - before.anonymous),
          find_rss_file: megabytes(after.file - before.file),
        }),
  };
}
