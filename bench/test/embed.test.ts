import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, it, onTestFinished } from 'vitest';
import { EMBEDDERS } from '../src/embed/embedders.ts';

const models = join(import.meta.dirname, '../../../shared/models');
const missing = !existsSync(join(models, 'all-minilm-l6-v2/model.onnx'));
if (missing) process.stderr.write('skipped: a tiny run of bench:embed: ../shared/models is not here\n');

it.skipIf(missing)(
  'a tiny run gives the figures of every way to embed, and all compute the same',
  () => {
    const folder = mkdtempSync(join(tmpdir(), 'memvid-bench-embed-'));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const script = join(import.meta.dirname, '../src/embed.ts');
    const words = ['--n', '8', '--rounds', '1', '--questions', '2', '--out', join(folder, 'figures.jsonl')];
    const run = spawnSync(process.execPath, [script, ...words], { encoding: 'utf8', timeout: 100_000 });
    expect(run.status).toBe(0);
    const figures = run.stdout
      .trimEnd()
      .split('\n')
      .map((line) => JSON.parse(line) as Record<string, unknown>);
    expect(figures.map(({ peer, figure }) => `${String(peer)} ${String(figure)}`)).toEqual(
      EMBEDDERS.flatMap((peer) =>
        ['embed', 'embed_question_p50', 'embed_difference'].map((figure) => `${peer} ${figure}`),
      ),
    );
    const difference = (peer: string): unknown =>
      figures.find((figure) => figure['peer'] === peer && figure['figure'] === 'embed_difference')?.['value'];
    expect(difference('embed-local')).toBeLessThan(1e-5);
  },
  110_000,
);
