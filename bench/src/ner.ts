// `pnpm bench:ner [--n 512] [--rounds 3] [--threads 2]`: words a second in which @memvid/ner finds names with the English
// model, and milliseconds for one sentence; one JSON line a figure.
import { parseArgs } from 'node:util';
import { ner } from '@memvid/ner';
import { commandLine } from './command.ts';
import { corpus } from './corpus/corpus.ts';
import { missingData } from './corpus/real.ts';
import { Results } from './results.ts';
import { median, quantile, rounded } from './statistics.ts';

const { values: options } = parseArgs({
  options: {
    n: { type: 'string', default: '512' },
    rounds: { type: 'string', default: '3' },
    threads: { type: 'string' },
    out: { type: 'string' },
  },
  args: commandLine(),
});

const results = new Results('ner-', options.out);
const name = missingData === undefined ? 'real' : 'synthetic';
const texts = Array.from(corpus(name).documents(0, Number(options.n)), ({ text }) => text);
const words = texts.reduce((sum, text) => sum + (text.match(/\S+/g)?.length ?? 0), 0);
const sentences = texts.slice(0, 30).map((text) => text.split(' ').slice(0, 12).join(' '));

const extractor = ner('en', {
  threads: options.threads === undefined ? undefined : Number(options.threads),
});
const first = await timed(() => extractor.extract(sentences.slice(0, 1)));
const bulk: { wall: number; cpu: number }[] = [];
const single: { wall: number; cpu: number }[] = [];
for (let round = 0; round < Number(options.rounds); round += 1) {
  bulk.push(await timed(() => extractor.extract(texts)));
  for (const sentence of sentences) single.push(await timed(() => extractor.extract([sentence])));
}
await extractor.close();

const rates = bulk.map(({ wall }) => words / (wall / 1000));
const figures = [
  {
    figure: 'ner',
    value: rounded(median(rates)),
    unit: 'words/s',
    cpu: rounded((median(bulk.map(({ cpu }) => cpu)) / words) * 1000),
    cpu_unit: 'us/word',
    words,
    spread: rates.map(rounded),
  },
  {
    figure: 'ner_sentence_p50',
    value: rounded(
      quantile(
        single.map(({ wall }) => wall),
        0.5,
      ),
    ),
    unit: 'ms',
    cpu: rounded(median(single.map(({ cpu }) => cpu))),
    cpu_unit: 'ms',
    calls: single.length,
  },
  { figure: 'ner_first', value: rounded(first.wall), unit: 'ms', cpu: rounded(first.cpu), cpu_unit: 'ms' },
];
for (const figure of figures) {
  const key = { peer: 'ner', model: extractor.model, corpus: name, documents: texts.length };
  results.write(`${JSON.stringify({ ...key, ...figure, rounds: Number(options.rounds), ...results.now })}\n`);
}

async function timed(call: () => Promise<unknown>): Promise<{ wall: number; cpu: number }> {
  const before = process.cpuUsage();
  const start = performance.now();
  await call();
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(before);
  return { wall, cpu: (user + system) / 1000 };
}
