import { existsSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { onTestFinished } from 'vitest';
import { tokenizerJson } from '../../../onnx/test/support/onnx-model.ts';

/** The models that lie beside the checkout of those who work on it, or why they are not there. */
export function sharedModels(): { directory: string; missing: string | undefined } {
  const directory = join(import.meta.dirname, '../../../../../shared/models');
  const missing = existsSync(join(directory, 'all-minilm-l6-v2/model.onnx'))
    ? undefined
    : '../shared/models/all-minilm-l6-v2 is not here';
  if (missing !== undefined) process.stderr.write(`skipped: tests with a real model: ${missing}\n`);
  return { directory, missing };
}

/** A folder of this test alone. */
export function scratch(): string {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-embed-local-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return folder;
}

export const WORDS: readonly string[] = [
  'red',
  'green',
  'blue',
  'search',
  'query',
  'document',
  '_',
  ':',
  'represent',
  'this',
];

/** What each token means to the networks made here: no two alike, padding not zero. */
export function meanings(dimensions: number): number[][] {
  return Array.from({ length: WORDS.length + 4 }, (_, id) =>
    Array.from({ length: dimensions }, (_unused, index) => Math.fround(Math.sin(id * 31 + index * 7 + 1))),
  );
}

/** The ids of words, between begin and end. */
export function idsOf(...words: readonly string[]): number[] {
  return [2, ...words.map((word) => (WORDS.includes(word) ? WORDS.indexOf(word) + 4 : 1)), 3];
}

/** A folder of models with one in it. */
export function folderOf(name: string, files: Readonly<Record<string, string | Buffer>>): string {
  const directory = scratch();
  const all = { 'tokenizer.json': tokenizerJson(WORDS), ...files };
  for (const [path, content] of Object.entries(all)) {
    const file = join(directory, name, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, content);
  }
  return directory;
}

function unit(vector: readonly number[]): number[] {
  const length = Math.hypot(...vector);
  return vector.map((value) => value / length);
}

/** The mean of the meanings of tokens, or that of the first, at length 1. */
export function expected(
  table: readonly number[][],
  ids: readonly number[],
  pooling: 'cls' | 'mean',
): number[] {
  const counted = pooling === 'cls' ? ids.slice(0, 1) : ids;
  return unit(
    (table[0] ?? []).map((_, index) => counted.reduce((sum, id) => sum + (table[id]?.[index] ?? 0), 0)),
  );
}

export function cosine(left: ArrayLike<number>, right: ArrayLike<number>): number {
  let product = 0;
  let ofLeft = 0;
  let ofRight = 0;
  for (let index = 0; index < left.length; index += 1) {
    const [a, b] = [left[index] ?? 0, right[index] ?? 0];
    product += a * b;
    ofLeft += a * a;
    ofRight += b * b;
  }
  return product / Math.sqrt(ofLeft * ofRight);
}

/** The greatest difference of two vectors in one place. */
export function difference(left: ArrayLike<number>, right: ArrayLike<number>): number {
  if (left.length !== right.length) return Number.POSITIVE_INFINITY;
  return Array.from(left).reduce(
    (most, value, index) => Math.max(most, Math.abs(value - (right[index] ?? Number.NaN))),
    0,
  );
}
