import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';

it('a tiny run gives the figures of finding names', () => {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-bench-ner-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
  const script = join(import.meta.dirname, '../src/ner.ts');
  const words = ['--n', '4', '--rounds', '1', '--out', join(folder, 'figures.jsonl')];
  const run = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8', timeout: 60_000 });
  expect(run.status).toBe(0);
  const lines = run.stdout.trimEnd().split('\n');
  const figures = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
  expect(figures.map(({ figure }) => figure)).toEqual(['ner', 'ner_sentence_p50', 'ner_first']);
  for (const { value } of figures) expect(value).toBeGreaterThan(0);
}, 70_000);
