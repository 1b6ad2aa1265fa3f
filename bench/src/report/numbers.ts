/** A number for people: three significant digits (two of small ones), thousands apart. */
export function shownNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  if (value === 0) return '0';
  const size = Math.abs(value);
  if (size < 0.0001) return value.toExponential(1);
  const short = Number(value.toPrecision(size >= 0.1 ? 3 : 2));
  return Math.abs(short) >= 1000 ? grouped(short) : String(short);
}

export function shownCount(value: number): string {
  return grouped(value);
}

function grouped(value: number): string {
  return String(value).replaceAll(/\B(?=(\d{3})+$)/g, ' ');
}

/** A ratio: two digits, and more before the point. */
export function shownRatio(value: number): string {
  return `${value >= 10 ? grouped(Math.round(value)) : Number(value.toPrecision(2))}×`;
}
