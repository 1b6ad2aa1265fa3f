import { spawnSync } from 'node:child_process';
import { cpus, loadavg } from 'node:os';
import type { Figure, Sample } from './record.ts';
import { median, rounded } from './statistics.ts';

export type Circumstances = Pick<Figure, 'date' | 'commit' | 'machine' | 'node' | 'load'>;

/** When, of what and on what is measured. */
export function circumstances(): Circumstances {
  const git = spawnSync('git', ['rev-parse', '--short=10', 'HEAD'], {
    cwd: import.meta.dirname,
    encoding: 'utf8',
  });
  return {
    date: new Date().toISOString().slice(0, 19),
    commit: git.status === 0 ? git.stdout.trim() : 'unknown',
    machine: `${cpus().length} x ${cpus()[0]?.model.trim() ?? 'unknown'}, ${process.platform}`,
    node: process.versions.node,
    load: rounded(loadavg()[0] ?? 0),
  };
}

/** The figure that the samples of all rounds make. */
export function figureOf(
  key: Pick<Figure, 'peer' | 'corpus' | 'documents' | 'figure'>,
  taken: readonly Sample[],
  now: Circumstances,
): Figure {
  const [first] = taken;
  const processor = taken.flatMap(({ cpu }) => cpu ?? []);
  return {
    ...key,
    value: rounded(median(taken.map(({ value }) => value))),
    unit: first?.unit ?? '',
    ...(processor.length === 0 ? {} : { cpu: rounded(median(processor)), cpu_unit: first?.cpuUnit ?? '' }),
    ...(first?.calls === undefined ? {} : { calls: Math.min(...taken.flatMap(({ calls }) => calls ?? [])) }),
    rounds: taken.length,
    ...(taken.length > 1 ? { spread: taken.map(({ value }) => rounded(value)) } : {}),
    ...now,
  };
}
