import type { Samples } from '../../record.ts';
import { Meter, openingOf } from '../../tasks/meter.ts';
import { queriesOf, storeOf, type VectorJob } from '../job.ts';
import { loadVectorPeer } from '../peer.ts';
import { NEAREST } from '../truth.ts';

/** From a fresh process to the first answer. Loading the library is measured apart. */
export default async function open(job: VectorJob): Promise<Samples> {
  const load = new Meter({});
  const peer = await load.call(() => loadVectorPeer(job.peer));
  const [first] = queriesOf(job);
  if (first === undefined) throw new Error('there are no questions');
  const samples = await openingOf(
    load,
    {},
    () => peer.open(storeOf(job)),
    () => peer.near(first, NEAREST),
  );
  await peer.close();
  return samples;
}
