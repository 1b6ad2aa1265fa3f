import type { PdfWord } from '@memvid/pdf';
import { type Column, columnsOf, placed, type Placed } from './columns.js';
import { type Box, isNumeric, type Line, linesOf, textOf } from './lines.js';
import { headerRowsOf, type Row, rowsOf } from './rows.js';
import { coverage, placesOf, type Rule } from './rules.js';

/** Part of a page that may hold a table, with the lines in it. */
export interface Region extends Box {
  across: readonly Rule[];
  down: readonly Rule[];
  /** Whether its columns and rows are parted by lines that meet. */
  framed: boolean;
}

/** A table as it stands on a page. A cell that goes over several rows or columns stands in the first of them. */
export interface Grid extends Box {
  rows: string[][];
  /** How many rows are its header. */
  headerRows: number;
  /** Names of the columns: all that the header says above each, from top to bottom. */
  headers: string[];
  mode: 'lattice' | 'stream';
}

/** The rows and columns of a region, or `undefined` when there are no two of each. */
export function gridOf(region: Region, words: readonly PdfWord[]): Grid | undefined {
  const inside = words.filter((word) => isInside(word, region));
  if (inside.length < 3) return undefined;
  const columns = allColumns(region, inside);
  if (columns.length < 2 || (region.framed && isChart(region, inside))) return undefined;
  const rows = region.framed ? framedRows(region, inside, columns) : openRows(region, inside, columns);
  const texts = rows.map(({ cells }) => {
    const row = columns.map(() => '');
    for (const { first, words: own } of cells) row[first] = `${row[first] ?? ''} ${textOf(own)}`.trim();
    return row;
  });
  // A band without text is no row, and a column without text no column.
  const filled = rows.filter((_, index) => texts[index]?.some((text) => text !== '') ?? false);
  const kept = columns.flatMap((_, column) => (texts.some((row) => row[column] !== '') ? [column] : []));
  const table = texts
    .filter((row) => row.some((text) => text !== ''))
    .map((row) => kept.map((column) => row[column] ?? ''));
  if (table.length < 2 || kept.length < 2) return undefined;
  const headerRows = headerCount(filled, table);
  const headers = kept.map((column) => headerOf(filled.slice(0, headerRows), column));
  const { x0, y0, x1, y1 } = region;
  return { x0, y0, x1, y1, rows: table, headerRows, headers, mode: region.framed ? 'lattice' : 'stream' };
}

/** What the rows of a header say above a column; a text over several columns counts for each. */
function headerOf(rows: readonly Row[], column: number): string {
  const parts = rows.flatMap(({ cells }) =>
    cells.filter(({ first, last }) => first <= column && column <= last).map(({ words }) => textOf(words)),
  );
  return parts.join(' ');
}

function isInside(word: PdfWord, { x0, y0, x1, y1 }: Box): boolean {
  const [x, y] = [(word.x0 + word.x1) / 2, word.baseline - 0.25 * word.size];
  return x >= x0 - 1 && x <= x1 + 1 && y >= y0 - 1 && y <= y1 + 1;
}

/** Columns between vertical lines, and those that text alone makes between two lines. */
function allColumns(region: Region, words: readonly PdfWord[]): Column[] {
  const places = placesOf(region.down, region.x0, region.x1);
  const columns: Column[] = [];
  for (let index = 0; index + 1 < places.length; index += 1) {
    const [from, to] = [places[index] ?? 0, places[index + 1] ?? 0];
    const own = words.filter((word) => {
      const middle = (word.x0 + word.x1) / 2;
      return middle >= from && middle < to;
    });
    const lines = linesOf(own);
    const inner = columnsOf(lines, from, to);
    if (inner.length > 1 && isSplit(lines, inner, region.framed && places.length > 3)) columns.push(...inner);
    else columns.push({ from, to, x0: from + 1, x1: to - 1 });
  }
  return columns;
}

/** Whether columns that only gaps make are columns: inside a grid of lines, numbers have to say so. */
function isSplit(lines: readonly Line[], columns: readonly Column[], strict: boolean): boolean {
  const rows = lines.map((line) => placed(line.words, columns)).filter((cells) => cells.length > 1);
  if (rows.length < (strict ? 3 : 2)) return false;
  if (!strict) return true;
  return columns.slice(1).every((_, index) => {
    const texts = rows.flatMap((cells) =>
      cells.filter(({ first }) => first === index + 1).map(({ text }) => text),
    );
    return texts.length >= 3 && texts.filter(isNumeric).length >= 0.6 * texts.length;
  });
}

