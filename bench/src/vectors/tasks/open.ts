import type { Samples } from '../../record.ts';
import { Meter } from '../../tasks/meter.ts';
import { queriesOf, storeOf, type VectorJob } from '../job.ts';
import { loadVectorPeer } from '../peer.ts';
import { NEAREST } from '../truth.ts';

/** From a fresh process to the first answer. Loading the library is measured apart. */
export default async function open(job: VectorJob): Promise<Samples> {
  const load = new Meter({});
  const peer = await load.call(() => loadVectorPeer(job.peer));
  const [first] = queriesOf(job);
  if (first === undefined) throw new Error('there are no questions');
  const opening = new Meter({});
  await opening.call(() => peer.open(storeOf(job)));
  const opened = opening.wall;
  await opening.call(() => peer.near(first, NEAREST));
  const { wall, cpu } = opening;
  await peer.close();
  return {
    load: { value: load.wall, unit: 'ms' },
    open: { value: opened, unit: 'ms' },
    first_hit: { value: wall, unit: 'ms', cpu, cpuUnit: 'ms' },
  };
}
