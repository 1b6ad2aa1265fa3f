import type { Samples } from '../../record.ts';
import { ingestionOf, megabytes, memoryOf, Meter } from '../../tasks/meter.ts';
import { sizeOf } from '../../tasks/size.ts';
import { passagesOf, vectorDocuments } from '../corpus.ts';
import { storeOf, type VectorJob } from '../job.ts';
import { loadVectorPeer } from '../peer.ts';

/** All documents in one call, until the store is durable and closed; what has to be built besides is measured apart. */
export default async function ingest(job: VectorJob): Promise<Samples> {
  const peer = await loadVectorPeer(job.peer);
  const { documents, words } = job;
  const passage = passagesOf(job.corpus); // What documents are made from is made beforehand.
  await peer.create(storeOf(job));
  const meter = new Meter({});
  await meter.call(() => peer.putMany(vectorDocuments(passage, job.vectors, documents)));
  const building = new Meter({});
  if (peer.build !== undefined) await building.call(peer.build.bind(peer));
  const built = { wall: building.wall, cpu: building.cpu };
  await meter.call(() => peer.close());
  const cpu = meter.cpu - built.cpu;
  const memory = memoryOf(undefined);
  const prefix = words ? 'hybrid_' : '';
  const samples: Samples = {
    [`${prefix}ingest`]: ingestionOf(documents, meter.wall, cpu),
    [`${prefix}size`]: { value: sizeOf(job.store) / documents, unit: 'bytes/document' },
    ...(memory === undefined ? {} : { [`${prefix}ingest_rss`]: megabytes(memory.peak) }),
  };
  // Who has nothing to build was not waited for.
  const wall = peer.build === undefined ? 0 : built.wall / 1000;
  return words ? samples : { ...samples, vector_build: { value: wall, unit: 's' } };
}
