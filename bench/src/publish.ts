import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { linesOf, merged, parseFigures, type Figure } from './record.ts';

/** Where the committed figures are. */
const FIGURES_FOLDER: string = join(import.meta.dirname, '../figures');

/** One file a corpus and size, so that a run of one size changes one file. */
function fileOf({ corpus, documents }: Figure): string {
  return corpus === 'none' ? 'other.jsonl' : `${corpus}-${documents}.jsonl`;
}

/** All committed figures. */
export function publishedFigures(folder: string = FIGURES_FOLDER): Figure[] {
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((name) => name.endsWith('.jsonl'))
    .toSorted()
    .flatMap((name) => parseFigures(readFileSync(join(folder, name), 'utf8')));
}

/** Puts figures in the place of older ones with the same key. Names of the files that changed. */
export function publish(figures: readonly Figure[], folder: string = FIGURES_FOLDER): string {
  mkdirSync(folder, { recursive: true });
  const files = [...new Set(figures.map(fileOf))].toSorted();
  for (const name of files) {
    const path = join(folder, name);
    const before = existsSync(path) ? parseFigures(readFileSync(path, 'utf8')) : [];
    writeFileSync(path, linesOf(merged([...before, ...figures.filter((figure) => fileOf(figure) === name)])));
  }
  return files.join(', ');
}
