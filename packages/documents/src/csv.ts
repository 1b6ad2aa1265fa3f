import Papa from 'papaparse';
import type { Draft, Reading } from './reading.js';
import { textOf } from './text.js';

/** How many characters are taken apart in one go. */
const PIECE = 64 * 1024;
/** Longest cell. What is longer is a quote that nobody closed, or no table. */
const MOST_CHARACTERS = 1024 * 1024;
/** From how much it is guessed what parts cells and lines. */
const SAMPLE = 8 * 1024;

/** Values between commas, semicolons or tabs: the text as it stands, and the table. */
export async function read(reading: Reading): Promise<Draft> {
  const text = await textOf(reading);
  const mimeType = /\.tsv$/i.test(reading.filename) ? 'text/tab-separated-values' : 'text/csv';
  const { meta } = Papa.parse<string[]>(text.slice(0, SAMPLE), {
    preview: 10,
    skipEmptyLines: 'greedy',
    ...(mimeType === 'text/csv' ? {} : { delimiter: '\t' }),
  });
  const rows = await rowsOf(reading, text, meta.delimiter, meta.linebreak === '\r' ? '\r' : '\n');
  if (typeof rows === 'string') reading.warn(rows);
  else reading.table(1, rows);
  return { mimeType, pages: [{ number: 1, text }] };
}

/**
 * The rows without the blank ones, or why there are none. Not by the library: a quote that is not closed makes it begin
 * anew with every piece, and blanks behind quotes take it a time that grows with their square.
 */
async function rowsOf(
  reading: Reading,
  text: string,
  delimiter: string,
  newline: string,
): Promise<string[][] | string> {
  const rows: string[][] = [];
  let row: string[] = [];
  let cells = 0;
  let paused = 0;
  let isBlank = true;
  for (let at = 0; at < text.length;) {
    const cell =
      text[at] === '"' ? quoted(text, at, delimiter, newline) : plain(text, at, delimiter, newline);
    if (cell === undefined) {
      return `a cell has more than ${MOST_CHARACTERS} characters: the table is in the text only`;
    }
    row.push(cell.value);
    cells += 1;
    isBlank &&= cell.value.trim() === '';
    if (cells > reading.limits.maxCells) return 'the table is too large for `tables`, and in the text only';
    at = cell.end;
    if (text[at] !== delimiter) {
      if (isBlank) cells -= row.length;
      else rows.push(row);
      row = [];
      isBlank = true;
    } else if (at + 1 === text.length) {
      row.push('');
      if (!isBlank) rows.push(row);
    }
    at += 1;
    if (at - paused > PIECE) {
      paused = at;
      await reading.pause();
    }
  }
  return rows;
}

interface Cell {
  readonly value: string;
  /** Where it is parted from the next. */
  readonly end: number;
}

function plain(text: string, start: number, delimiter: string, newline: string): Cell | undefined {
  const most = Math.min(text.length, start + MOST_CHARACTERS);
  let end = start;
  while (end < most && text[end] !== delimiter && text[end] !== newline) end += 1;
  if (end === most && end < text.length) return undefined;
  return { value: text.slice(start, isCarriageReturn(text, start, end) ? end - 1 : end), end };
}

function isCarriageReturn(text: string, start: number, end: number): boolean {
  return end > start && text[end] === '\n' && text[end - 1] === '\r';
}

/** Up to a quote in front of a delimiter, the end of a line or the end of all; others are part of the text. */
function quoted(text: string, start: number, delimiter: string, newline: string): Cell | undefined {
  let from = start + 1;
  for (;;) {
    const quote = text.indexOf('"', from);
    const last = quote < 0 ? text.length : quote;
    if (last - start > MOST_CHARACTERS) return undefined;
    if (quote >= 0 && text[quote + 1] === '"') {
      from = quote + 2;
      continue;
    }
    let end = last + 1;
    while (isBlankAt(text, end, delimiter, newline)) end += 1;
    if (quote < 0 || end >= text.length || text[end] === delimiter || text[end] === newline) {
      return { value: text.slice(start + 1, last).replaceAll('""', '"'), end: Math.min(end, text.length) };
    }
    from = end;
  }
}

function isBlankAt(text: string, at: number, delimiter: string, newline: string): boolean {
  const character = text[at];
  if (character === delimiter || character === newline) return false;
  return character === ' ' || character === '\t' || character === '\r';
}
