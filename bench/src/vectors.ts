// `pnpm bench:vectors [--n 10000,100000] [--peers memvid,usearch] [--rounds 3] [--publish]`: stores of vectors, and words and
// meaning together; prints a table for each size, and writes one JSON line a figure.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missingVectorPeer } from './availability.ts';
import { spawnVectorTask } from './child.ts';
import { commandLine, isReady, makeWorkspace, progress, tellFailure } from './command.ts';
import { missingData } from './corpus/real.ts';
import { named } from './named.ts';
import { turned } from './plan.ts';
import type { Samples } from './record.ts';
import { Results } from './results.ts';
import { vectorCorpusOf, vectorQuestions, writeVectors } from './vectors/corpus.ts';
import { VECTOR_FACTS, VECTOR_PEERS, type VectorPeerName } from './vectors/facts.ts';
import { queriesText, type VectorJob, type VectorTaskName } from './vectors/job.ts';
import { nearestOf } from './vectors/truth.ts';

const { values: options } = parseArgs({
  options: {
    n: { type: 'string', default: '10000,100000,1000000' },
    peers: { type: 'string', default: VECTOR_PEERS.join(',') },
    rounds: { type: 'string', default: '3' },
    /** Longest time of one loop, in seconds. */
    budget: { type: 'string', default: '5' },
    queries: { type: 'string', default: '200' },
    /** Fresh processes that open the store in a round. */
    openings: { type: 'string', default: '3' },
    /** Peers that are not there are left out instead of fetched. */
    'no-fetch': { type: 'boolean', default: false },
    out: { type: 'string' },
    /** Product-quantised vectors, where a peer can be told to keep them so: not for the published figures. */
    quantised: { type: 'boolean', default: false },
    publish: { type: 'boolean', default: false },
  },
  args: commandLine(),
});
/** Documents up to which words and meaning together are measured: the sizes that there are targets for. */
const MOST_HYBRID = 100_000;

if (options.publish && options.quantised) throw new Error('--quantised is not published');
const results = new Results('vectors-', options.out);
const workspace = makeWorkspace('vectors');
run();
if (options.publish) results.publish();

function run(): void {
  if (missingData !== undefined) {
    console.error(`skipped: ${missingData}`);
    return;
  }
  const peers = named(VECTOR_PEERS, options.peers).filter((name) =>
    isReady(VECTOR_FACTS[name].label, missingVectorPeer(name, !options['no-fetch'])),
  );
  for (const documents of options.n.split(',').map(Number)) {
    const able = peers.filter((peer) => VECTOR_FACTS[peer].most >= documents);
    if (able.length > 0) measureSize(documents, able);
  }
}

/** The tasks in order; those from `words` on are of a second store that finds by words too. */
function tasksOf(documents: number): { task: VectorTaskName; words: boolean }[] {
  const alone = (['ingest', 'find', 'memory'] as const).map((task) => ({ task, words: false }));
  const openings = Array.from({ length: Number(options.openings) }, () => ({
    task: 'open' as const,
    words: false,
  }));
  const both = (['ingest', 'hybrid'] as const).map((task) => ({ task, words: true }));
  return [...alone, ...openings, ...(documents <= MOST_HYBRID ? both : [])];
}

/** Tasks in order, and at each task the peers in turn, so that a busy moment of the machine does not hit one alone. */
function measureSize(documents: number, peers: readonly VectorPeerName[]): void {
  const corpus = vectorCorpusOf(documents);
  progress(`${corpus}, ${documents} documents: ${peers.join(', ')}`);
  const vectors = join(workspace, `${documents}.f32`);
  const queries = join(workspace, `${documents}.queries.json`);
  writeVectors(vectors, corpus, documents);
  const questions = vectorQuestions(Number(options.queries));
  const truths = nearestOf(vectors, documents, questions);
  const judged = questions.map((question, index) =>
    Object.assign(question, { truth: truths[index] ?? { all: [], filtered: [] } }),
  );
  writeFileSync(queries, queriesText(judged));
  const budget = Number(options.budget) * 1000;
  const collected = new Map<VectorPeerName, Samples[]>();
  const failed = new Set<VectorPeerName>();
  const rounds = Number(options.rounds);
  for (let round = 0; round < rounds; round += 1) {
    const able = peers.filter((peer) => round === 0 || documents < VECTOR_FACTS[peer].slowFrom);
    const efforts = new Map<VectorPeerName, number>();
    for (const [place, { task, words }] of tasksOf(documents).entries()) {
      for (const peer of turned(able, round + place)) {
        const facts = VECTOR_FACTS[peer];
        if (failed.has(peer) || (words && !facts.words)) continue;
        progress(`${round + 1}/${rounds} ${task} ${peer}${words ? ' (words and meaning)' : ''}`);
        const store = join(workspace, `${peer}-${round}${words ? '-words' : ''}${facts.ending}`);
        const effort = efforts.get(peer);
        const { quantised } = options;
        const job = { task, peer, corpus, documents, store, words, quantised, vectors, queries, budget };
        const samples = collect(collected, effort === undefined ? job : { ...job, effort });
        if (samples === undefined) failed.add(peer);
        else if (samples['vector_effort'] !== undefined) efforts.set(peer, samples['vector_effort'].value);
      }
    }
    for (const peer of able) {
      for (const words of ['', '-words']) {
        const store = join(workspace, `${peer}-${round}${words}${VECTOR_FACTS[peer].ending}`);
        rmSync(store, { recursive: true, force: true });
      }
    }
  }
  rmSync(vectors);
  results.record(corpus, documents, collected);
  results.showTable(corpus, documents);
}

/** Runs one task in a process of its own; `undefined`: it failed. */
function collect(into: Map<VectorPeerName, Samples[]>, job: VectorJob): Samples | undefined {
  const result = spawnVectorTask(job, workspace);
  if (typeof result === 'string') {
    tellFailure(`${job.task} of ${job.peer} with ${job.documents}`, result);
    return undefined;
  }
  into.set(job.peer, [...(into.get(job.peer) ?? []), result]);
  return result;
}
