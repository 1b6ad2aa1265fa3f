import type { Samples } from '../../record.ts';
import { halves, Meter, warmUp, within } from '../../tasks/meter.ts';
import { FILTER_TRACK, indexOf } from '../corpus.ts';
import { queriesOf, storeOf, type JudgedQuery, type VectorJob } from '../job.ts';
import { loadVectorPeer, type VectorPeer } from '../peer.ts';
import { VECTOR_FACTS } from '../facts.ts';
import { NEAREST, recallOf } from '../truth.ts';

/** Questions of a loop that are asked at least. */
const FEWEST = 10;

/** The ten nearest of each question, at the least effort that finds enough of them, and the same with a filter for a tenth. */
export default async function find(job: VectorJob): Promise<Samples> {
  const peer = await loadVectorPeer(job.peer);
  const queries = queriesOf(job);
  await peer.open(storeOf(job));
  const effort = await leastEffort(peer, queries, job);
  const samples: Samples = {};
  if (effort !== undefined) samples['vector_effort'] = { value: effort, unit: '' };
  Object.assign(samples, await measured(peer, queries, job.budget, 'vector_find'));
  if (VECTOR_FACTS[job.peer].filters) {
    Object.assign(samples, await measured(peer, queries, job.budget, 'vector_filtered', FILTER_TRACK));
  }
  await peer.close();
  return samples;
}

/** The effort that is enough; the greatest when none is. */
async function leastEffort(
  peer: VectorPeer,
  queries: readonly JudgedQuery[],
  job: VectorJob,
): Promise<number | undefined> {
  for (const effort of peer.efforts ?? []) {
    peer.tune?.(effort);
    const recall = await recallAt(peer, queries, job.budget);
    if (recall >= VECTOR_FACTS[job.peer].recall) return effort;
  }
  return peer.efforts?.at(-1);
}

async function recallAt(
  peer: VectorPeer,
  queries: readonly JudgedQuery[],
  budget: number,
  track?: string,
): Promise<number> {
  let sum = 0;
  const asked = await within(
    queries,
    budget,
    async (query) => {
      const found = await peer.near(query, NEAREST, track);
      sum += recallOf(
        found.map(({ uri }) => indexOf(uri)),
        track === undefined ? query.truth.all : query.truth.filtered,
      );
    },
    FEWEST,
  );
  return sum / asked;
}

/** How fast every second query is answered, after warming up with the others, and then what all of them find. */
async function measured(
  peer: VectorPeer,
  queries: readonly JudgedQuery[],
  budget: number,
  figure: string,
  track?: string,
): Promise<Samples> {
  const { timed, others } = halves(queries);
  const ask = async (query: JudgedQuery): Promise<void> => {
    await peer.near(query, NEAREST, track);
  };
  await warmUp(others, budget / 4, ask);
  const meter = new Meter({});
  await within(timed, budget, (query) => meter.call(() => ask(query)), FEWEST);
  const recall = await recallAt(peer, queries, budget, track);
  return {
    ...meter.samples(figure),
    [`${figure}_recall`]: { value: recall, unit: '', calls: meter.calls },
  };
}
