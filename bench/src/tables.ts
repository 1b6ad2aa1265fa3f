// `pnpm bench:tables [FOLDER]`: finds the tables of the PDFs in a folder and scores them, cell by cell, against the JSON
// beside them (`NAME.json`, see SOURCE.md there). Default: the papers beside the checkout.
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { pdfTables } from '@memvid/tables';

interface Expected {
  file: string;
  tables: unknown[];
}
interface Score {
  cell_f1: number;
  precision: number;
  recall: number;
}
interface Scorer {
  scoreFile(
    expected: unknown,
    predicted: readonly { page: number; rows: readonly (readonly string[])[] }[],
  ): Score;
}

const papers = join(import.meta.dirname, '../../../shared/bench/tables/cases');
const folder = resolve(process.argv[2] ?? papers);
const scorer = [join(dirname(folder), 'score.mjs'), join(dirname(papers), 'score.mjs')].find(existsSync);
if (scorer === undefined) throw new Error(`There is no score.mjs beside ${folder}`);
const { scoreFile } = (await import(pathToFileURL(scorer).href)) as Scorer;

const extractor = pdfTables({ mergePages: false });
const scores: Score[] = [];
const asStored: number[] = [];
let milliseconds = 0;
let tables = 0;
for (const name of readdirSync(folder)
  .filter((file) => file.endsWith('.json'))
  .toSorted()) {
  const { file, tables: expected } = JSON.parse(readFileSync(join(folder, name), 'utf8')) as Expected;
  const data = readFileSync(join(folder, file));
  const start = performance.now();
  const found = (await extractor.extract({ data, filename: file })).tables;
  milliseconds += performance.now() - start;
  tables += found.length;
  const score = scoreFile(
    expected,
    found.flatMap(({ parts }) => parts),
  );
  const rows = found.map(({ headers, rows: data_, pageStart }) => ({
    page: pageStart,
    rows: [headers, ...data_],
  }));
  scores.push(score);
  asStored.push(scoreFile(expected, rows).cell_f1);
  const { cell_f1: f1, precision, recall } = score;
  console.log(
    JSON.stringify({ file, cell_f1: round(f1), precision: round(precision), recall: round(recall) }),
  );
}
console.log(
  JSON.stringify({
    files: scores.length,
    tables,
    cell_f1: round(mean(scores.map(({ cell_f1: f1 }) => f1))),
    cell_f1_as_stored: round(mean(asStored)),
    files_at_least_0_9: scores.filter(({ cell_f1: f1 }) => f1 >= 0.9).length,
    ms_per_file: Math.round(milliseconds / scores.length),
  }),
);

function mean(values: readonly number[]): number {
  return values.reduce((sum, value) => sum + value, 0) / Math.max(1, values.length);
}

function round(value: number): number {
  return Math.round(value * 1000) / 1000;
}
