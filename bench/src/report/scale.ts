/** Places values on an axis whose decades are equally long. */
export interface LogScale {
  readonly from: number;
  readonly to: number;
  place(value: number): number;
  /** The powers of ten on the axis; where there are few, three times each too. */
  readonly ticks: readonly number[];
}

const FEWEST_TICKS = 3;

/** An axis over all values, from `start` to `end` in pixels. */
export function logScale(values: readonly number[], start: number, end: number): LogScale {
  const positive = values.filter((value) => value > 0);
  const low = Math.min(...positive);
  const high = Math.max(...positive);
  // A little room at both ends, and at least a decade in all.
  const middle = Math.sqrt(low * high);
  const from = Math.min(low / 1.3, middle / Math.sqrt(10));
  const to = Math.max(high * 1.3, middle * Math.sqrt(10));
  const place = (value: number): number =>
    start + ((Math.log10(value) - Math.log10(from)) / (Math.log10(to) - Math.log10(from))) * (end - start);
  const powers: number[] = [];
  for (let power = Math.floor(Math.log10(from)); power <= Math.log10(to); power += 1) powers.push(power);
  const within = (digits: readonly number[]): number[] =>
    powers
      .flatMap((power) => digits.map((digit) => Number(`${digit}e${power}`)))
      .filter((tick) => tick >= from && tick <= to);
  const decades = within([1]);
  const ticks = decades.length >= FEWEST_TICKS ? decades : within([1, 3]);
  return { from, to, place, ticks };
}

/** Moves labels apart that would lie on each other: their order stays, and each is as near its place as that allows. */
export function spreadLabels(places: readonly number[], gap: number, low: number, high: number): number[] {
  const order = places
    .map((place, index) => ({ place, index }))
    .toSorted((left, right) => left.place - right.place);
  const result = places.map(() => 0);
  let last = low - gap;
  for (const { place, index } of order) {
    last = Math.max(place, last + gap);
    result[index] = last;
  }
  let next = high + gap;
  for (const { index } of order.toReversed()) {
    next = Math.min(result[index] ?? 0, next - gap);
    result[index] = next;
  }
  return result;
}
