import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { publishedFigures } from '../publish.ts';
import { Figures } from '../record.ts';
import { documentOf } from './document.ts';

/** Where the generated page and its charts stand. */
export const DOCS_FOLDER: string = join(import.meta.dirname, '../../../docs');
const NOTES = join(import.meta.dirname, '../../notes.md');

/** The files as the committed figures and notes make them, by their paths within `docs/`. */
export function generated(): Map<string, string> {
  return documentOf(new Figures(publishedFigures()), readFileSync(NOTES, 'utf8'));
}

/** The charts that stand in `docs/` now, by their paths within it. */
export function chartsInDocs(): string[] {
  try {
    return readdirSync(join(DOCS_FOLDER, 'benchmarks')).map((name) => `benchmarks/${name}`);
  } catch {
    return [];
  }
}

/** Writes the page and its charts; charts that are no longer made are removed. */
export function writeReport(): string[] {
  const files = generated();
  for (const old of chartsInDocs()) if (!files.has(old)) rmSync(join(DOCS_FOLDER, old));
  for (const [name, content] of files) {
    mkdirSync(dirname(join(DOCS_FOLDER, name)), { recursive: true });
    writeFileSync(join(DOCS_FOLDER, name), content);
  }
  return [...files.keys()];
}
