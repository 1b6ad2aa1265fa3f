/** What one kind of search found, the best first; of scores more is better. */
export type Scored = readonly { readonly id: number; readonly score: number }[];

/**
 * Adds the scores of two lists after each is brought to 0 (its last) to 1 (its first); what a list has not scores 0 in it.
 * The ids, the best first.
 */
export function normalisedSum(
  words: Scored,
  meaning: Scored,
  meaningWeight: number,
  limit: number,
): number[] {
  const sums = new Map<number, number>();
  for (const [list, weight] of [
    [words, 1 - meaningWeight],
    [meaning, meaningWeight],
  ] as const) {
    const scores = list.map(({ score }) => score);
    const [low, high] = [Math.min(...scores), Math.max(...scores)];
    for (const { id, score } of list) {
      const share = high === low ? 1 : (score - low) / (high - low);
      sums.set(id, (sums.get(id) ?? 0) + weight * share);
    }
  }
  return [...sums]
    .toSorted(([left, more], [right, less]) => less - more || left - right)
    .slice(0, limit)
    .map(([id]) => id);
}
