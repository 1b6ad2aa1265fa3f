import { loadPeer } from '../peer.ts';
import type { Samples } from '../record.ts';
import { measured, queriesOf } from './find.ts';
import type { Job } from './job.ts';

/** Questions (of text without meaning: eight words) to a store that was filled by single puts. */
export default async function findAfterPuts(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  await peer.open(job.store);
  const name = job.corpus === 'real' ? 'question' : 'words8';
  const samples = await measured(peer, queriesOf(job, name), job.budget, `find_${name}_after_puts`);
  await peer.close();
  return samples;
}
