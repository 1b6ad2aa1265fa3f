import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';

/** What each example prints, line by line where the line does not change from run to run. */
const EXPECTED: readonly (readonly [file: string, lines: readonly string[]])[] = [
  [
    'quick-start.ts',
    [
      'found: Database',
      'answer: The team meets for lunch every Tuesday at noon. [1]',
      'timeline: 0 We moved from MySQL to PostgreSQL in March.',
    ],
  ],
  ['bulk-import.ts', ['2000 rows, 2 failed', 'stored: 1998 granite: 1000']],
  [
    'filters-and-history.ts',
    [
      'cheap: Party',
      'now: The launch is planned for June.',
      'before: The launch is planned for May.',
      'removed: 1',
    ],
  ],
  ['agent-tools.ts', ['{"frame_id":"0"}', '"answer":"Ann drinks green tea. [1]"']],
  ['capsule.ts', ['capsule: diary.mv2e', 'MV016', 'found: The treasure is under the oak.']],
];

describe('examples', () => {
  it.each(EXPECTED)('%s runs and prints what it promises', (file, lines) => {
    const run = spawnSync(process.execPath, [join(import.meta.dirname, file)], {
      encoding: 'utf8',
      timeout: 60_000,
    });
    expect(run.stderr).toBe('');
    expect(run.status).toBe(0);
    for (const line of lines) expect(run.stdout).toContain(line);
  });
});
