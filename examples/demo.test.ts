import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { afterEach, beforeEach, expect, it } from 'vitest';

const demo = fileURLToPath(new URL('demo.ts', import.meta.url));

let home = '';
beforeEach(() => {
  home = mkdtempSync(join(tmpdir(), 'memvid-demo-test-'));
  mkdirSync(join(home, 'temporary'));
});
afterEach(() => rmSync(home, { recursive: true }));

it('the demonstration ingests a folder, finds, asks, shows the timeline and leaves nothing behind', () => {
  const notes = join(home, 'notes');
  mkdirSync(join(notes, 'deep'), { recursive: true });
  writeFileSync(join(notes, 'planets.md'), '# Planets\n\nSaturn has rings made of ice.\n');
  writeFileSync(join(notes, 'deep/oceans.txt'), 'The Pacific is the deepest ocean.\n');
  writeFileSync(join(notes, 'picture.png'), 'not a text');

  const output = execFileSync(process.execPath, [demo, notes], {
    encoding: 'utf8',
    env: { ...process.env, TMPDIR: join(home, 'temporary'), NO_COLOR: '1' },
  });

  expect(output).toContain('putMany(2 documents)');
  expect(output).toMatch(/documents\/s/);
  expect(output).toMatch(/1\. Planets {2}mv2:\/\/demo\/planets\.md/);
  expect(output).toContain('Saturn has rings made of ice.');
  expect(output).toContain('timeline({ limit: 5, reverse: true })');
  expect(output).toContain('mv2://demo/deep/oceans.txt');
  expect(readdirSync(join(home, 'temporary'))).toEqual([]);
});
