import type { Pooling } from './models.js';

/** What a network gave for a batch: the vectors of all tokens, row by row. */
export interface Hidden {
  readonly data: Float32Array;
  /** Tokens of a row, padding included. */
  readonly width: number;
  readonly dimensions: number;
}

/**
 * The vector of one row; `tokens` are its own, padding comes behind them and does not count. Summed in double
 * precision, so that the order of a batch leaves no trace. `undefined` when it has no direction.
 */
export function pooled(
  { data, width, dimensions }: Hidden,
  row: number,
  tokens: number,
  pooling: Pooling,
  normalize: boolean,
): Float32Array | undefined {
  const sums = new Float64Array(dimensions);
  const counted = pooling === 'cls' ? 1 : tokens;
  const first = row * width * dimensions;
  for (let token = 0; token < counted; token += 1) {
    const start = first + token * dimensions;
    for (let index = 0; index < dimensions; index += 1) {
      sums[index] = (sums[index] ?? 0) + (data[start + index] ?? 0);
    }
  }
  let square = 0;
  for (const sum of sums) square += sum * sum;
  if (!(square > 0) || !Number.isFinite(square)) return undefined;
  const divisor = normalize ? Math.sqrt(square) : counted;
  return Float32Array.from(sums, (sum) => sum / divisor);
}
