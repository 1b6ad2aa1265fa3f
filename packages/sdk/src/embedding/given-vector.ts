import { type EmbeddingIdentity, invalidInput } from '@memvid/core';
import { optionalBoolean, optionalFilledString, optionalNumber, optionsOf } from '../check.js';
import { dimensionMismatch, embeddingFailed } from '../failures.js';

/** A vector as a caller has it. It is stored in numbers of 32 bits. */
export type EmbeddingVector = readonly number[] | Float32Array | Float64Array;

/** A vector of a call that cannot do without one, of any list of numbers. */
export function vectorOf(value: unknown, argument: string): ArrayLike<number> {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const list = value as unknown as ArrayLike<unknown>;
    // Elements of a typed array are all of one type.
    const looked = Array.isArray(value) ? list.length : Math.min(list.length, 1);
    for (let index = 0; index < looked; index += 1) {
      if (typeof list[index] !== 'number') {
        throw invalidInput(`${argument}[${index}]`, list[index], 'a number');
      }
    }
    return list as ArrayLike<number>;
  }
  throw invalidInput(argument, value, 'an array of numbers or a Float32Array');
}

/** A copy in the numbers that are stored. MV015 for a vector that has no direction to compare: none, not finite, or all 0. */
export function finiteVector(vector: ArrayLike<number>, index: number | undefined): Float32Array {
  checkFilled(vector, index);
  const copy = new Float32Array(vector);
  checkNumbers(copy, vector, index);
  return copy;
}

/** MV015 for a vector without numbers. */
export function checkFilled(vector: ArrayLike<number>, index: number | undefined): void {
  if (vector.length > 0) return;
  throw embeddingFailed(`${nameOf(index)} is empty`, { reason: 'empty' });
}

/** MV015 when `copy` has no direction to compare: a number is not finite, or all are 0. `vector` tells what it was. */
export function checkNumbers(copy: Float32Array, vector: ArrayLike<number>, index: number | undefined): void {
  if (isFiniteThroughout(copy)) {
    if (copy.some((number) => number !== 0)) return;
    throw embeddingFailed(`${nameOf(index)} is nothing but zeros`, { reason: 'zero_vector' });
  }
  const at = copy.findIndex((number) => !Number.isFinite(number));
  // 1e39 is told as it was given; a number that is another by now, as it was read.
  const given = Object.is(Math.fround(Number(vector[at])), copy[at]) ? vector[at] : copy[at];
  throw embeddingFailed(`${nameOf(index)} is not finite: number ${at} is ${given}`, {
    reason: 'not_finite',
  });
}

/** Stands for 0 where a rule takes a product with it for a mistake. */
const NOTHING: number = 0;

/** Whether all numbers are finite: times 0 those are 0 and others are not. Four sums wait less for each other than one. */
function isFiniteThroughout(numbers: Float32Array): boolean {
  let [first, second, third, fourth] = [0, 0, 0, 0];
  const even = numbers.length - (numbers.length % 4);
  for (let at = 0; at < even; at += 4) {
    first += (numbers[at] as number) * NOTHING;
    second += (numbers[at + 1] as number) * NOTHING;
    third += (numbers[at + 2] as number) * NOTHING;
    fourth += (numbers[at + 3] as number) * NOTHING;
  }
  for (let at = even; at < numbers.length; at += 1) first += (numbers[at] as number) * NOTHING;
  return first + second + third + fourth === 0;
}

function nameOf(index: number | undefined): string {
  return index === undefined ? 'The given vector' : `Vector ${index}`;
}

/** What a caller says about who made a vector. Its dimension must be the vector's, where there is one. */
export function identityOf(
  value: unknown,
  argument: string,
  dimension: number | undefined,
): EmbeddingIdentity | undefined {
  if (value === undefined || value === null) return undefined;
  const given = optionsOf(value, argument);
  const provider = optionalFilledString(given['provider'], `${argument}.provider`)?.toLowerCase();
  const model = optionalFilledString(given['model'], `${argument}.model`);
  const said = optionalNumber(given['dimension'], `${argument}.dimension`, { min: 1, integer: true });
  if (said !== undefined && dimension !== undefined && said !== dimension) {
    throw dimensionMismatch(said, dimension);
  }
  const normalized = optionalBoolean(given['normalized'], `${argument}.normalized`, undefined);
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    dimension,
    ...(normalized === undefined ? {} : { normalized }),
  };
}
