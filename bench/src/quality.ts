// `pnpm bench:quality [--peers …] [--publish]`: how well each peer's own ranking by words, and by words and meaning, finds what people judged to be
// right, one JSON line a figure.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { missing, missingVectorPeer } from './availability.ts';
import { spawnTask, spawnVectorTask } from './child.ts';
import { commandLine, isReady, makeWorkspace, tellFailure } from './command.ts';
import { missingData } from './corpus/real.ts';
import { named } from './named.ts';
import { FACTS, PEERS, type PeerName } from './peers/facts.ts';
import { collectionsOf, DATASETS, type DatasetName } from './quality/datasets.ts';
import { QUALITY_WAYS } from './quality/ways.ts';
import type { Samples } from './record.ts';
import { Results } from './results.ts';
import { VECTOR_PEERS } from './vectors/facts.ts';
import { qualityJob } from './vectors/job.ts';

const { values: options } = parseArgs({
  options: {
    peers: { type: 'string', default: PEERS.filter((peer) => peer !== 'reference').join(',') },
    datasets: { type: 'string', default: DATASETS.join(',') },
    'no-fetch': { type: 'boolean', default: false },
    out: { type: 'string' },
    publish: { type: 'boolean', default: false },
  },
  args: commandLine(),
});
const results = new Results('quality-', options.out);
const workspace = makeWorkspace('quality');
run();
if (options.publish) results.publish();

function run(): void {
  if (missingData !== undefined) {
    console.error(`skipped: ${missingData}`);
    return;
  }
  for (const dataset of named(DATASETS, options.datasets)) {
    const documents = collectionsOf(dataset).reduce(
      (sum, collection) => sum + collection.documents.length,
      0,
    );
    for (const peer of named(PEERS, options.peers)) {
      const reason =
        FACTS[peer].most < documents ? 'too many documents for it' : missing(peer, !options['no-fetch']);
      if (!isReady(FACTS[peer].label, reason)) continue;
      const job = { corpus: 'real', documents, queries: '', lines: '', puts: 0, budget: 0 } as const;
      const store = join(workspace, `${dataset}-${peer}`);
      const samples = spawnTask({ ...job, task: 'quality', peer, dataset, store }, workspace);
      if (typeof samples === 'string') {
        tellFailure(`${dataset} with ${peer}`, samples);
        continue;
      }
      record(peer, dataset, documents, samples);
      measureMeaning(peer, dataset, documents);
    }
    results.showTable(dataset, documents);
  }
}

/** The same by meaning, and by words and meaning, of a peer that has both. */
function measureMeaning(peer: PeerName, dataset: DatasetName, documents: number): void {
  const vectorPeer = VECTOR_PEERS.find((name) => name === peer);
  if (vectorPeer === undefined || missingVectorPeer(vectorPeer, false) !== undefined) return;
  for (const way of QUALITY_WAYS) {
    if (way === 'hybrid_rrf' && peer !== 'memvid') continue; // Ours has two ways to fuse, the others one each.
    const store = join(workspace, `${dataset}-${peer}-${way}`);
    const job = qualityJob({ peer: vectorPeer, documents, store, dataset, way });
    const samples = spawnVectorTask(job, workspace);
    if (typeof samples === 'string') tellFailure(`${dataset} with ${peer} (${way})`, samples);
    else record(peer, dataset, documents, samples);
  }
}

function record(peer: PeerName, dataset: DatasetName, documents: number, samples: Samples): void {
  results.record(dataset, documents, new Map([[peer, [samples]]]));
}
