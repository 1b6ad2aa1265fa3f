import { legacy } from './failures.js';
import type { Reading } from './reading.js';

const PROGRAMS: Readonly<Record<string, string>> = { doc: 'Word', xls: 'Excel', ppt: 'PowerPoint' };

/** The formats of Office before 2007: refused, with what to save them as. */
export function read({ filename }: Reading): never {
  const ending = filename.slice(filename.lastIndexOf('.') + 1).toLowerCase();
  throw legacy(filename, PROGRAMS[ending] ?? 'Office', `${ending}x`);
}