interface Band {
  from: number;
  to: number;
  words: PdfWord[];
}

function bandsOf(region: Region, words: readonly PdfWord[], across: readonly Rule[]): Band[] {
  const places = placesOf(across, region.y0, region.y1);
  return places.slice(1).map((to, index) => {
    const from = places[index] ?? region.y0;
    const isLast = index === places.length - 2;
    return {
      from,
      to,
      words: words.filter((word) => {
        const y = word.baseline - 0.25 * word.size;
        return (index === 0 || y >= from) && (isLast || y < to);
      }),
    };
  });
}

/** Whether most of the bands between lines are without text: the grid of a chart. */
function isChart(region: Region, words: readonly PdfWord[]): boolean {
  const bands = bandsOf(region, words, region.across);
  return bands.length > 3 && bands.filter((band) => band.words.length > 0).length < 0.5 * bands.length;
}

/** Rows of a region in which lines part rows from rows. */
function framedRows(region: Region, words: readonly PdfWord[], columns: readonly Column[]): Row[] {
  const bands = bandsOf(region, words, region.across);
  const most = Math.max(...bands.map(({ words: own }) => linesOf(own).length));
  const rows: Row[] = [];
  /** Bands that are one row; text may reach into them from above. */
  let above: { band: Band; row: Row } | undefined;
  bands.forEach((band, index) => {
    const lines = linesOf(band.words);
    if (
      isStacked(lines, columns) ||
      (bands.length <= 3 && index > 0 && lines.length === most && isListed(lines, columns))
    ) {
      rows.push(...rowsOf(lines, columns, []));
      above = undefined;
      return;
    }
    const row: Row = { cells: cellsBetweenLines(band, region, columns), y0: band.from, y1: band.to };
    if (above !== undefined) pullUp(above, { band, row }, region, columns);
    rows.push(row);
    above = { band, row };
  });
  return rows;
}

/** Whether numbers stand one under the other where no line parts them. */
function isStacked(lines: readonly Line[], columns: readonly Column[]): boolean {
  if (lines.length < 2) return false;
  const counts = columns.map(() => 0);
  for (const line of lines) {
    for (const { first, last, text } of placed(line.words, columns)) {
      if (first === last && isNumeric(text) && /\d/.test(text)) counts[first] = (counts[first] ?? 0) + 1;
    }
  }
  return counts.slice(1).some((count) => count >= 2 && count >= 0.4 * lines.length);
}

/** Whether a band is the whole body of a table: most of its lines have text in several columns. */
function isListed(lines: readonly Line[], columns: readonly Column[]): boolean {
  const several = lines.filter((line) => placed(line.words, columns).length > 1).length;
  return several >= 4 && several >= 0.6 * lines.length;
}

/** What stands in the cells of a band that is one row: columns that no line parts there may share a text. */
function cellsBetweenLines(band: Band, region: Region, columns: readonly Column[]): Placed[] {
  const cells: Placed[] = [];
  for (let first = 0; first < columns.length;) {
    let last = first;
    const isOpen = (column: number): boolean =>
      coverage(region.down, columns[column]?.to ?? 0, band.from, band.to) < 0.4;
    while (last + 1 < columns.length && isOpen(last)) last += 1;
    const [from, to] = [columns[first]?.from ?? 0, columns[last]?.to ?? 0];
    const own = band.words.filter((word) => {
      const middle = (word.x0 + word.x1) / 2;
      return (first === 0 || middle >= from) && (last === columns.length - 1 || middle < to);
    });
    if (own.length > 0) cells.push(...shared(own, first, last, columns, region));
    first = last + 1;
  }
  return cells;
}

function shared(
  words: PdfWord[],
  first: number,
  last: number,
  columns: readonly Column[],
  region: Region,
): Placed[] {
  if (first === last) return [{ first, last, words, text: textOf(words) }];
  const run = columns.slice(first, last + 1);
  const cells: Placed[] = [];
  for (const line of linesOf(words)) {
    for (const cell of placed(line.words, run)) {
      const own = cells.find((other) => other.first <= cell.last && cell.first <= other.last);
      if (own === undefined) {
        cells.push({ ...cell });
      } else {
        own.words.push(...cell.words);
        own.text += ` ${cell.text}`;
        own.first = Math.min(own.first, cell.first);
        own.last = Math.max(own.last, cell.last);
      }
    }
  }
  const [only, ...others] = cells;
  // One text where other rows have lines between the columns is the text of all of them.
  const parted = run.slice(0, -1).every(({ to }) => coverage(region.down, to, region.y0, region.y1) >= 0.5);
  if (only !== undefined && others.length === 0 && parted && isCentred(only, run)) {
    return [{ ...only, first, last }];
  }
  for (const cell of cells) {
    cell.first += first;
    cell.last += first;
  }
  return cells;
}

