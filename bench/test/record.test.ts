import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { roundsOf, stagesOf, tasksOf } from '../src/plan.ts';
import { publish, publishedFigures } from '../src/publish.ts';
import { linesOf, merged, parseFigures } from '../src/record.ts';
import { costRatio, median, quantile, rounded } from '../src/statistics.ts';
import { figureOf } from '../src/summary.ts';
import { figure } from './support/figure.ts';

describe('numbers', () => {
  it('a quantile is one of the values', () => {
    const values = Array.from({ length: 100 }, (_, index) => 100 - index);
    expect([quantile(values, 0.5), quantile(values, 0.99), quantile(values, 1), quantile([], 0.5)]).toEqual([
      51,
      100,
      100,
      Number.NaN,
    ]);
  });

  it('a median of an even number is the middle of the two', () => {
    expect([median([3, 1, 2]), median([4, 1, 2, 3]), median([])]).toEqual([2, 2.5, Number.NaN]);
  });

  it('a ratio below 1 is better than the other, whatever is wanted', () => {
    expect([costRatio(1, 2, 'lower'), costRatio(2, 1, 'higher'), costRatio(1, 2, 'higher')]).toEqual([
      0.5, 0.5, 2,
    ]);
  });

  it('numbers keep four digits', () => {
    expect([rounded(123_456), rounded(0.000_123_456)]).toEqual([123_500, 0.000_123_5]);
  });
});

describe('figures', () => {
  it('are the median of the rounds, with what each round gave', () => {
    const now = { date: '2026-01-01T00:00:00', commit: 'abc', machine: 'm', node: '24', load: 0 };
    const samples = [3, 1, 2].map((value) => ({
      value,
      unit: 'ms',
      cpu: value * 2,
      cpuUnit: 'ms',
      calls: 10 * value,
    }));
    expect(figureOf({ peer: 'memvid', corpus: 'real', documents: 10, figure: 'open' }, samples, now)).toEqual(
      {
        peer: 'memvid',
        corpus: 'real',
        documents: 10,
        figure: 'open',
        value: 2,
        unit: 'ms',
        cpu: 4,
        cpu_unit: 'ms',
        calls: 10,
        rounds: 3,
        spread: [3, 1, 2],
        ...now,
      },
    );
  });

  it('of a later run take the place of earlier ones with the same key', () => {
    const old = figure({ value: 1, date: '2026-01-01T00:00:00' });
    const fresh = figure({ value: 2, date: '2026-01-02T00:00:00' });
    const other = figure({ documents: 5, value: 3 });
    expect(merged([fresh, old, other])).toEqual([other, fresh]);
    expect(parseFigures(linesOf([fresh, other]))).toEqual([fresh, other]);
  });

  it('are published a file a corpus and size, beside what was published before', () => {
    const folder = mkdtempSync(join(tmpdir(), 'memvid-figures-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    expect(publishedFigures(join(folder, 'none'))).toEqual([]);
    expect(publish([figure({ figure: 'open' }), figure({ documents: 7 })], folder)).toBe(
      'real-1000.jsonl, real-7.jsonl',
    );
    publish([figure({ figure: 'size' })], folder);
    expect(publishedFigures(folder).map(({ documents, figure: name }) => `${documents} ${name}`)).toEqual([
      '1000 open',
      '1000 size',
      '7 ingest',
    ]);
  });
});

describe('the plan', () => {
  it('leaves out peers and corpora that a size is too much for', () => {
    const stages = stagesOf({
      sizes: [10_000, 1_000_000],
      corpora: ['real', 'synthetic'],
      peers: ['memvid', 'sqlite', 'orama', 'reference'],
      rounds: 3,
    });
    expect(
      stages.map(
        ({ corpus, documents, peers, rounds }) => `${corpus} ${documents} ${peers.join('+')} ${rounds}`,
      ),
    ).toEqual([
      'real 200 memvid+sqlite+orama+reference 3',
      'real 10000 memvid+sqlite+orama 3',
      'synthetic 10000 memvid+sqlite+orama 3',
      'synthetic 1000000 memvid+sqlite 3',
    ]);
  });

  it('measures once where a round takes long', () => {
    expect(roundsOf('memvid', 100_000, 3)).toBe(3);
    expect(roundsOf('memvid', 1_000_000, 3)).toBe(1);
    expect(roundsOf('orama', 10_000, 3)).toBe(1);
    expect(roundsOf('reference', 200, 3)).toBe(1);
  });

  it('every task of a peer stands at the place it has among ours', () => {
    for (const peer of ['sqlite', 'tantivy', 'orama', 'reference'] as const) {
      for (const [place, task] of tasksOf(peer).entries()) expect(tasksOf('memvid')[place]).toBe(task);
    }
  });
});
