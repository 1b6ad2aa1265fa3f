import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { corpus, missingData, questions } from './src/corpus.ts';

if (missingData !== undefined) process.stderr.write(`skipped: benchmarks: ${missingData}\n`);

describe.skipIf(missingData !== undefined)('benchmarks', () => {
  it('a small run measures every figure of both peers and writes one JSON line each', () => {
    const folder = mkdtempSync(join(tmpdir(), 'memvid-bench-test-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const output = join(folder, 'figures.jsonl');
    const script = join(import.meta.dirname, 'src/run.ts');
    const words = ['--n', '50', '--peers', 'memvid,sqlite', '--rounds', '1', '--out', output];
    const run = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8', timeout: 110_000 });
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
    expect(readFileSync(output, 'utf8')).toBe(run.stdout);
    const figures = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as { peer: string; figure: string; value: number; documents: number });
    for (const peer of ['memvid', 'sqlite']) {
      const own = figures.filter((figure) => figure.peer === peer);
      expect(own.map(({ figure }) => figure)).toEqual([
        'ingest',
        'size',
        'find_p50',
        'find_p99',
        'find_empty',
        'put_p50',
        'put_p99',
        'session_p50',
        'session_growth',
        'load',
        'first_hit',
      ]);
      expect(own.every(({ value, documents }) => Number.isFinite(value) && documents === 50)).toBe(true);
    }
  }, 120_000);

  it('the corpus is real, different in every document, and the same in every run', () => {
    const documents = corpus(20_000);
    expect(new Set(documents.map(({ uri }) => uri)).size).toBe(20_000);
    expect(documents).toEqual(corpus(20_000));
    expect(documents.slice(0, 100)).toEqual(corpus(100));
    expect(documents.every(({ text }) => text.length > 0)).toBe(true);
    expect(new Set(questions()).size).toBeGreaterThan(190);
  });
});
