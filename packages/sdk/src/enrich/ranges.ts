/** Whole numbers as text: `0-41 43`. */
export function rangesOf(ids: readonly number[]): string {
  const ranges: [from: number, to: number][] = [];
  for (const id of ids.toSorted((a, b) => a - b)) {
    const last = ranges.at(-1);
    if (last !== undefined && id <= last[1] + 1) last[1] = id;
    else ranges.push([id, id]);
  }
  return ranges.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(' ');
}

/** Those of some numbers that none of such texts names. What is no range in them is passed over: others may write there. */
export function outside(ids: readonly number[], texts: readonly string[]): number[] {
  const ranges = texts
    .flatMap((text) => text.split(' '))
    .filter((range) => /^\d+(?:-\d+)?$/.test(range))
    .map((range) => range.split('-', 2).map(Number))
    .map(([from = NaN, to = from]): [from: number, to: number] => [from, to])
    .toSorted(([a], [b]) => a - b);
  let at = 0;
  let end = -1;
  return ids
    .toSorted((a, b) => a - b)
    .filter((id) => {
      for (let next = ranges[at]; next !== undefined && next[0] <= id; next = ranges[at]) {
        end = Math.max(end, next[1]);
        at += 1;
      }
      return id > end;
    });
}
