import Papa from 'papaparse';
import type { Draft, Reading } from './reading.js';
import { textOf } from './text.js';

/** Values between commas, semicolons or tabs: the text as it stands, and the table. */
export async function read(reading: Reading): Promise<Draft> {
  const text = textOf(reading);
  const mimeType = /\.tsv$/i.test(reading.filename) ? 'text/tab-separated-values' : 'text/csv';
  const rows: string[][] = [];
  let cells = 0;
  await reading.pause();
  Papa.parse<string[]>(text, {
    skipEmptyLines: 'greedy',
    ...(mimeType === 'text/csv' ? {} : { delimiter: '\t' }),
    step({ data }, parser) {
      rows.push(data);
      cells += data.length;
      if (cells > reading.limits.maxCells) parser.abort();
    },
  });
  await reading.pause();
  if (cells <= reading.limits.maxCells) reading.table(1, rows);
  else reading.warn('the table is too large for `tables`, and in the text only');
  return { mimeType, pages: [{ number: 1, text }] };
}
