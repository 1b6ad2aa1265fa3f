import type { PdfWord } from '@memvid/pdf';

/** A box, y downwards. */
export interface Box {
  x0: number;
  y0: number;
  x1: number;
  y1: number;
}

/** Words that follow each other with no more than a blank between them. */
export interface Segment extends Box {
  words: PdfWord[];
  text: string;
  size: number;
}

/** What stands on one base line. */
export interface Line extends Box {
  words: PdfWord[];
  baseline: number;
  size: number;
}

/** Words on about the same base line, from left to right; lines from top to bottom. */
export function linesOf(words: readonly PdfWord[]): Line[] {
  const lines: Line[] = [];
  for (const word of words.toSorted((a, b) => a.baseline - b.baseline)) {
    const line = lines.at(-1);
    if (line !== undefined && isOnLine(word, line)) {
      if (word.size > 1.2 * line.size) line.baseline = word.baseline;
      line.size = Math.max(line.size, word.size);
      line.words.push(word);
      grow(line, word);
    } else {
      const { x0, y0, x1, y1, baseline, size } = word;
      lines.push({ x0, y0, x1, y1, baseline, size, words: [word] });
    }
  }
  for (const line of lines) line.words.sort((a, b) => a.x0 - b.x0);
  return lines;
}

/** Raised and lowered marks belong to the line of the larger words beside them. */
function isOnLine(word: PdfWord, line: Line): boolean {
  const [small, large] = [Math.min(word.size, line.size), Math.max(word.size, line.size)];
  return word.baseline - line.baseline <= (large > 1.2 * small ? 0.55 : 0.35) * large;
}

/** Pieces of a line that are more than `gap` sizes of its font apart. */
export function segmentsOf(words: readonly PdfWord[], gap: number): Segment[] {
  const segments: Segment[] = [];
  for (const word of words) {
    const last = segments.at(-1);
    if (last !== undefined && word.x0 - last.x1 <= gap * Math.min(word.size, last.size)) {
      last.words.push(word);
      last.text += ` ${word.text}`;
      last.size = Math.max(last.size, word.size);
      grow(last, word);
    } else {
      const { x0, y0, x1, y1, text, size } = word;
      segments.push({ x0, y0, x1, y1, text, size, words: [word] });
    }
  }
  return segments;
}

function grow(box: Box, other: Box): void {
  box.x0 = Math.min(box.x0, other.x0);
  box.y0 = Math.min(box.y0, other.y0);
  box.x1 = Math.max(box.x1, other.x1);
  box.y1 = Math.max(box.y1, other.y1);
}

export function boxOf(boxes: readonly Box[]): Box {
  const box = { x0: Infinity, y0: Infinity, x1: -Infinity, y1: -Infinity };
  for (const other of boxes) grow(box, other);
  return box;
}

/** Text of words in reading order: lines joined by blanks. */
export function textOf(words: readonly PdfWord[]): string {
  return linesOf(words)
    .flatMap((line) => line.words.map(({ text }) => text))
    .join(' ');
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? 0;
}

const NOTHING = /^(?:[-–—‒−.…*†‡#x:]+|n\.?\s?[ad]\.?|n\/a|nil|none|\([a-z]\))$/i;
const NUMBER =
  /^[([<>~±≈$€£¥]*\s?[-–—−+]?\s?[$€£¥]?\s?\d[\d.,'’\s/:%-–—−]*\s?(?:%|°|‰|[$€£¥)*†‡\]]|[a-z]{1,2}\b)*$/iu;

/** Whether a cell holds a number, or what stands for a missing one. */
export function isNumeric(text: string): boolean {
  return NOTHING.test(text) || (NUMBER.test(text) && !/[A-Za-z]{3}/.test(text));
}
