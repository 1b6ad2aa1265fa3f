import { corpus } from '../corpus/corpus.ts';
import { loadPeer } from '../peer.ts';
import type { Samples } from '../record.ts';
import type { Job } from './job.ts';
import { megabytes, memoryOf } from './meter.ts';
import { putEach } from './put-each.ts';
import { deadSpace, sizeOf } from './size.ts';

/** The documents one by one into an empty store, each durable before the next, until the store is closed. */
export default async function manyPuts(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  const source = corpus(job.corpus);
  const documents = Array.from(source.documents(0, job.documents));
  await peer.create(job.store);
  const samples = await putEach(peer, documents, 'many_puts');
  const memory = memoryOf(peer.pid);
  const size = sizeOf(job.store);
  await peer.open(job.store);
  Object.assign(samples, await deadSpace(peer, 'many_puts_dead'));
  await peer.close();
  return {
    ...samples,
    ...(memory === undefined ? {} : { many_puts_rss: megabytes(memory.peak) }),
    many_puts_size: { value: size / job.documents, unit: 'bytes/document' },
  };
}
