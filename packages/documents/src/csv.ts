import Papa from 'papaparse';
import type { Draft, Reading } from './reading.js';
import { textOf } from './text.js';

/** How many characters are taken apart in one go. */
const PIECE = 256 * 1024;

/** The library's types know pieces of files only; it takes those of a text, too. */
interface InPieces extends Omit<Papa.ParseWorkerConfig<string[]>, 'worker'> {
  readonly chunkSize: number;
  chunk(results: Papa.ParseResult<string[]>, parser: Papa.Parser): void;
}

/** Values between commas, semicolons or tabs: the text as it stands, and the table. */
export async function read(reading: Reading): Promise<Draft> {
  const text = textOf(reading);
  const mimeType = /\.tsv$/i.test(reading.filename) ? 'text/tab-separated-values' : 'text/csv';
  const rows: string[][] = [];
  let cells = 0;
  await new Promise<void>((resolve, reject) => {
    const config: InPieces = {
      skipEmptyLines: 'greedy',
      ...(mimeType === 'text/csv' ? {} : { delimiter: '\t' }),
      chunkSize: PIECE,
      chunk({ data }, parser) {
        for (const row of data) {
          rows.push(row);
          cells += row.length;
        }
        if (cells > reading.limits.maxCells) {
          parser.abort();
          return;
        }
        parser.pause();
        reading.pause().then(() => parser.resume(), reject);
      },
      complete: () => resolve(),
    };
    Papa.parse<string[]>(text, config);
  });
  if (cells <= reading.limits.maxCells) reading.table(1, rows);
  else reading.warn('the table is too large for `tables`, and in the text only');
  return { mimeType, pages: [{ number: 1, text }] };
}
