/** The value below which `part` of the values lie (nearest rank). */
export function quantile(values: readonly number[], part: number): number {
  const sorted = values.toSorted((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * part))] ?? Number.NaN;
}

export function median(values: readonly number[]): number {
  const sorted = values.toSorted((left, right) => left - right);
  const middle = Math.floor(sorted.length / 2);
  const [low = Number.NaN, high = Number.NaN] = [sorted[middle - 1], sorted[middle]];
  return sorted.length % 2 === 1 ? high : (low + high) / 2;
}

/** Four significant digits: more are noise. */
export function rounded(value: number): number {
  return Number(value.toPrecision(4));
}

/** What one costs beside the other: below 1 is better than it, whether more or less of the figure is wanted. */
export function costRatio(value: number, other: number, better: 'lower' | 'higher'): number {
  return better === 'lower' ? value / other : other / value;
}
