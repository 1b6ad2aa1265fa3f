// `pnpm bench:weights [--weights 0.2,0.4]`: how well words and meaning find together by what meaning counts: on the claims of SciFact
// for training, by which the default was chosen, and on the two sets that it is shown on.
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { spawnVectorTask } from './child.ts';
import { commandLine, makeWorkspace } from './command.ts';
import { missingData } from './corpus/real.ts';
import { DATASETS } from './quality/datasets.ts';
import { rounded } from './statistics.ts';
import { qualityJob } from './vectors/job.ts';

const { values: options } = parseArgs({
  options: { weights: { type: 'string', default: '0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,1' } },
  args: commandLine(),
});
const workspace = makeWorkspace('weights');
if (missingData === undefined) run();
else console.error(`skipped: ${missingData}`);

/** One line of JSON for each weight and set. */
function run(): void {
  for (const dataset of ['scifact-train', ...DATASETS] as const) {
    for (const weight of options.weights.split(',').map(Number)) {
      const store = join(workspace, `${dataset}-${weight}`);
      const job = qualityJob({ peer: 'memvid', documents: 0, store, dataset, way: 'hybrid', weight });
      const samples = spawnVectorTask(job, workspace);
      if (typeof samples === 'string') throw new Error(samples);
      const [ndcg10, recall10] = ['hybrid_ndcg10', 'hybrid_recall10'].map((name) =>
        rounded(samples[name]?.value ?? Number.NaN),
      );
      console.log(JSON.stringify({ dataset, weight, ndcg10, recall10 }));
    }
  }
}
