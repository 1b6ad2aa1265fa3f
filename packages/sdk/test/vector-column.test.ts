import { describe, expect, it } from 'vitest';
import { VectorColumn } from '../src/vector-column.ts';

const made = (...numbers: number[]): { vector: Float32Array; identity: undefined } => ({
  vector: Float32Array.from(numbers),
  identity: undefined,
});

describe('the vectors of a slice', () => {
  it('stand one behind the other, and say which documents have one', () => {
    const column = new VectorColumn();
    column.add(made(1, 2), 0);
    column.add(undefined, 1);
    column.add({ vector: [3, 4], identity: undefined }, 2);
    expect(column.take()).toEqual({
      vectors: Float32Array.of(1, 2, 3, 4),
      dimension: 2,
      withVector: Uint8Array.of(1, 0, 1),
    });
    column.add(undefined, 3);
    expect(column.take()).toEqual({});
    column.add(made(5, 6), 4);
    expect(column.take()).toEqual({ vectors: Float32Array.of(5, 6), dimension: 2 });
  });

  it('name what made them once', () => {
    const column = new VectorColumn();
    const other = { provider: 'b', model: 'n' };
    for (const identity of [{ provider: 'a' }, undefined, other, { provider: 'a' }]) {
      column.add({ vector: [1], identity }, 0);
    }
    column.add(undefined, 4);
    expect(column.take()).toMatchObject({
      identities: [{ provider: 'a' }, other],
      madeBy: Int32Array.of(0, -1, 1, 0, -1),
    });
    expect(column.take()).toEqual({});
  });

  it('are copied, however many come', () => {
    const column = new VectorColumn();
    const vector = new Float32Array(5);
    for (let number = 0; number < 1000; number += 1) {
      vector.fill(number + 1);
      column.add({ vector, identity: undefined }, number);
    }
    const { vectors } = column.take();
    expect(vectors).toEqual(Float32Array.from({ length: 5000 }, (_, at) => Math.floor(at / 5) + 1));
  });

  it('are refused when a number is not finite or the size is another', () => {
    const column = new VectorColumn();
    column.add(made(1, 2, 3, 4, 5), 0);
    for (let place = 0; place < 5; place += 1) {
      for (const number of [NaN, Infinity, -Infinity, 1e300]) {
        const vector = [1, 2, 3, 4, 5].with(place, number);
        expect(() => column.add({ vector, identity: undefined }, 7), `${number} at ${place}`).toThrow(
          `Vector 7 is not finite: number ${place} is ${number}`,
        );
      }
    }
    expect(() => column.add(made(0, 0, 0, 0, 0), 8)).toThrow(
      expect.objectContaining({ code: 'MV015', suggestion: expect.stringContaining('not 0') }),
    );
    expect(() => column.add(made(1), 8)).toThrow(expect.objectContaining({ code: 'MV014' }));
  });
});
