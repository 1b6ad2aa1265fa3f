import type { Samples } from '../../record.ts';
import { halves, Meter, warmUp, within } from '../../tasks/meter.ts';
import { queriesOf, storeOf, type VectorJob } from '../job.ts';
import { loadVectorPeer } from '../peer.ts';
import { NEAREST } from '../truth.ts';

/** The ten best documents of every second question by words and meaning, after warming up with the others. */
export default async function hybrid(job: VectorJob): Promise<Samples> {
  const peer = await loadVectorPeer(job.peer);
  const queries = queriesOf(job);
  await peer.open(storeOf(job));
  if (job.effort !== undefined) peer.tune?.(job.effort);
  let empty = 0;
  const ask = async (query: (typeof queries)[number]): Promise<void> => {
    if (((await peer.hybrid?.(query, NEAREST)) ?? []).length === 0) empty += 1;
  };
  const { timed, others } = halves(queries);
  await warmUp(others, job.budget / 4, ask);
  const meter = new Meter({});
  await within(timed, job.budget, (query) => meter.call(() => ask(query)));
  await peer.close();
  if (empty > 0) throw new Error(`${empty} questions found nothing`);
  return meter.samples('hybrid_find');
}
