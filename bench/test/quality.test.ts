import { describe, expect, it } from 'vitest';
import { missingData } from '../src/corpus/real.ts';
import { collectionsOf } from '../src/quality/datasets.ts';
import { meanScores, ndcg, recall } from '../src/quality/scores.ts';

describe('scores', () => {
  const relevant = new Map([
    ['a', 1],
    ['b', 1],
  ]);

  it('recall counts each relevant document once, within the first k', () => {
    expect(recall(['x', 'a', 'a'], relevant, 5)).toBe(0.5);
    expect(recall(['x', 'a', 'b'], relevant, 2)).toBe(0.5);
    expect(recall(['b', 'a'], relevant, 2)).toBe(1);
  });

  it('a gain is worth less further down, and the best order is 1', () => {
    expect(ndcg(['a', 'b'], relevant, 10)).toBe(1);
    expect(ndcg(['x', 'a'], relevant, 10)).toBeCloseTo(1 / Math.log2(3) / (1 + 1 / Math.log2(3)));
    expect(ndcg([], relevant, 10)).toBe(0);
  });

  it('means are over questions, and questions without a hit are counted', () => {
    const answers = [
      { found: ['a', 'b'], relevant },
      { found: [], relevant },
    ];
    expect(meanScores(answers)).toEqual({ recall5: 0.5, recall10: 0.5, ndcg10: 0.5, empty: 1 });
  });
});

describe.skipIf(missingData !== undefined)('data', () => {
  it('every judged document is there', () => {
    for (const name of ['locomo', 'scifact'] as const) {
      for (const { documents, questions } of collectionsOf(name)) {
        const known = new Set(documents.map(({ uri }) => uri));
        expect(questions.length).toBeGreaterThan(50);
        expect(questions.every(({ relevant }) => [...relevant.keys()].some((id) => known.has(id)))).toBe(
          true,
        );
      }
    }
  });

  it('LoCoMo has five conversations, SciFact 300 claims of its test split', () => {
    expect(collectionsOf('locomo')).toHaveLength(5);
    expect(collectionsOf('scifact').map(({ questions }) => questions.length)).toEqual([300]);
  });
});
