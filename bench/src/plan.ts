import { CORPORA, corpus, type CorpusName } from './corpus/corpus.ts';
import { FACTS, type PeerName } from './peers/facts.ts';
import type { TaskName } from './tasks/job.ts';

/** One corpus at one size, and who is measured with it. */
export interface Stage {
  readonly corpus: CorpusName;
  readonly documents: number;
  readonly peers: readonly PeerName[];
  readonly rounds: number;
}

/** The one size that the reference is compared at. */
const REFERENCE_DOCUMENTS = FACTS.reference.most;
/** From here on a round takes minutes. */
const LARGE = 500_000;

export interface Wanted {
  readonly sizes: readonly number[];
  readonly corpora: readonly CorpusName[];
  readonly peers: readonly PeerName[];
  readonly rounds: number;
}

/** What is measured, in order: each size with the corpora that are large enough and the peers that can take it. */
export function stagesOf({ sizes, corpora, peers, rounds }: Wanted): Stage[] {
  const all = peers.includes('reference') ? [...new Set([REFERENCE_DOCUMENTS, ...sizes])] : [...sizes];
  return all.flatMap((documents) =>
    CORPORA.filter((name) => corpora.includes(name))
      .filter((name) => corpus(name).most >= documents)
      // The reference is compared with real questions; its own size is of no other use.
      .filter((name) => name === 'real' || sizes.includes(documents))
      .map((name) => ({
        corpus: name,
        documents,
        peers: peers.filter(
          (peer) =>
            FACTS[peer].most >= documents &&
            (peer !== 'reference' || (name === 'real' && documents === REFERENCE_DOCUMENTS)),
        ),
        rounds,
      })),
  );
}

/** How often a peer is measured: those that take long at a size, once. */
export function roundsOf(peer: PeerName, documents: number, rounds: number): number {
  return documents >= (FACTS[peer].slowFrom ?? LARGE) ? Math.min(rounds, 1) : rounds;
}

/** Times that `open` runs in a round: it is short, and its process is fresh each time. */
const OPENINGS = 3;

/** The tasks on a filled store, in order; those that change it come last. */
export function tasksOf(peer: PeerName, openings: number = OPENINGS): TaskName[] {
  const facts = FACTS[peer];
  return [
    'ingest',
    'find',
    'memory',
    ...Array.from({ length: openings }, (): TaskName => 'open'),
    ...(facts.puts > 0 ? (['put'] as const) : []),
    ...(facts.sessions > 0 ? (['sessions'] as const) : []),
    ...(facts.manyPuts ? (['puts-onto'] as const) : []),
  ];
}

/** The items in turn: each is the first once, for to be always the first, or the last, may be an advantage. */
export function turned<T>(items: readonly T[], by: number): T[] {
  const start = items.length === 0 ? 0 : by % items.length;
  return [...items.slice(start), ...items.slice(0, start)];
}
