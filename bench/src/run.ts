// `pnpm bench [--n 1000,10000] [--peers memvid,sqlite] [--corpora real,synthetic] [--rounds 3] [--publish]`: measures,
// prints a table for each size, and writes one JSON line a figure.
import { rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missing } from './availability.ts';
import { spawnTask } from './child.ts';
import { commandLine, isReady, makeWorkspace, progress, tellFailure } from './command.ts';
import { CORPORA, corpus, type CorpusName } from './corpus/corpus.ts';
import { missingData } from './corpus/real.ts';
import { measureInstalls } from './install/install.ts';
import { named } from './named.ts';
import { FACTS, PEERS, type PeerName } from './peers/facts.ts';
import { roundsOf, stagesOf, tasksOf, turned, type Stage } from './plan.ts';
import { makeQueries, QUERIES_OF_A_CLASS, vocabularyOf } from './queries.ts';
import type { Figure, Measured, Samples } from './record.ts';
import { Results } from './results.ts';
import type { Job, TaskName } from './tasks/job.ts';
import { writeLines } from './write-lines.ts';

const { values: options } = parseArgs({
  options: {
    n: { type: 'string', default: '1000,10000,100000,1000000' },
    peers: { type: 'string', default: PEERS.join(',') },
    corpora: { type: 'string', default: CORPORA.join(',') },
    rounds: { type: 'string', default: '3' },
    /** Puts of the tasks with many of them. */
    puts: { type: 'string', default: '10000' },
    /** Longest time of one loop, in seconds. */
    budget: { type: 'string', default: '5' },
    /** Fresh processes that open the store in a round. */
    openings: { type: 'string', default: '3' },
    queries: { type: 'string', default: String(QUERIES_OF_A_CLASS) },
    /** Peers that are not there are left out instead of fetched. */
    'no-fetch': { type: 'boolean', default: false },
    /** Measure `npm install` too. */
    install: { type: 'boolean', default: false },
    out: { type: 'string' },
    publish: { type: 'boolean', default: false },
  },
  args: commandLine(),
});
const puts = Number(options.puts);
const openings = Number(options.openings);
const results = new Results('', options.out);
const workspace = makeWorkspace('bench');
run();
if (options.publish) results.publish();

function run(): void {
  const corpora = named(CORPORA, options.corpora).filter(
    (name) => name !== 'real' || isReady('real text', missingData),
  );
  const peers = named(PEERS, options.peers).filter((name) =>
    isReady(FACTS[name].label, missing(name, !options['no-fetch'])),
  );
  const sizes = options.n === 'none' ? [] : options.n.split(',').map(Number);
  const stages =
    sizes.length === 0 ? [] : stagesOf({ sizes, corpora, peers, rounds: Number(options.rounds) });
  for (const stage of stages) measureStage(stage);
  if (options.install) recordInstalls(peers);
  if (sizes.length === 0) return;
  const durable = peers.filter((peer) => FACTS[peer].manyPuts);
  if (durable.length > 0) for (const name of corpora) measureManyPuts(name, durable);
}

/** Files of a corpus that every peer is given. */
function prepare(
  name: CorpusName,
  documents: number,
  peers: readonly PeerName[],
): Pick<Job, 'queries' | 'lines'> {
  const source = corpus(name);
  const files = {
    queries: join(workspace, `${name}-${documents}.queries.json`),
    lines: join(workspace, `${name}-${documents}.lines`),
  };
  // As many again are for warming up.
  const count = 2 * Number(options.queries);
  const queries = makeQueries(vocabularyOf(source, documents), source.questions(), count);
  writeFileSync(files.queries, JSON.stringify(queries));
  if (peers.includes('tantivy')) writeLines(files.lines, source.documents(0, documents));
  return files;
}

/** Tasks in order, and at each task the peers in turn, so that a busy moment of the machine does not hit one alone. */
function measureStage({ corpus: name, documents, peers, rounds }: Stage): void {
  progress(`${name}, ${documents} documents: ${peers.join(', ')}`);
  const job = {
    corpus: name,
    documents,
    puts,
    budget: Number(options.budget) * 1000,
    ...prepare(name, documents, peers),
  };
  const collected = new Map<Measured, Samples[]>();
  const failed = new Set<PeerName>();
  for (let round = 0; round < rounds; round += 1) {
    const able = peers.filter((peer) => round < roundsOf(peer, documents, rounds));
    if (able.length === 0) break;
    for (const [place, task] of tasksOf('memvid', openings).entries()) {
      for (const peer of turned(able, round + place)) {
        if (failed.has(peer) || tasksOf(peer, openings)[place] !== task) continue;
        const store = join(workspace, `${peer}-${round}${FACTS[peer].ending}`);
        progress(`${round + 1}/${rounds} ${task} ${peer}`);
        if (!collect(collected, { ...job, task, peer, store })) failed.add(peer);
      }
    }
    for (const peer of able) {
      rmSync(join(workspace, `${peer}-${round}${FACTS[peer].ending}`), { recursive: true, force: true });
    }
    collect(collected, { ...job, task: 'disk', peer: 'memvid', store: join(workspace, 'disk') }, 'machine');
  }
  record(name, documents, collected);
  rmSync(job.lines, { force: true });
}

function measureManyPuts(name: CorpusName, peers: readonly PeerName[]): void {
  progress(`${name}, ${puts} single puts: ${peers.join(', ')}`);
  const job = {
    corpus: name,
    documents: puts,
    puts,
    budget: Number(options.budget) * 1000,
    ...prepare(name, puts, []),
  };
  const collected = new Map<Measured, Samples[]>();
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const task of ['many-puts', 'find-after-puts'] as const) {
      for (const peer of turned(peers, round)) {
        collect(collected, {
          ...job,
          task,
          peer,
          store: join(workspace, `puts-${round}${FACTS[peer].ending}`),
        });
      }
    }
  }
  record(name, puts, collected);
}

/** Runs one task in a process of its own. Whether it ended well. */
function collect(
  into: Map<Measured, Samples[]>,
  job: Job & { task: TaskName },
  as: Measured = job.peer,
): boolean {
  const result = spawnTask(job, workspace);
  if (typeof result === 'string') {
    tellFailure(`${job.task} of ${job.peer} with ${job.documents}`, result);
    return false;
  }
  into.set(as, [...(into.get(as) ?? []), result]);
  return true;
}

function recordInstalls(peers: readonly PeerName[]): void {
  const collected = new Map<Measured, Samples[]>();
  for (const [peer, result] of measureInstalls(peers, workspace)) {
    if (typeof result === 'string') console.error(`skipped: installing ${FACTS[peer].label}: ${result}`);
    else collected.set(peer, [result]);
  }
  record('none', 0, collected);
}

function record(
  name: Figure['corpus'],
  documents: number,
  collected: ReadonlyMap<Measured, readonly Samples[]>,
): void {
  results.record(name, documents, collected);
  results.showTable(name, documents);
}
