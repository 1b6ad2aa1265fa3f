import { spawnSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { paper, referenceProgram, root, sdkEntry } from './support/places.ts';
import { leftOut } from './support/workspace.ts';

const harness = paper('golden/golden.mjs');
const program = referenceProgram();
const absent = leftOut('files both ways between the SDK and the reference', harness.missing, program.missing);

const SCENARIOS = ['empty memory', 'single puts', 'batch', 'unicode', 'ping-pong appends'];

describe.skipIf(absent)('golden harness', () => {
  it('files travel both ways between the SDK and the reference without one failed check', () => {
    const run = spawnSync(process.execPath, [harness.path], {
      cwd: root,
      encoding: 'utf8',
      timeout: 240_000,
      env: {
        ...process.env,
        REF_CLI: program.path,
        OUR_SDK: sdkEntry,
        GOLDEN_ONLY: '^(sdk->ref|ref->sdk):',
        GOLDEN_REQUIRED: '1',
        MEMVID_OFFLINE: '1',
      },
    });
    process.stdout.write(run.stdout);
    const failures = run.stdout.split('\n').filter((line) => /^(FAIL|  - )/.test(line));
    expect(failures).toEqual([]);
    for (const pair of ['sdk->ref', 'ref->sdk']) {
      for (const name of SCENARIOS) expect(run.stdout).toContain(`ok   ${pair}: ${name} (`);
    }
    expect(run.stdout).toMatch(/^[1-9]\d* passed, 0 failed$/m);
    expect(run.status).toBe(0);
  }, 300_000);
});
