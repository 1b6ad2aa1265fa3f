import { type EmbeddingIdentity, invalidInput } from '@memvid/core';
import { optionalBoolean, optionalFilledString, optionalNumber, optionsOf } from '../check.js';
import { dimensionMismatch, embeddingFailed } from '../failures.js';

/** A vector of a call that cannot do without one, of any list of numbers. */
export function vectorOf(value: unknown, argument: string): ArrayLike<number> {
  if (Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView))) {
    const list = value as unknown as ArrayLike<unknown>;
    for (let index = 0; index < list.length; index += 1) {
      if (typeof list[index] !== 'number') {
        throw invalidInput(`${argument}[${index}]`, list[index], 'a number');
      }
    }
    return list as ArrayLike<number>;
  }
  throw invalidInput(argument, value, 'an array of numbers or a Float32Array');
}

/** A copy in the numbers that are stored. MV015 for a vector that has no direction to compare. */
export function finiteVector(vector: ArrayLike<number>, index: number | undefined): Float32Array {
  const which = index === undefined ? 'The given vector' : `Vector ${index}`;
  if (vector.length === 0) throw embeddingFailed(`${which} is empty`, { reason: 'empty_vector' });
  const copy = Float32Array.from(vector);
  for (let at = 0; at < copy.length; at += 1) {
    if (!Number.isFinite(copy[at])) {
      throw embeddingFailed(`${which} is not finite: number ${at} is ${vector[at]}`, {
        reason: 'non_finite',
      });
    }
  }
  return copy;
}

/** What a caller says about who made a vector. Its dimension must be the vector's. */
export function identityOf(
  value: unknown,
  argument: string,
  dimension: number,
): EmbeddingIdentity | undefined {
  if (value === undefined || value === null) return undefined;
  const given = optionsOf(value, argument);
  const provider = optionalFilledString(given['provider'], `${argument}.provider`)?.toLowerCase();
  const model = optionalFilledString(given['model'], `${argument}.model`);
  const said = optionalNumber(given['dimension'], `${argument}.dimension`, { min: 1, integer: true });
  if (said !== undefined && said !== dimension) throw dimensionMismatch(said, dimension);
  const normalized = optionalBoolean(given['normalized'], `${argument}.normalized`, undefined);
  return {
    ...(provider === undefined ? {} : { provider }),
    ...(model === undefined ? {} : { model }),
    dimension,
    ...(normalized === undefined ? {} : { normalized }),
  };
}
