import type { PdfWord } from '@memvid/pdf';
import { type Line, type Segment, segmentsOf } from './lines.js';

/** Gap inside a cell, in sizes of its font: a wide blank. */
const CELL_GAP = 0.5;

export interface Column {
  /** From the middle of the gutter before it to the middle of the gutter behind. */
  from: number;
  to: number;
  /** Where its text is. */
  x0: number;
  x1: number;
}

/** What of a line stands where: from which column to which. */
export interface Placed {
  first: number;
  last: number;
  words: PdfWord[];
  text: string;
}

/** How wide a gutter has to be when so many lines agree on it, in sizes of the font. */
function leastGutter(lines: number): number {
  if (lines <= 2) return 1.3;
  if (lines <= 3) return 1;
  if (lines <= 7) return 0.75;
  return 0.55;
}

/**
 * Columns of text between two edges: the spaces that nearly every line with several pieces leaves free. Lines of one piece
 * (headings, notes, text that goes over several columns) say nothing.
 */
export function columnsOf(lines: readonly Line[], from: number, to: number): Column[] {
  const rows = lines
    .map((line) => segmentsOf(line.words, CELL_GAP))
    .filter((segments) => segments.length > 1);
  if (rows.length < 2) return [];
  const sizes = rows.flat().map(({ size }) => size);
  const size = sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 10;
  const tolerated = rows.length < 6 ? 0 : Math.floor(rows.length * 0.12);
  const edges = rows.flat().flatMap(({ x0, x1 }) => [
    { x: x0 + 0.2, step: 1 },
    { x: x1 - 0.2, step: -1 },
  ]);
  edges.sort((a, b) => a.x - b.x || a.step - b.step);
  const gutters: { from: number; to: number }[] = [];
  let covered = 0;
  let open: number | undefined;
  for (const { x, step } of edges) {
    covered += step;
    if (covered > tolerated) {
      const isWide = open !== undefined && x - open >= leastGutter(rows.length) * size;
      if (open !== undefined && isWide) gutters.push({ from: open, to: x });
      open = undefined;
    } else {
      open ??= x;
    }
  }
  // Before the first text and behind the last there is no gutter, only the edge.
  const start = Math.min(...rows.flat().map(({ x0 }) => x0));
  const inner = gutters.filter((gutter) => gutter.from > start + 1);
  const bounds = [from, ...inner.map((gutter) => (gutter.from + gutter.to) / 2), to];
  let columns = bounds.slice(1).map((end, index): Column => {
    const begin = bounds[index] ?? from;
    return { from: begin, to: end, x0: end, x1: begin };
  });
  measure(columns, rows);
  columns = columns.filter(({ x0, x1 }) => x1 > x0);
  return joined(columns, rows, size);
}

function measure(columns: Column[], rows: readonly Segment[][]): void {
  for (const segment of rows.flat()) {
    const inside = columns.filter(({ from, to }) => segment.x1 > from + 1 && segment.x0 < to - 1);
    const [only] = inside;
    if (only === undefined || inside.length > 1) continue;
    only.x0 = Math.min(only.x0, segment.x0);
    only.x1 = Math.max(only.x1, segment.x1);
  }
}

/** Columns that are no columns of their own: signs of currencies and percent, and headers beside their numbers. */
function joined(columns: Column[], rows: readonly Segment[][], size: number): Column[] {
  const kept = [...columns];
  for (let index = 0; index + 1 < kept.length;) {
    const [left, right] = [kept[index], kept[index + 1]];
    if (left === undefined || right === undefined) break;
    const texts = (column: Column): (string | undefined)[] =>
      rows.map(
        (row) => row.find(({ x0, x1 }) => (x0 + x1) / 2 >= column.from && (x0 + x1) / 2 < column.to)?.text,
      );
    const [leftTexts, rightTexts] = [texts(left), texts(right)];
    const leftCount = leftTexts.filter((text) => text !== undefined).length;
    const rightCount = rightTexts.filter((text) => text !== undefined).length;
    const together = leftTexts.filter(
      (text, row) => text !== undefined && rightTexts[row] !== undefined,
    ).length;
    const only = (all: (string | undefined)[], pattern: RegExp): boolean => {
      const given = all.filter((text) => text !== undefined);
      return given.length > 0 && given.filter((text) => pattern.test(text)).length >= 0.8 * given.length;
    };
    const sparse = Math.min(leftCount, rightCount) <= Math.max(2, 0.2 * Math.max(leftCount, rightCount));
    const beside = together === 0 && sparse && right.x0 - left.x1 < 3 * size;
    if (only(leftTexts, /^[$€£¥(]+$/) || only(rightTexts, /^[%)*†‡]+$/) || beside) {
      kept.splice(index, 2, {
        from: left.from,
        to: right.to,
        x0: Math.min(left.x0, right.x0),
        x1: Math.max(left.x1, right.x1),
      });
    } else {
      index += 1;
    }
  }
  return kept;
}

/** Puts the pieces of a line into columns. */
export function placed(words: readonly PdfWord[], columns: readonly Column[]): Placed[] {
  const pieces: Placed[] = [];
  for (const segment of segmentsOf(words, CELL_GAP)) {
    for (const part of partsOf(segment, columns)) {
      const [first, last] = reach(part, columns);
      const before = pieces.at(-1);
      if (before !== undefined && before.last >= first) {
        before.words.push(...part.words);
        before.text += ` ${part.text}`;
        before.last = Math.max(before.last, last);
      } else {
        pieces.push({ first, last, words: part.words, text: part.text });
      }
    }
  }
  return pieces;
}

/** Cuts a segment where one of its gaps is a gutter. */
function partsOf(segment: Segment, columns: readonly Column[]): Segment[] {
  const parts: PdfWord[][] = [[]];
  segment.words.forEach((word, index) => {
    const before = segment.words[index - 1];
    if (before !== undefined) {
      const cut = columns.some((column, at) => {
        const next = columns[at + 1];
        if (next === undefined) return false;
        const gap = word.x0 - before.x1;
        const inside = before.x1 <= column.to + 1 && word.x0 >= column.to - 1;
        return (
          inside && gap >= Math.min(0.6 * (next.x0 - column.x1), 0.4 * word.size) && gap >= 0.33 * word.size
        );
      });
      if (cut) parts.push([]);
    }
    parts.at(-1)?.push(word);
  });
  return parts.flatMap((words) => segmentsOf(words, Infinity));
}

/** First and last column that a piece of text is in. */
function reach({ x0, x1 }: Segment, columns: readonly Column[]): [number, number] {
  const over = columns.flatMap((column, index) => {
    const shared = Math.min(x1, column.x1) - Math.max(x0, column.x0);
    return shared > Math.min(3, 0.3 * (column.x1 - column.x0)) || shared > 0.5 * (x1 - x0) ? [index] : [];
  });
  const [first] = over;
  const last = over.at(-1);
  if (first !== undefined && last !== undefined) return [first, last];
  const middle = (x0 + x1) / 2;
  const distance = ({ x0: left, x1: right }: Column): number => Math.max(left - middle, middle - right, 0);
  let best = 0;
  columns.forEach((column, index) => {
    if (distance(column) < distance(columns[best] ?? column)) best = index;
  });
  return [best, best];
}
