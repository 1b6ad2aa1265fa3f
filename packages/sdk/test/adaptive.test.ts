import { describe, expect, it } from 'vitest';
import { adaptiveCount, adaptiveRule, type AdaptiveStrategy } from '../src/adaptive.ts';

const count = (scores: number[], strategy: AdaptiveStrategy, minRelevancy = 0.5, maxK = 100): number =>
  adaptiveCount(scores, { strategy, minRelevancy, maxK });

describe('adaptiveCount', () => {
  it('keeps one of two orthogonal unit vectors with relative 0.9', () => {
    expect(count([1, 0.2929], 'relative', 0.9)).toBe(1);
  });

  it('relative keeps what reaches the share of the best score', () => {
    expect(count([10, 6, 5, 4.9], 'relative')).toBe(3);
  });

  it('absolute keeps what reaches the threshold, scores above 1 taken relative to the best', () => {
    expect(count([0.9, 0.6, 0.4], 'absolute')).toBe(2);
    expect(count([20, 11, 9], 'absolute')).toBe(2);
  });

  it('cliff stops at a fall larger than the ratio', () => {
    expect(count([1, 0.9, 0.3, 0.29], 'cliff')).toBe(2);
  });

  it('elbow stops behind the knee of the curve', () => {
    expect(count([10, 9.5, 9, 2, 1.5, 1], 'elbow')).toBeLessThanOrEqual(4);
    expect(count([10, 9, 8, 7, 6], 'elbow')).toBe(5);
  });

  it('combined stops at the first of them', () => {
    expect(count([10, 8, 4.5, 4.4], 'combined')).toBe(2);
    expect(count([10, 5.9], 'combined')).toBe(1);
  });

  it('keeps all of equally good results, whatever the strategy', () => {
    for (const strategy of ['relative', 'absolute', 'cliff', 'elbow', 'combined'] as const) {
      expect(count([7, 7, 7, 7], strategy)).toBe(4);
    }
  });

  it('keeps at least one of any and none of none, and never more than maxK', () => {
    expect(count([0.01], 'absolute', 0.9)).toBe(1);
    expect(count([0.01, 0.001], 'absolute', 0.9)).toBe(1);
    expect(count([], 'combined')).toBe(0);
    expect(count([1, 1, 1, 1], 'relative', 0, 2)).toBe(2);
  });
});

describe('adaptiveRule', () => {
  it('is off by default and has the defaults of the contract when on', () => {
    expect(adaptiveRule({})).toBeUndefined();
    expect(adaptiveRule({ adaptive: true })).toEqual({ strategy: 'combined', minRelevancy: 0.5, maxK: 100 });
  });

  it.each([
    [{ minRelevancy: 1.5 }, 'minRelevancy'],
    [{ minRelevancy: -0.1 }, 'minRelevancy'],
    [{ adaptiveStrategy: 'magic' }, 'adaptiveStrategy'],
    [{ maxK: 0 }, 'maxK'],
    [{ adaptive: 'yes' }, 'adaptive'],
  ])('refuses %o', (options, argument) => {
    expect(() => adaptiveRule(options)).toThrow(
      expect.objectContaining({ code: 'MV019', details: expect.objectContaining({ argument }) }),
    );
  });
});
