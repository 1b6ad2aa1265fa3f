// `pnpm bench:embed [--n 512] [--rounds 3] [--models DIR] [--threads 2]`: documents a second and milliseconds a question of
// @memvid/embed-local beside plain loops over onnxruntime-node with the same model, in turns; one JSON line a figure.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { commandLine } from './command.ts';
import { corpus } from './corpus/corpus.ts';
import { missingData } from './corpus/real.ts';
import { embedderOf, EMBEDDERS, type EmbedderName, type Measurable } from './embed/embedders.ts';
import { turned } from './plan.ts';
import { Results } from './results.ts';
import { median, quantile, rounded } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    n: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '3' },
    questions: { type: 'string', default: '30' },
    /** The folder of models. */
    models: { type: 'string', default: join(import.meta.dirname, '../../../shared/models') },
    threads: { type: 'string' },
    out: { type: 'string' },
  },
  args: commandLine(),
});

/** What one way to embed gave in all rounds. */
interface Taken {
  readonly documents: { rate: number; cpu: number }[];
  readonly questions: { wall: number; cpu: number }[];
}

if (existsSync(join(options.models, 'all-minilm-l6-v2/model.onnx'))) await run();
else console.error(`skipped: no all-minilm-l6-v2 in ${options.models}`);

async function run(): Promise<void> {
  const results = new Results('embed-', options.out);
  const name = missingData === undefined ? 'real' : 'synthetic';
  const source = corpus(name);
  const texts = Array.from(source.documents(0, Number(options.n)), ({ text }) => text);
  const questions = texts
    .slice(0, Number(options.questions))
    .map((text) => text.split(' ').slice(0, 8).join(' '));
  const ways = new Map<EmbedderName, Measurable>();
  for (const way of EMBEDDERS) {
    ways.set(
      way,
      await embedderOf(
        way,
        options.models,
        options.threads === undefined ? undefined : Number(options.threads),
      ),
    );
  }
  const taken = new Map<EmbedderName, Taken>(EMBEDDERS.map((way) => [way, { documents: [], questions: [] }]));
  // The first call of each loads and warms; it also shows that all of them compute the same.
  const first = new Map<EmbedderName, readonly Float32Array[]>();
  for (const [way, { embed }] of ways) first.set(way, await embed(texts.slice(0, 64)));
  for (let round = 0; round < Number(options.rounds); round += 1) {
    for (const way of turned(EMBEDDERS, round)) {
      const { embed } = ways.get(way) ?? (await embedderOf(way, options.models, undefined));
      const bulk = await timed(() => embed(texts));
      taken
        .get(way)
        ?.documents.push({ rate: texts.length / (bulk.wall / 1000), cpu: bulk.cpu / texts.length });
      for (const question of questions) taken.get(way)?.questions.push(await timed(() => embed([question])));
    }
  }
  for (const [way, { documents, questions: asked }] of taken) {
    const key = { peer: way, model: 'all-minilm-l6-v2', corpus: name, documents: texts.length };
    const rates = documents.map(({ rate }) => rate);
    const walls = asked.map(({ wall }) => wall);
    const figures = [
      {
        figure: 'embed',
        value: rounded(median(rates)),
        unit: 'documents/s',
        cpu: rounded(median(documents.map(({ cpu }) => cpu))),
        cpu_unit: 'ms/document',
        spread: rates.map(rounded),
      },
      {
        figure: 'embed_question_p50',
        value: rounded(quantile(walls, 0.5)),
        unit: 'ms',
        cpu: rounded(median(asked.map(({ cpu }) => cpu))),
        cpu_unit: 'ms',
        calls: walls.length,
      },
      {
        figure: 'embed_difference',
        value: rounded(greatest(first.get(way), first.get('plain-same-session'))),
        unit: '',
      },
    ];
    for (const figure of figures) {
      const line = { ...key, ...figure, rounds: Number(options.rounds), ...results.now };
      results.write(`${JSON.stringify(line)}\n`);
    }
  }
  const rate = (way: EmbedderName): number => median(taken.get(way)?.documents.map((one) => one.rate) ?? []);
  for (const way of EMBEDDERS.slice(1)) {
    console.error(`embed-local / ${way}: ${(rate('embed-local') / rate(way)).toFixed(2)} x documents/s`);
  }
  for (const { close } of ways.values()) await close();
}

async function timed(call: () => Promise<unknown>): Promise<{ wall: number; cpu: number }> {
  const before = process.cpuUsage();
  const start = performance.now();
  await call();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1000 };
}

/** The greatest difference of any number of any vector. */
function greatest(left: readonly Float32Array[] = [], right: readonly Float32Array[] = []): number {
  let most = 0;
  for (const [row, vector] of left.entries()) {
    for (const [at, value] of vector.entries()) {
      most = Math.max(most, Math.abs(value - (right[row]?.[at] ?? Number.NaN)));
    }
  }
  return most;
}
