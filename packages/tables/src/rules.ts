import type { PdfPage } from '@memvid/pdf';
import type { Box } from './lines.js';

/** A line along a side of the page: where across, and from where to where. */
export interface Rule {
  at: number;
  from: number;
  to: number;
}

/** Lines that touch each other. */
export interface Frame extends Box {
  across: Rule[];
  down: Rule[];
}

/** Lines and edges of boxes closer than this are one. */
const SAME = 2.5;
/** Ends of lines that meet may be this far apart. */
const REACH = 3;
/** Lines of one direction on a page that are looked at. */
const MOST_RULES = 1500;
/** Shorter lines are marks and letters. */
const SHORTEST = 7;

/** Horizontal and vertical lines of a page, and the sides of coloured boxes with `boxes`. */
export function rulesOf(page: PdfPage, boxes: boolean): { across: Rule[]; down: Rule[] } {
  const across: Rule[] = [];
  const down: Rule[] = [];
  for (const { x0, y0, x1, y1 } of page.rulings) {
    if (y0 === y1 && x1 - x0 >= SHORTEST) across.push({ at: y0, from: x0, to: x1 });
    if (x0 === x1 && y1 - y0 >= SHORTEST) down.push({ at: x0, from: y0, to: y1 });
  }
  for (const { x0, y0, x1, y1 } of boxes ? page.fills : []) {
    const [width, height] = [x1 - x0, y1 - y0];
    if (width < 10 || height < 6 || height > 0.5 * page.height || page.fills.length > 5000) continue;
    across.push({ at: y0, from: x0, to: x1 }, { at: y1, from: x0, to: x1 });
    down.push({ at: x0, from: y0, to: y1 }, { at: x1, from: y0, to: y1 });
  }
  return { across: few(merged(across)), down: few(merged(down)) };
}

/** Drawings have thousands of lines; of those only long ones may be a table's, and none when even they are too many. */
function few(rules: Rule[]): Rule[] {
  if (rules.length <= MOST_RULES) return rules;
  const long = rules.filter(({ from, to }) => to - from > 40);
  return long.length <= MOST_RULES ? long : [];
}

/** Lines on the same place become one. */
function merged(rules: Rule[]): Rule[] {
  const out: Rule[] = [];
  const sorted = rules.toSorted((a, b) => a.at - b.at);
  for (let start = 0; start < sorted.length;) {
    const first = sorted[start]?.at ?? 0;
    let end = start + 1;
    while (end < sorted.length && (sorted[end]?.at ?? Infinity) - first <= SAME) end += 1;
    const group = sorted.slice(start, end);
    const at = group.reduce((sum, rule) => sum + rule.at, 0) / group.length;
    let current: Rule | undefined;
    for (const { from, to } of group.toSorted((a, b) => a.from - b.from)) {
      if (current !== undefined && from <= current.to + REACH) {
        current.to = Math.max(current.to, to);
      } else {
        current = { at, from, to };
        out.push(current);
      }
    }
    start = end;
  }
  return out;
}

/** Groups of lines that touch, and the lines that touch no other. */
export function framesOf(across: readonly Rule[], down: readonly Rule[]): { frames: Frame[]; lone: Rule[] } {
  const all = [...across, ...down];
  const parent = all.map((_, index) => index);
  const root = (index: number): number => {
    let at = index;
    while (parent[at] !== at) {
      parent[at] = parent[parent[at] ?? at] ?? at;
      at = parent[at] ?? at;
    }
    return at;
  };
  const byPlace = down.map((rule, index) => ({ rule, index })).toSorted((a, b) => a.rule.at - b.rule.at);
  across.forEach((row, index) => {
    for (const { rule, index: other } of byPlace) {
      if (rule.at < row.from - REACH) continue;
      if (rule.at > row.to + REACH) break;
      if (row.at >= rule.from - REACH && row.at <= rule.to + REACH) {
        parent[root(index)] = root(across.length + other);
      }
    }
  });
  const groups = new Map<number, Frame>();
  all.forEach((rule, index) => {
    const key = root(index);
    let frame = groups.get(key);
    if (frame === undefined) {
      frame = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity, across: [], down: [] };
      groups.set(key, frame);
    }
    const isAcross = index < across.length;
    (isAcross ? frame.across : frame.down).push(rule);
    frame.x0 = Math.min(frame.x0, isAcross ? rule.from : rule.at);
    frame.x1 = Math.max(frame.x1, isAcross ? rule.to : rule.at);
    frame.y0 = Math.min(frame.y0, isAcross ? rule.at : rule.from);
    frame.y1 = Math.max(frame.y1, isAcross ? rule.at : rule.to);
  });
  const frames: Frame[] = [];
  const lone: Rule[] = [];
  for (const frame of groups.values()) {
    if (frame.down.length === 0) lone.push(...frame.across);
    else if (frame.across.length > 0) frames.push(frame);
  }
  return { frames, lone };
}

/** Different places of lines, in order; double lines count once. */
export function placesOf(rules: readonly Rule[], from: number, to: number): number[] {
  const places: number[] = [from];
  for (const { at } of rules.toSorted((a, b) => a.at - b.at)) {
    if (at - (places.at(-1) ?? from) > 4 && to - at > 4) places.push(at);
  }
  places.push(to);
  return places;
}

/** How much of a stretch the lines at a place cover, 0 to 1. */
export function coverage(rules: readonly Rule[], at: number, from: number, to: number): number {
  let covered = 0;
  for (const rule of rules) {
    if (Math.abs(rule.at - at) > 4) continue;
    covered += Math.max(0, Math.min(rule.to, to) - Math.max(rule.from, from));
  }
  return to > from ? Math.min(1, covered / (to - from)) : 0;
}
