import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { Figures } from '../src/record.ts';
import { lineChart } from '../src/report/chart.ts';
import { documentOf } from '../src/report/document.ts';
import { lossesOf } from '../src/report/losses.ts';
import { shownCount, shownNumber, shownRatio } from '../src/report/numbers.ts';
import { logScale, spreadLabels } from '../src/report/scale.ts';
import { tableOf } from '../src/report/table.ts';
import { chartsInDocs, DOCS_FOLDER, generated } from '../src/report/write.ts';
import { TARGETS, verdictOf } from '../src/targets.ts';
import { figure } from './support/figure.ts';

const three = new Figures([
  figure({ figure: 'find_rare_p50', unit: 'ms', value: 0.1, cpu: 0.2 }),
  figure({ peer: 'sqlite', figure: 'find_rare_p50', unit: 'ms', value: 0.2, cpu: 0.2 }),
  figure({ peer: 'tantivy', figure: 'find_rare_p50', unit: 'ms', value: 0.05, cpu: 0.3 }),
  figure({ figure: 'ingest', value: 3000 }),
  figure({ peer: 'sqlite', figure: 'ingest', value: 1000 }),
]);

describe('tables', () => {
  it('compare each cell with the best peer, ourselves not counted', () => {
    const { peers, rows } = tableOf(three, 'real', 1000);
    expect(peers).toEqual(['memvid', 'sqlite', 'tantivy']);
    expect(
      rows.map(({ title, best, lost, cells }) => [
        title,
        best,
        lost,
        Array.from(cells.values(), ({ ratio }) => ratio),
      ]),
    ).toEqual([
      ['all documents in one call', 'sqlite', false, [1000 / 3000, 1]],
      ['rare word, p50', 'tantivy', true, [2, 4, 1]],
      ['rare word: processor time', 'sqlite', false, [1, 1, 0.3 / 0.2]],
    ]);
  });

  it('losses name the peer, the numbers and the place', () => {
    expect(lossesOf(three, [{ corpus: 'real', documents: 1000 }])).toEqual([
      { title: 'rare word, p50', unit: 'ms', places: ['1 000 real: 2×, 0.1 against 0.05 of tantivy'] },
    ]);
  });

  it('numbers are short', () => {
    expect([1234, 999.6, 12.345, 0.1234, 0.01234, 0.000_001_234, 0].map(shownNumber)).toEqual([
      '1 230',
      '1 000',
      '12.3',
      '0.123',
      '0.012',
      '1.2e-6',
      '0',
    ]);
    expect([shownCount(1_000_000), shownRatio(0.123), shownRatio(1234.5)]).toEqual([
      '1 000 000',
      '0.12×',
      '1 235×',
    ]);
  });
});

describe('charts', () => {
  it('decades are equally long, and every value is on the axis', () => {
    const scale = logScale([1, 10, 100], 0, 300);
    expect(scale.ticks).toEqual([1, 10, 100]);
    expect(scale.place(10) - scale.place(1)).toBeCloseTo(scale.place(100) - scale.place(10));
    for (const value of [1, 10, 100]) expect(scale.place(value)).toBeGreaterThan(0);
    expect(scale.place(100)).toBeLessThan(300);
  });

  it('a short axis has more marks', () => {
    expect(logScale([2, 8], 0, 100).ticks).toEqual([3, 10]);
  });

  it('an axis of equal values is not empty', () => {
    const { from, to, place } = logScale([5, 5], 300, 0);
    expect(to / from).toBeGreaterThan(9);
    expect(place(5)).toBeCloseTo(150);
  });

  it('labels keep their order and do not lie on each other', () => {
    const places = spreadLabels([100, 101, 99, 300], 16, 0, 310);
    expect(places[2]).toBeLessThan(places[0] ?? 0);
    const sorted = places.toSorted((left, right) => left - right);
    for (const [index, place] of sorted.entries()) {
      if (index > 0) expect(place - (sorted[index - 1] ?? 0)).toBeGreaterThanOrEqual(16 - 1e-9);
    }
    expect(Math.max(...spreadLabels([309, 310], 16, 0, 310))).toBeLessThanOrEqual(310);
  });

  it('a line has a point for each size and its name beside it', () => {
    const points = [1000, 10_000, 100_000].map((documents) => ({ documents, value: documents / 1e5 }));
    const svg = lineChart({ title: 'a < b', unit: 'ms', lines: [{ peer: 'sqlite', points }] });
    expect(svg.match(/<circle/g)).toHaveLength(3);
    expect(svg).toContain('SQLite FTS5</text>');
    expect(svg).toContain('<title>a &lt; b</title>');
  });
});

describe('targets', () => {
  it('say what is met, what is not, and what is not measured', () => {
    const target = TARGETS.find(({ title }) =>
      title.startsWith('real question without function words, 10k documents, p50 beside SQLite'),
    );
    if (target === undefined) throw new Error('the target is gone');
    const own = (value: number, peer: 'memvid' | 'sqlite' = 'memvid'): ReturnType<typeof figure> =>
      figure({
        peer,
        documents: 10_000,
        figure: 'find_telling_p50',
        value,
      });
    expect(verdictOf(target, new Figures([own(1)]))).toMatchObject({ met: undefined });
    expect(verdictOf(target, new Figures([own(1), own(4, 'sqlite')]))).toMatchObject({
      value: 0.25,
      met: true,
    });
    expect(verdictOf(target, new Figures([own(1.1), own(4, 'sqlite')]))).toMatchObject({ met: false });
  });

  it('have titles that tell them apart', () => {
    expect(new Set(TARGETS.map(({ title }) => title)).size).toBe(TARGETS.length);
  });
});

describe('the page', () => {
  it('shows losses, targets and notes', () => {
    const files = documentOf(three, '<!-- for people -->\nBecause of that.');
    const page = files.get('benchmarks.md') ?? '';
    expect(page).toContain('| ▼ rare word, p50 | ms | **0.1** (2×) | 0.2 (4×) | 0.05 (1×) |');
    expect(page).toContain('### Why some are not met\n\nBecause of that.');
    expect(page).toContain('| rare word, p50 | ms | 1 000 real: 2×, 0.1 against 0.05 of tantivy |');
    expect(page).toContain('- 2026-01-01, commit abc, Node 24.0.0, a machine: 1 000 real');
    expect([...files.keys()]).toContain('benchmarks/find-real.svg');
  });

  it('does not depend on the order of the figures', () => {
    expect(documentOf(new Figures(three.all.toReversed()), '')).toEqual(documentOf(three, ''));
  });

  it('in docs/ is what the committed figures make (write it with `pnpm bench:report`)', () => {
    const files = generated();
    for (const [name, content] of files) {
      expect(readFileSync(join(DOCS_FOLDER, name), 'utf8').replaceAll('\r\n', '\n')).toBe(content);
    }
    for (const chart of chartsInDocs()) expect([...files.keys()]).toContain(chart);
  });
});