function isCentred({ words, first, last }: Placed, run: readonly Column[]): boolean {
  if (first !== last || first === 0) return true;
  const [from, to] = [run[0]?.from ?? 0, run.at(-1)?.to ?? 0];
  const x0 = Math.min(...words.map((word) => word.x0));
  const x1 = Math.max(...words.map((word) => word.x1));
  return Math.abs((x0 + x1) / 2 - (from + to) / 2) < 0.1 * (to - from);
}

/** Text of cells that no line parts from the row above belongs to the cell there. */
function pullUp(
  above: { band: Band; row: Row },
  below: { band: Band; row: Row },
  region: Region,
  columns: readonly Column[],
): void {
  for (const cell of below.row.cells.slice()) {
    const [from, to] = [columns[cell.first]?.from ?? 0, columns[cell.last]?.to ?? 0];
    if (coverage(region.across, above.band.to, from, to) > 0.3) continue;
    const target = above.row.cells.find(({ first, last }) => first <= cell.last && cell.first <= last);
    if (target !== undefined && isNumeric(target.text) && isNumeric(cell.text)) continue;
    below.row.cells.splice(below.row.cells.indexOf(cell), 1);
    if (target === undefined) {
      above.row.cells.push(cell);
    } else {
      target.words.push(...cell.words);
      target.text += ` ${cell.text}`;
    }
  }
}

/** Rows of a region that has lines across at most. */
function openRows(region: Region, words: readonly PdfWord[], columns: readonly Column[]): Row[] {
  const width = region.x1 - region.x0;
  const full = region.across.filter(
    ({ at }) => coverage(region.across, at, region.x0, region.x1) >= 0.7 || width === 0,
  );
  const bands = bandsOf(region, words, full).filter((band) => band.words.length > 0);
  const counts = bands.map((band) => linesOf(band.words).length);
  const rows: Row[] = [];
  bands.forEach((band, index) => {
    const lines = linesOf(band.words);
    const rest = counts.slice(index + 1).reduce((sum, count) => sum + count, 0);
    if (index === 0 && bands.length > 1 && lines.length <= 6 && rest >= 2) {
      rows.push(...headerRowsOf(lines, columns, region.across));
    } else if (index === 0 && bands.length === 1) {
      const start = headerLines(lines, columns);
      rows.push(...headerRowsOf(lines.slice(0, start), columns, region.across));
      rows.push(...rowsOf(lines.slice(start), columns, region.across));
    } else {
      rows.push(...rowsOf(lines, columns, region.across));
    }
  });
  return rows;
}

/** Lines before the first one with a number in its place: the header, when there are few. */
function headerLines(lines: readonly Line[], columns: readonly Column[]): number {
  const start = lines.findIndex((line) => {
    const cells = placed(line.words, columns);
    const others = cells.filter(({ first }) => first > 0);
    const numbers = others.filter(
      ({ text }) => isNumeric(text) && !/^(?:19|20)\d\d(?:[-–/]\d+)?$/.test(text),
    );
    return numbers.length >= 1 && numbers.length >= 0.5 * others.length;
  });
  return start > 0 && start <= 5 ? start : 1;
}

/** How many rows from the top are header: one, and what stands under text over several columns. */
function headerCount(rows: readonly Row[], table: readonly (readonly string[])[]): number {
  let count = 1;
  while (count < 3 && count < table.length - 1) {
    const spans = rows[count - 1]?.cells.some(({ first, last }) => first !== last) ?? false;
    const blanks = table[count - 1]?.slice(1).some((text) => text === '') ?? false;
    const numbers = table[count]?.slice(1).filter((text) => text !== '' && isNumeric(text)).length ?? 0;
    const filled = table[count]?.filter((text) => text !== '').length ?? 0;
    const labelled = table[count]?.[0] !== '';
    if (!(spans || blanks) || filled < 2 || (labelled && numbers > 0) || (labelled && !spans)) break;
    count += 1;
  }
  return count;
}
