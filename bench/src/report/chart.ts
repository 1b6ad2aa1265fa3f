import type { PeerName } from '../peers/facts.ts';
import { shownCount, shownNumber } from './numbers.ts';
import { logScale, spreadLabels } from './scale.ts';
import { at, drawing, FAINT, INK, line, text } from './svg.ts';
import { labelOf } from './table.ts';

const COLOURS: Record<PeerName, string> = {
  memvid: '#d9480f',
  sqlite: '#3b82d6',
  tantivy: '#2f9e6e',
  minisearch: '#a06bd8',
  orama: '#d1609d',
  lancedb: '#9a8a1f',
  reference: '#7a828c',
};

export interface Point {
  readonly documents: number;
  readonly value: number;
}
export interface LineChart {
  readonly title: string;
  /** What is up the side. */
  readonly unit: string;
  readonly lines: readonly { peer: PeerName; points: readonly Point[] }[];
}

const WIDTH = 760;
const HEIGHT = 360;
const SIDE = { left: 62, right: 128, top: 44, bottom: 42 };
const LABEL_GAP = 16;

/** How a figure grows with the number of documents: both axes in powers of ten, each line with its name at its end. */
export function lineChart({ title, unit, lines }: LineChart): string {
  const points = lines.flatMap((one) => one.points);
  const [left, right] = [SIDE.left, WIDTH - SIDE.right];
  const [top, bottom] = [SIDE.top, HEIGHT - SIDE.bottom];
  const across = logScale(
    points.map(({ documents }) => documents),
    left,
    right,
  );
  const up = logScale(
    points.map(({ value }) => value),
    bottom,
    top,
  );
  const last = Math.max(...points.map(({ documents }) => documents));
  // Names of lines that reach the right edge stand beside it, the others at the end of their line.
  const whole = lines.filter((one) => one.points.at(-1)?.documents === last);
  const labels = spreadLabels(
    whole.map((one) => up.place(one.points.at(-1)?.value ?? up.from)),
    LABEL_GAP,
    top,
    bottom,
  );
  const grid = [
    ...up.ticks.flatMap((tick) => [
      line(left, up.place(tick), right, up.place(tick)),
      text(left - 8, up.place(tick) + 4, shownNumber(tick), { anchor: 'end' }),
    ]),
    ...across.ticks.flatMap((tick) => [
      line(across.place(tick), top, across.place(tick), bottom),
      text(across.place(tick), bottom + 18, shownCount(tick), { anchor: 'middle' }),
    ]),
    text((left + right) / 2, HEIGHT - 6, 'documents', { anchor: 'middle' }),
  ];
  const drawn = lines.flatMap((one) => {
    const { peer, points: own } = one;
    const places = own.map(({ documents, value }) => [across.place(documents), up.place(value)] as const);
    const [endX = right, endY = bottom] = places.at(-1) ?? [];
    const label = labels[whole.indexOf(one)];
    const colour = COLOURS[peer];
    return [
      `<polyline fill="none" stroke="${colour}" stroke-width="${peer === 'memvid' ? 3 : 2}" stroke-linejoin="round" points="${places.map(([x, y]) => `${at(x)},${at(y)}`).join(' ')}"/>`,
      ...places.map(
        ([x, y]) => `<circle cx="${at(x)}" cy="${at(y)}" r="${peer === 'memvid' ? 4 : 3}" fill="${colour}"/>`,
      ),
      ...(label === undefined
        ? [text(endX + 9, endY + 4, labelOf(peer), { fill: colour })]
        : [
            line(endX + 5, endY, right + 8, label, `${colour}80`),
            text(right + 12, label + 4, labelOf(peer), { fill: colour, bold: peer === 'memvid' }),
          ]),
    ];
  });
  return drawing(WIDTH, HEIGHT, title, [
    text(left, 20, title, { bold: true, size: 14 }),
    text(left, 36, unit, { size: 11 }),
    ...grid,
    ...drawn,
  ]);
}

export interface DotChart {
  readonly title: string;
  readonly unit: string;
  readonly rows: readonly { title: string; values: readonly { peer: PeerName; value: number }[] }[];
}

const ROW = 30;
const NAMES = 190;

/** One row a kind of call, one dot a peer: further left is less. */
export function dotChart({ title, unit, rows }: DotChart): string {
  const peers = [...new Set(rows.flatMap(({ values }) => values.map(({ peer }) => peer)))];
  const [left, right] = [NAMES, WIDTH - 24];
  const top = 78;
  const bottom = top + rows.length * ROW;
  const across = logScale(
    rows.flatMap(({ values }) => values.map(({ value }) => value)),
    left,
    right,
  );
  const step = (right - left) / Math.max(peers.length, 1);
  const legend = peers.flatMap((peer, index) => [
    `<circle cx="${at(left + index * step + 5)}" cy="52" r="5" fill="${COLOURS[peer]}"/>`,
    text(left + index * step + 15, 56, labelOf(peer), { fill: COLOURS[peer], bold: peer === 'memvid' }),
  ]);
  const grid = across.ticks.flatMap((tick) => [
    line(across.place(tick), top, across.place(tick), bottom),
    text(across.place(tick), bottom + 18, shownNumber(tick), { anchor: 'middle' }),
  ]);
  const drawn = rows.flatMap((row, index) => {
    const y = top + index * ROW + ROW / 2;
    const places = row.values.map(({ peer, value }) => ({ peer, x: across.place(value) }));
    const xs = places.map(({ x }) => x);
    // Ours lies on top.
    const order = places.toSorted(
      (one, other) => Number(one.peer === 'memvid') - Number(other.peer === 'memvid'),
    );
    return [
      text(left - 14, y + 4, row.title, { anchor: 'end' }),
      `<line x1="${at(Math.min(...xs))}" y1="${at(y)}" x2="${at(Math.max(...xs))}" y2="${at(y)}" stroke="${FAINT}" stroke-width="3"/>`,
      ...order.map(
        ({ peer, x }) =>
          `<circle cx="${at(x)}" cy="${at(y)}" r="${peer === 'memvid' ? 7 : 5.5}" fill="${COLOURS[peer]}"/>`,
      ),
    ];
  });
  return drawing(WIDTH, bottom + 42, title, [
    text(16, 20, title, { bold: true, size: 14 }),
    ...legend,
    ...grid,
    ...drawn,
    text((left + right) / 2, bottom + 36, unit, { anchor: 'middle', fill: INK }),
  ]);
}
