import { describe, expect, it } from 'vitest';
import { batchesOf, type Row } from '../src/index.ts';

describe('batches', () => {
  const rows = (...lengths: number[]): Row[] =>
    lengths.map((length, index) => ({ index, ids: Array.from({ length }, () => 1) }));
  const shape = (batches: Row[][]): number[][] => batches.map((batch) => batch.map(({ ids }) => ids.length));

  it('hold rows of like length, shorter ones first, within the budget', () => {
    expect(shape(batchesOf(rows(10, 200, 12, 11, 190), 512))).toEqual([
      [10, 11, 12],
      [190, 200],
    ]);
    expect(shape(batchesOf(rows(10, 200, 12, 11, 190), 300))).toEqual([[10, 11, 12], [190], [200]]);
    expect(shape(batchesOf(rows(600, 5), 512))).toEqual([[5], [600]]);
    expect(shape(batchesOf(rows(5, 5, 5), 512, 1))).toEqual([[5], [5], [5]]);
    expect(batchesOf([], 512)).toEqual([]);
  });

  it('hold every row once, and compute little that is padding', () => {
    let state = 3;
    const lengths = Array.from({ length: 512 }, () => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return 3 + ((state >>> 8) % 254);
    });
    const batches = batchesOf(rows(...lengths), 512);
    expect(
      batches
        .flat()
        .map(({ index }) => index)
        .toSorted((a, b) => a - b),
    ).toEqual([...lengths.keys()]);
    const computed = batches.reduce(
      (sum, batch) => sum + batch.length * Math.max(...batch.map(({ ids }) => ids.length)),
      0,
    );
    const own = lengths.reduce((sum, length) => sum + length, 0);
    for (const batch of batches) {
      expect(batch.length * Math.max(...batch.map(({ ids }) => ids.length))).toBeLessThanOrEqual(512);
    }
    expect(computed / own).toBeLessThan(1.02);
  });
});
