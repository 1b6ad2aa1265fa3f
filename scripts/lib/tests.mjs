// Runs the tests of Rust and TypeScript and counts them.
import { mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { root, run } from './workspace.mjs';

/** @typedef {{ passed: number, failed: number }} Count */

/**
 * `cargo test` over the whole workspace.
 * @returns {Promise<Count>}
 */
export async function testRust() {
  const count = { passed: 0, failed: 0 };
  const status = await run('cargo', ['test', '--workspace', '--locked', '--no-fail-fast'], {
    onLine(line) {
      const [, passed, failed] = /^test result: .*? (\d+) passed; (\d+) failed;/.exec(line) ?? [];
      count.passed += Number(passed ?? 0);
      count.failed += Number(failed ?? 0);
    },
  });
  return settle(count, status);
}

/**
 * Vitest over all packages.
 * @returns {Promise<Count>}
 */
export async function testTypeScript() {
  const report = join(root, '.cache/vitest.json');
  mkdirSync(join(root, '.cache'), { recursive: true });
  rmSync(report, { force: true });
  const status = await run('vitest', [
    'run',
    '--reporter=default',
    '--reporter=json',
    `--outputFile.json=${report}`,
  ]);
  const count = { passed: 0, failed: 0 };
  try {
    const result = JSON.parse(readFileSync(report, 'utf8'));
    count.passed = Number(result.numPassedTests);
    count.failed = Number(result.numFailedTests);
  } catch {
    // No report: the runner did not get that far, and its status says so.
  }
  return settle(count, status);
}

/**
 * A run that failed without a failed test (it did not compile, or died) counts as one failure.
 * @param {Count} count
 * @param {number} status
 */
function settle(count, status) {
  return status !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
}
