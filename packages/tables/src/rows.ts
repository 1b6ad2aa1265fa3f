import { type Column, placed, type Placed } from './columns.js';
import { isNumeric, type Line, median } from './lines.js';
import type { Rule } from './rules.js';

/** A row of a table: what stands in which columns, each piece once. */
export interface Row {
  cells: Placed[];
  /** Top and bottom of its text. */
  y0: number;
  y1: number;
}

interface Candidate {
  line: Line;
  cells: Placed[];
}

const STARTS_LOW = /^[\p{Ll}(&,;–-]/u;

/** Rows of running lines: lines that go on with the text above them belong to the row above. */
export function rowsOf(lines: readonly Line[], columns: readonly Column[], across: readonly Rule[]): Row[] {
  const candidates = lines.map((line): Candidate => {
    const cells = placed(line.words, columns);
    return { line, cells: cells.map((cell) => widened(cell, cells, line, columns, across)) };
  });
  const gaps = candidates
    .slice(1)
    .map(({ line }, index) => line.baseline - (candidates[index]?.line.baseline ?? 0));
  const pitch = median(gaps);
  const rows: { row: Row; last: Candidate; gap: number }[] = [];
  candidates.forEach((candidate, index) => {
    const above = rows.at(-1);
    const gap = gaps[index - 1] ?? Infinity;
    if (above !== undefined && goesOn(above.row, above.last, candidate, gap, pitch)) {
      append(above.row, candidate);
      above.last = candidate;
    } else {
      const { y0, y1 } = candidate.line;
      rows.push({ row: { cells: candidate.cells, y0, y1 }, last: candidate, gap });
    }
  });
  return rows.map(({ row }) => row);
}

function goesOn(row: Row, above: Candidate, { line, cells }: Candidate, gap: number, pitch: number): boolean {
  const size = Math.max(line.size, above.line.size);
  if (gap > 1.45 * size || cells.some(({ text }) => isNumeric(text) && /\d/.test(text))) {
    return labelGoesOn(row, cells, gap, size);
  }
  if (cells.some(({ first, last }) => first !== last)) return false;
  const filled = (column: number): Placed | undefined =>
    row.cells.find(({ first, last }) => first <= column && column <= last);
  const over = cells.map(({ first }) => filled(first));
  if (over.some((cell) => cell === undefined || isNumeric(cell.text))) return false;
  if (cells.every(({ text }) => STARTS_LOW.test(text))) return true;
  const hasLabel = cells.some(({ first }) => first === 0);
  // Text that wraps beside a label, or a label that wraps beside text, in lines closer than rows are.
  if (!hasLabel && filled(0) !== undefined) return true;
  return hasLabel && cells.length === 1 && row.cells.length > 1 && gap < 0.85 * pitch;
}

/** A label alone on its line, and the rest of it with the numbers on the next. */
function labelGoesOn(row: Row, cells: readonly Placed[], gap: number, size: number): boolean {
  const [label, ...others] = cells;
  const [above, ...beside] = row.cells;
  return (
    gap <= 1.45 * size &&
    label?.first === 0 &&
    others.length > 0 &&
    above?.first === 0 &&
    above.last === 0 &&
    beside.length === 0 &&
    /^[\p{Ll}(&]/u.test(label.text)
  );
}

function append(row: Row, { line, cells }: Candidate): void {
  row.y1 = Math.max(row.y1, line.y1);
  for (const cell of cells) {
    const own = row.cells.find(({ first, last }) => first <= cell.last && cell.first <= last);
    if (own === undefined) {
      row.cells.push(cell);
    } else {
      own.words.push(...cell.words);
      own.text += ` ${cell.text}`;
      own.first = Math.min(own.first, cell.first);
      own.last = Math.max(own.last, cell.last);
    }
  }
  row.cells.sort((a, b) => a.first - b.first);
}

/** Rows of a header: one, or one for each level when text goes over several columns. */
export function headerRowsOf(
  lines: readonly Line[],
  columns: readonly Column[],
  across: readonly Rule[],
): Row[] {
  const rows: Row[] = [];
  let levelEnded = true;
  let last: Line | undefined;
  for (const line of lines) {
    const plain = placed(line.words, columns);
    const cells = plain.map((cell) => widened(cell, plain, line, columns, across));
    const above = rows.at(-1);
    const isRuled =
      last !== undefined &&
      across.some(({ at }) => at > (last?.baseline ?? 0) - 1 && at < line.baseline - 0.5 * line.size);
    const spans = cells.some(({ first, last: end }) => first !== end);
    if (above === undefined || levelEnded || isRuled) {
      rows.push({ cells, y0: line.y0, y1: line.y1 });
    } else if (spans && !above.cells.some(({ first, last: end }) => first !== end)) {
      rows.push({ cells, y0: line.y0, y1: line.y1 });
    } else {
      append(above, { line, cells });
    }
    // Under text that spans columns the next level begins, unless it is the rest of the same text.
    levelEnded = spans && cells.length < columns.length;
    last = line;
  }
  raise(rows, columns.length);
  return rows;
}

/** Where no text stands above a cell of a header with levels, the cell reaches to the top. */
function raise(rows: Row[], columns: number): void {
  const spanning = rows.some(({ cells }) => cells.some(({ first, last }) => first !== last));
  if (rows.length < 2 || !spanning) return;
  for (let column = 0; column < columns; column += 1) {
    const holds = (row: Row): Placed | undefined =>
      row.cells.find(({ first, last }) => first <= column && column <= last);
    const index = rows.findIndex((row) => holds(row) !== undefined);
    const row = rows[index];
    const cell = row && holds(row);
    const top = rows[0];
    if (
      index <= 0 ||
      row === undefined ||
      cell === undefined ||
      cell.first !== cell.last ||
      top === undefined
    ) {
      continue;
    }
    row.cells.splice(row.cells.indexOf(cell), 1);
    top.cells.push(cell);
    top.cells.sort((a, b) => a.first - b.first);
  }
}

/**
 * Columns that a piece of text is about when it stands in the middle of several: those over a line right under it, or the
 * widest range with the same middle that no other text of the line reaches into.
 */
function widened(
  cell: Placed,
  cells: readonly Placed[],
  line: Line,
  columns: readonly Column[],
  across: readonly Rule[],
): Placed {
  const x0 = Math.min(...cell.words.map((word) => word.x0));
  const x1 = Math.max(...cell.words.map((word) => word.x1));
  const under = across.find(
    ({ at, from, to }) =>
      at > line.baseline - 1 &&
      at < line.baseline + 1.3 * line.size &&
      from <= x0 + 2 &&
      to >= x1 - 2 &&
      cells.every(
        (other) => other === cell || other.words.every((word) => word.x1 <= from + 2 || word.x0 >= to - 2),
      ),
  );
  const middle = (x0 + x1) / 2;
  if (under !== undefined) {
    const inside = columns.flatMap((column, index) => {
      const centre = (column.x0 + column.x1) / 2;
      return centre > under.from && centre < under.to ? [index] : [];
    });
    const [first] = inside;
    const last = inside.at(-1);
    if (
      first !== undefined &&
      last !== undefined &&
      first <= cell.first &&
      last >= cell.last &&
      inside.length < columns.length
    ) {
      return { ...cell, first, last };
    }
  }
  const inGutter = columns.every((column) => Math.min(column.x1, x1) - Math.max(column.x0, x0) < 1);
  if (cell.first === cell.last && !inGutter) return cell;
  const free = (column: number): boolean =>
    cells.every((other) => other === cell || column < other.first || column > other.last);
  let best: [number, number] | undefined;
  for (let first = cell.first; first >= 1; first -= 1) {
    if (!free(first)) break;
    for (let last = cell.last; last < columns.length && free(last); last += 1) {
      const [left, right] = [columns[first], columns[last]];
      if (left === undefined || right === undefined || last <= first) continue;
      const [from, to] = [left.x0, right.x1];
      if (from > x0 + 2 || to < x1 - 2) continue;
      const off = Math.abs((from + to) / 2 - middle);
      if (
        off <= Math.max(3, 0.04 * (to - from)) &&
        (best === undefined || last - first > best[1] - best[0])
      ) {
        best = [first, last];
      }
    }
  }
  return best === undefined ? cell : { ...cell, first: best[0], last: best[1] };
}
