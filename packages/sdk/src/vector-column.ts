import type { EmbeddingIdentity, NativeColumns } from '@memvid/core';
import { checkNumbers } from './embedding/given-vector.js';
import { dimensionMismatch } from './failures.js';

/** A vector that is not copied yet. */
export interface Vector {
  readonly vector: ArrayLike<number>;
  readonly identity: EmbeddingIdentity | undefined;
}

/**
 * The vectors of the documents of one slice after the other, as the engine takes them: all numbers of a slice in one
 * array. An array a vector would cost the engine more than its numbers do. The space is used again for each slice, so
 * that a million vectors pass through some hundred kilobytes.
 */
export class VectorColumn {
  #dimension = 0;
  #numbers = new Float32Array(0);
  /** For each document of the slice what made its vector, below 0 when that is not known; `undefined` without one. */
  #madeBy: (number | undefined)[] = [];
  #identities: EmbeddingIdentity[] = [];
  #count = 0;

  /**
   * Takes what the next document has, and copies it. `index` names the document. MV015 for numbers that are not finite, or all 0,
   * MV014 for another size than the others have.
   */
  add(given: Vector | undefined, index: number): void {
    if (given === undefined) {
      this.#madeBy.push(undefined);
      return;
    }
    const { vector, identity } = given;
    const start = this.#count * this.#roomFor(vector.length, index);
    this.#numbers.set(vector, start);
    checkNumbers(this.#numbers.subarray(start, start + this.#dimension), vector, index);
    this.#count += 1;
    this.#madeBy.push(identity === undefined ? -1 : this.#place(identity));
  }

  /** The columns of the slice that ends here. They are to be read before the next vector comes. */
  take(): Pick<NativeColumns, 'vectors' | 'dimension' | 'withVector' | 'identities' | 'madeBy'> {
    const [count, madeBy, identities] = [this.#count, this.#madeBy, this.#identities];
    [this.#count, this.#madeBy, this.#identities] = [0, [], []];
    if (count === 0) return {};
    const dimension = this.#dimension;
    return {
      vectors: this.#numbers.subarray(0, count * dimension),
      dimension,
      ...(count < madeBy.length
        ? { withVector: Uint8Array.from(madeBy, (made) => Number(made !== undefined)) }
        : {}),
      ...(identities.length > 0 ? { identities, madeBy: Int32Array.from(madeBy, (made) => made ?? -1) } : {}),
    };
  }

  /** Makes room for one more vector; gives the size of all. */
  #roomFor(dimension: number, index: number): number {
    if (this.#dimension === 0) this.#dimension = dimension;
    if (dimension !== this.#dimension) throw dimensionMismatch(this.#dimension, dimension, index);
    if ((this.#count + 1) * dimension > this.#numbers.length) {
      const longer = new Float32Array(Math.max(2 * this.#count, FIRST_ROWS) * dimension);
      longer.set(this.#numbers);
      this.#numbers = longer;
    }
    return dimension;
  }

  #place(identity: EmbeddingIdentity): number {
    const known = this.#identities.findIndex((other) => isSame(other, identity));
    return known < 0 ? this.#identities.push(identity) - 1 : known;
  }
}

/** Vectors that there is room for at first. */
const FIRST_ROWS = 64;

function isSame(left: EmbeddingIdentity, right: EmbeddingIdentity): boolean {
  return (
    left === right ||
    (left.provider === right.provider &&
      left.model === right.model &&
      left.dimension === right.dimension &&
      left.normalized === right.normalized)
  );
}
