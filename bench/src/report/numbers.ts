/** A number for people: three significant digits, thousands apart. */
export function shownNumber(value: number): string {
  if (!Number.isFinite(value)) return '–';
  const size = Math.abs(value);
  if (size >= 1000) return grouped(Math.round(Number(value.toPrecision(3))));
  if (size === 0) return '0';
  if (size < 0.0001) return value.toExponential(1);
  return String(Number(value.toPrecision(size >= 100 ? 3 : 2 + (size >= 0.1 ? 1 : 0))));
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
