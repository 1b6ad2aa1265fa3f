import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { trackOf } from '../src/corpus/document.ts';
import { missingData } from '../src/corpus/real.ts';
import {
  FILTER_TRACK,
  indexOf,
  MOST_REAL_VECTORS,
  passagesOf,
  readVectors,
  uriOf,
  VECTOR_CORPORA,
  vectorCorpusOf,
  vectorDocuments,
  vectorQuestions,
  writeVectors,
} from '../src/vectors/corpus.ts';
import { vectorsOf } from '../src/vectors/data.ts';
import { normalisedSum } from '../src/vectors/fuse.ts';
import { nearestOf, recallOf } from '../src/vectors/truth.ts';

function temporaryFile(name: string): string {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-bench-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, name);
}

describe('recall', () => {
  it('is the share of the ten nearest, and counts equally near ones once', () => {
    const twelve = Array.from({ length: 12 }, (_, id) => id);
    expect(recallOf([2, 3, 4, 5, 6, 7, 8, 9, 10, 11], twelve)).toBe(1);
    expect(recallOf([0, 0, 0, 0, 0, 99], twelve)).toBe(0.1);
    expect(recallOf([1], [1, 2])).toBe(0.5);
    expect(recallOf([], [])).toBe(1);
  });
});

describe('normalised sum', () => {
  it('brings each list to 0 to 1 before it adds them', () => {
    const words = [
      { id: 1, score: 30 },
      { id: 2, score: 20 },
      { id: 3, score: 10 },
    ];
    const meaning = [
      { id: 2, score: 0.9 },
      { id: 4, score: 0.8 },
      { id: 1, score: 0.7 },
    ];
    // 1: 0.6 + 0, 2: 0.3 + 0.4, 3: 0, 4: 0.2.
    expect(normalisedSum(words, meaning, 0.4, 3)).toEqual([2, 1, 4]);
  });

  it('gives a list of one its full weight, and an empty one none', () => {
    expect(normalisedSum([{ id: 7, score: 3 }], [], 0.4, 10)).toEqual([7]);
  });
});

describe.skipIf(missingData !== undefined)('documents with vectors', { timeout: 30_000 }, () => {
  it.each(VECTOR_CORPORA)('%s are of length 1, and the same in every run and size', (name) => {
    const [small, large] = [temporaryFile('small'), temporaryFile('large')];
    writeVectors(small, name, 20);
    writeVectors(large, name, 1200);
    const rows = [...readVectors(large, 1200)];
    expect(rows).toHaveLength(1200);
    expect([...readVectors(small, 20)]).toEqual(rows.slice(0, 20));
    for (const row of rows.slice(0, 20)) expect(Math.hypot(...row)).toBeCloseTo(1, 2);
    const documents = [...vectorDocuments(passagesOf(name), small, 20)];
    expect(documents.every(({ text, title }) => text.length > 0 && title.length > 0)).toBe(true);
    expect(documents.map(({ uri }) => indexOf(uri))).toEqual([...documents.keys()]);
    expect(indexOf(uriOf(7))).toBe(7);
  });

  it('stand beside their texts', () => {
    const rows = 10_000;
    const file = temporaryFile('rows');
    writeVectors(file, 'vectors', rows);
    const passage = passagesOf('vectors');
    const turns = vectorsOf('locomo-dev.docs').values();
    for (const [index, vector] of [...readVectors(file, rows)].entries()) {
      if (!passage(index).title.startsWith('Session')) continue;
      expect(vector).toEqual(turns.next().value);
    }
  });

  it('there are as many real ones as it says', () => {
    const file = temporaryFile('all');
    writeVectors(file, 'vectors', MOST_REAL_VECTORS + 1);
    expect([...readVectors(file, MOST_REAL_VECTORS)]).toHaveLength(MOST_REAL_VECTORS);
    expect(() => [...readVectors(file, MOST_REAL_VECTORS + 1)]).toThrow(/ends within/);
    expect(vectorCorpusOf(MOST_REAL_VECTORS)).toBe('vectors');
    expect(vectorCorpusOf(MOST_REAL_VECTORS + 1)).toBe('mixtures');
  });

  it('have exact answers, all of the track where one is asked for', () => {
    const file = temporaryFile('vectors');
    const documents = 2000;
    writeVectors(file, 'vectors', documents);
    const questions = vectorQuestions(4);
    const rows = [...readVectors(file, documents)];
    for (const [index, { all, filtered }] of nearestOf(file, documents, questions).entries()) {
      const query = questions[index]?.vector ?? new Float32Array();
      const byHand = rows
        .map((row, id) => ({ id, similarity: row.reduce((sum, x, at) => sum + x * (query[at] ?? 0), 0) }))
        .toSorted((left, right) => right.similarity - left.similarity)
        .map(({ id }) => id);
      expect(recallOf(byHand, all)).toBe(1);
      expect(filtered.every((id) => trackOf(id) === FILTER_TRACK)).toBe(true);
      expect(
        recallOf(
          byHand.filter((id) => trackOf(id) === FILTER_TRACK),
          filtered,
        ),
      ).toBe(1);
    }
  });
});
