import type { PdfPage, PdfWord } from '@memvid/pdf';
import { columnsOf, placed } from './columns.js';
import { type Grid, gridOf, type Region } from './grid.js';
import { type Box, boxOf, isNumeric, type Line, linesOf, segmentsOf } from './lines.js';
import { framesOf, placesOf, type Rule, rulesOf } from './rules.js';

/** Gap between cells, in sizes of the font, where nothing else says that there are columns. */
const OPEN_GAP = 1;
/** A page of the smallest print has some 5,000. */
const MOST_WORDS = 30_000;
/** Lines across that touch no others; drawings have more. */
const MOST_LONE = 300;
const LEADERS = /(?:\.\s?){5,}|…{2,}|_{5,}/;

/** The tables of a page, from top to bottom. */
export function findTables(page: PdfPage): Grid[] {
  const words = page.words.filter(({ turns }) => turns === 0);
  if (words.length > MOST_WORDS) return [];
  const found: Grid[] = [];
  let rest = words;
  const take = (grid: Grid | undefined, ruled = false): boolean => {
    if (grid === undefined || !isTable(grid, ruled)) return false;
    found.push(...sideBySide(grid));
    rest = rest.filter((word) => !isIn(word, grid));
    return true;
  };
  // Lines alone, where they make columns: cells are often coloured line by line. Then boxes are lines, too.
  for (const boxes of [false, true]) {
    const { across, down } = rulesOf(page, boxes);
    // Small before large: a frame around a table is none itself.
    const { frames } = framesOf(across, down);
    for (const frame of frames.toSorted((one, other) => areaOf(one) - areaOf(other))) {
      if (frame.across.length < 2 || frame.x1 - frame.x0 < 30) continue;
      if (!boxes && placesOf(frame.down, frame.x0, frame.x1).length < 3) continue;
      if (found.some((grid) => isIn(grid, frame) || isIn(frame, grid))) continue;
      take(gridOf({ ...frame, framed: true }, rest));
    }
  }
  const plain = rulesOf(page, false);
  const { lone } = framesOf(plain.across, plain.down);
  for (const region of ruledRegions(lone, linesOf(rest))) take(gridOf(region, rest), true);
  for (const region of openRegions(rest, lone, page)) take(gridOf(region, rest));
  return found.toSorted((a, b) => a.y0 - b.y0 || a.x0 - b.x0);
}

/** A list that is set in several columns, with the same header over each, is several tables. */
function sideBySide(grid: Grid): Grid[] {
  const { rows, headerRows, headers, x0, x1 } = grid;
  const count = headers.length;
  const top = rows.slice(0, headerRows);
  for (let width = 2; width <= count / 2; width += 1) {
    if (count % width !== 0) continue;
    const repeats = top.every((row) => row.every((text, column) => text === row[column % width]));
    const isNamed = headers.slice(0, width).every((header) => header !== '' && !isNumeric(header));
    const differ = new Set(headers.slice(0, width)).size === width;
    if (!repeats || !isNamed || !differ) continue;
    return Array.from({ length: count / width }, (_, part): Grid => {
      const [from, to] = [part * width, (part + 1) * width];
      const own = rows.map((row) => row.slice(from, to)).filter((row) => row.some((text) => text !== ''));
      const step = (x1 - x0) / (count / width);
      return {
        ...grid,
        rows: own,
        headers: headers.slice(from, to),
        x0: x0 + part * step,
        x1: x0 + (part + 1) * step,
      };
    });
  }
  return [grid];
}

function areaOf({ x0, y0, x1, y1 }: Box): number {
  return (x1 - x0) * (y1 - y0);
}

function isIn(inner: Box, outer: Box): boolean {
  const [x, y] = [(inner.x0 + inner.x1) / 2, (inner.y0 + inner.y1) / 2];
  return x >= outer.x0 - 1 && x <= outer.x1 + 1 && y >= outer.y0 - 1 && y <= outer.y1 + 1;
}

/** Whether what looks like a grid is a table, and no text that happens to be aligned. `ruled`: between lines across. */
function isTable({ rows, mode }: Grid, ruled: boolean): boolean {
  const cells = rows.flat();
  const filled = cells.filter((text) => text !== '');
  const columns = rows[0]?.length ?? 0;
  if (filled.length < 4 || filled.length < 0.25 * cells.length) return false;
  const several = rows.filter((row) => row.filter((text) => text !== '').length > 1).length;
  if (mode === 'lattice') return several >= 2;
  if (rows.length < 3 || several < 3 || several < 0.4 * rows.length) return false;
  if (filled.filter((text) => LEADERS.test(text)).length >= 2) return false;
  const body = rows
    .slice(1)
    .flatMap((row) => row.slice(1))
    .filter((text) => text !== '');
  const numbers = body.filter(isNumeric).length;
  const long = filled.filter((text) => text.length > 90).length;
  if (numbers >= 0.4 * body.length) return long <= 0.15 * filled.length;
  // Lists have marks in front, not labels.
  const labels = rows.map((row) => row[0] ?? '').filter((text) => text !== '');
  const marks = labels.filter((text) => /^(?:[^\p{L}\p{N}]|\(?[\p{L}\p{N}]{1,3}[.)])$/u.test(text)).length;
  if (columns === 2 && marks >= 0.5 * labels.length) return false;
  if (ruled) return long <= 0.1 * filled.length;
  return long === 0 && (columns > 2 || numbers > 0) && several >= 0.6 * rows.length;
}

