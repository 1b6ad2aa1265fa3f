/** A part of a text that is computed at once: words `from` to `to`, of which `first` to `last` are decided about here. */
export interface Window {
  readonly from: number;
  readonly to: number;
  readonly first: number;
  readonly last: number;
}

/**
 * Splits words into windows of at most `limit` tokens that share about `overlap` tokens with their neighbours. Each word is
 * decided about in one window, the one in which more stands around it.
 *
 * @param lengths tokens of each word.
 */
export function windowsOf(lengths: readonly number[], limit: number, overlap: number): Window[] {
  const bounds: { from: number; to: number }[] = [];
  let from = 0;
  while (from < lengths.length) {
    let to = from;
    let tokens = 0;
    while (to < lengths.length) {
      const length = Math.min(lengths[to] ?? 0, limit);
      if (tokens + length > limit) break;
      tokens += length;
      to += 1;
    }
    bounds.push({ from, to });
    if (to >= lengths.length) break;
    // Back from the end as far as the overlap reaches, but never to where this window began.
    let next = to;
    for (let shared = 0; next > from + 1; next -= 1) {
      shared += lengths[next - 1] ?? 0;
      if (shared > overlap) break;
    }
    from = next;
  }
  return bounds.map(({ from: start, to: end }, index) => {
    const before = bounds[index - 1];
    const after = bounds[index + 1];
    return {
      from: start,
      to: end,
      first: before === undefined ? start : middle(start, before.to),
      last: after === undefined ? end : middle(after.from, end),
    };
  });
}

function middle(from: number, to: number): number {
  return Math.floor((from + to) / 2);
}
