import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { missingData } from './src/corpus/real.ts';
import { FACTS } from './src/peers/facts.ts';
import { QUERY_CLASSES } from './src/queries.ts';
import { Figures, parseFigures } from './src/record.ts';
import { VECTOR_FACTS } from './src/vectors/facts.ts';

const DOCUMENTS = 60;
const PUTS = 80;

it('a tiny run measures every task of the peers that are there and writes one JSON line a figure', () => {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-bench-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const output = join(folder, 'figures.jsonl');
  const peers = ['memvid', 'sqlite', 'minisearch', 'orama'] as const;
  const corpus = missingData === undefined ? 'real' : 'synthetic';
  const script = join(import.meta.dirname, 'src/run.ts');
  const words = [
    '--n',
    String(DOCUMENTS),
    '--peers',
    peers.join(','),
    '--rounds',
    '1',
    '--puts',
    String(PUTS),
  ];
  const small = ['--corpora', corpus, '--budget', '0.3', '--queries', '10', '--openings', '1'];
  const run = spawnSync(process.execPath, [script, ...words, ...small, '--no-fetch', '--out', output], {
    encoding: 'utf8',
    timeout: 110_000,
  });
  expect(run.stderr).not.toMatch(/failed:/);
  expect(run.status).toBe(0);
  expect(readFileSync(output, 'utf8')).toBe(run.stdout);

  const figures = parseFigures(run.stdout);
  for (const peer of peers) {
    const names = figures
      .filter((figure) => figure.peer === peer && figure.documents === DOCUMENTS)
      .map(({ figure }) => figure);
    expect(names).toEqual(
      expect.arrayContaining(['ingest', 'size', 'load', 'open', 'first_hit', 'stats_p50']),
    );
    const classes = QUERY_CLASSES.filter(
      (name) => (name !== 'question' && name !== 'telling') || corpus === 'real',
    );
    const measured = classes.filter((name) => names.includes(`find_${name}_p99`));
    expect(measured).toEqual(classes.filter((name) => FACTS[peer].classes.includes(name)));
    expect(names.includes('put_p50')).toBe(FACTS[peer].puts > 0);
    expect(names.includes('session_p50')).toBe(FACTS[peer].sessions > 0);
    expect(names.includes('puts_onto')).toBe(FACTS[peer].manyPuts);
    expect(names.includes('timeline_p50')).toBe(FACTS[peer].timeline);
    const single = figures.filter((figure) => figure.peer === peer && figure.documents === PUTS);
    expect(single.some(({ figure }) => figure === 'many_puts')).toBe(FACTS[peer].manyPuts);
  }
  expect(figures.some(({ peer, figure }) => peer === 'machine' && figure === 'sync_p50')).toBe(true);
  for (const figure of figures) {
    expect(Number.isFinite(figure.value)).toBe(true);
    expect(figure).toMatchObject({
      unit: expect.any(String),
      date: expect.stringMatching(/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d$/),
      commit: expect.any(String),
      machine: expect.any(String),
      node: process.versions.node,
    });
  }
}, 120_000);

it.skipIf(missingData !== undefined)(
  'a tiny run of vectors measures every task of the peers that are there',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'memvid-bench-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const output = join(folder, 'figures.jsonl');
    const peers = ['memvid', 'sqlite', 'usearch'] as const;
    const documents = 300;
    const words = ['--n', String(documents), '--peers', peers.join(','), '--rounds', '1', '--no-fetch'];
    const small = ['--budget', '0.3', '--queries', '10', '--openings', '1', '--out', output];
    const script = join(import.meta.dirname, 'src/vectors.ts');
    const run = spawnSync(process.execPath, [script, ...words, ...small], {
      encoding: 'utf8',
      timeout: 110_000,
    });
    expect(run.stderr).not.toMatch(/failed:/);
    expect(run.status).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(run.stdout);
    const figures = new Figures(parseFigures(run.stdout));
    for (const peer of peers) {
      const value = (figure: string): number | undefined => figures.value(peer, 'vectors', documents, figure);
      for (const figure of [
        'ingest',
        'size',
        'vector_build',
        'vector_find_p50',
        'load',
        'open',
        'first_hit',
      ]) {
        expect(value(figure), `${peer} ${figure}`).toBeGreaterThanOrEqual(0);
      }
      // The others compare everything here; a graph is another one each time, because several threads build it.
      const least = peer === 'usearch' ? 0.8 : 1;
      expect(value('vector_find_recall'), `${peer} vector_find_recall`).toBeGreaterThanOrEqual(least);
      const { filters, words: hasWords } = VECTOR_FACTS[peer];
      expect((value('vector_filtered_recall') ?? 0) >= 0.99).toBe(filters);
      expect(value('hybrid_find_p50') !== undefined).toBe(hasWords);
    }
  },
  120_000,
);