/** Regions between horizontal lines of about the same length that touch no others. */
function ruledRegions(lone: readonly Rule[], lines: readonly Line[]): Region[] {
  const regions: Region[] = [];
  const rules = lone.filter(({ from, to }) => to - from > 40).toSorted((a, b) => a.at - b.at);
  if (rules.length > MOST_LONE) return [];
  const used = new Set<Rule>();
  for (const first of rules) {
    if (used.has(first)) continue;
    const group = [first];
    for (const rule of rules) {
      if (rule.at <= first.at || used.has(rule)) continue;
      const last = group.at(-1) ?? first;
      const [from, to] = [Math.min(...group.map((own) => own.from)), Math.max(...group.map((own) => own.to))];
      const sharedWidth = Math.min(to, rule.to) - Math.max(from, rule.from);
      if (sharedWidth < 0.8 * Math.min(to - from, rule.to - rule.from)) continue;
      const between = lines
        .filter(({ baseline }) => baseline > last.at && baseline <= rule.at + 1)
        .map((line) => within(line, Math.min(from, rule.from), Math.max(to, rule.to)))
        .filter((line) => line !== undefined);
      if (!isTabular(between, Math.max(to, rule.to) - Math.min(from, rule.from))) break;
      group.push(rule);
    }
    if (group.length < 2) continue;
    const region = {
      x0: Math.min(...group.map(({ from }) => from)),
      x1: Math.max(...group.map(({ to }) => to)),
      y0: first.at,
      y1: group.at(-1)?.at ?? first.at,
    };
    const size = lines.filter(({ baseline }) => baseline > region.y0 && baseline < region.y1);
    if (size.length < 3) continue;
    for (const rule of group) used.add(rule);
    regions.push({ ...region, across: group, down: [], framed: false });
  }
  return regions;
}

function within(line: Line, from: number, to: number): Line | undefined {
  const words = line.words.filter((word) => word.x1 > from - 2 && word.x0 < to + 2);
  return words.length === 0 ? undefined : { ...line, ...boxOf(words), words };
}

/** Whether lines between two rules may be rows of a table: several pieces each, and hardly any running text. */
function isTabular(lines: readonly Line[], width: number): boolean {
  if (lines.length === 0) return true;
  let several = 0;
  let running = 0;
  for (const line of lines) {
    const segments = segmentsOf(line.words, OPEN_GAP);
    if (segments.length > 1) several += 1;
    else if (line.x1 - line.x0 > 0.7 * width && line.words.length > 6) running += 1;
  }
  if (lines.length <= 3) return several > 0 || running === 0;
  return several >= 0.4 * lines.length && running <= 0.15 * lines.length;
}

/** Regions of lines that have several pieces each, aligned with those above and below. */
function openRegions(words: readonly PdfWord[], lone: readonly Rule[], page: PdfPage): Region[] {
  const lines = linesOf(words);
  const regions: Region[] = [];
  let block: Line[] = [];
  const flush = (): void => {
    regions.push(...regionsOf(block, lone));
    block = [];
  };
  let loose = 0;
  for (const line of lines) {
    const last = block.at(-1);
    const segments = segmentsOf(line.words, OPEN_GAP);
    const isLoose = segments.length < 2;
    if (last !== undefined && line.baseline - last.baseline > 2.6 * Math.max(line.size, last.size)) flush();
    if (isLoose) {
      loose += 1;
      const isRunning = line.x1 - line.x0 > 0.55 * page.width || line.words.length > 14;
      if (isRunning || loose > 2) flush();
      if (block.length > 0 && !isRunning) block.push(line);
      continue;
    }
    loose = 0;
    block.push(line);
  }
  flush();
  return regions;
}

function regionsOf(block: readonly Line[], lone: readonly Rule[]): Region[] {
  const isSeveral = (line: Line): boolean => segmentsOf(line.words, OPEN_GAP).length > 1;
  const first = block.findIndex(isSeveral);
  const last = block.findLastIndex(isSeveral);
  const lines = block.slice(first, last + 1);
  if (first < 0 || lines.filter(isSeveral).length < 3) return [];
  const box = boxOf(lines);
  const columns = columnsOf(lines, box.x0 - 1, box.x1 + 1);
  if (columns.length < 2) return [];
  // Two columns of running text are no table.
  const texts = lines.flatMap((line) => placed(line.words, columns).map(({ text }) => text.length));
  const average = texts.reduce((sum, length) => sum + length, 0) / Math.max(1, texts.length);
  if (average > 32) return [];
  const across = lone.filter(
    ({ at, from, to }) =>
      at > box.y0 - 4 && at < box.y1 + 4 && Math.min(to, box.x1) - Math.max(from, box.x0) > 0.5 * (to - from),
  );
  return [
    { x0: box.x0 - 1, x1: box.x1 + 1, y0: box.y0 - 1, y1: box.y1 + 1, across, down: [], framed: false },
  ];
}
