import { corpus } from '../corpus/corpus.ts';
import { loadPeer } from '../peer.ts';
import type { Samples } from '../record.ts';
import type { Job } from './job.ts';
import { ingestionOf, megabytes, memoryOf, Meter } from './meter.ts';
import { deadSpace, sizeOf } from './size.ts';

/** All documents in one call, made while they are stored, until the store is durable and closed. */
export default async function ingest(job: Job): Promise<Samples> {
  const peer = await loadPeer(job.peer);
  const { documents } = job;
  const source = corpus(job.corpus);
  for (const _ of source.documents(0, 1)); // What documents are made from is made beforehand.
  await peer.create(job.store);
  const meter = new Meter(peer);
  await meter.call(() => peer.putMany({ documents: () => source.documents(0, documents), file: job.lines }));
  await meter.call(() => peer.close());
  const { cpu } = meter;
  const memory = memoryOf(peer.pid);
  const size = sizeOf(job.store);
  await peer.open(job.store);
  const stored = await peer.count();
  if (stored !== documents) throw new Error(`${stored} documents are stored, not ${documents}`);
  const dead = await deadSpace(peer, 'ingest_dead');
  await peer.close();
  return {
    ingest: ingestionOf(documents, meter.wall, cpu),
    ...(memory === undefined
      ? {}
      : {
          ingest_rss: megabytes(memory.peak),
          ingest_rss_anonymous: megabytes(memory.anonymous),
          ingest_rss_file: megabytes(memory.file),
        }),
    size: { value: size / documents, unit: 'bytes/document' },
    ...dead,
  };
}
