// What `.ci/run` does once the machine has its tools: the tests as the README runs them, then every other check.
// The last line is `N passed, N failed`: a test case counts as one, and so does each check.
import { existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs';
import { join } from 'node:path';

import { root, run, secondsSince, toolEnvironment } from './lib/workspace.mjs';

/** @type {[string, string, string[], Record<string, string>?][]} */
const checks = [
  ['TypeScript lint', 'oxlint', ['--deny-warnings']],
  ['TypeScript format', 'oxfmt', ['--check']],
  ['Rust format', 'cargo', ['fmt', '--all', '--check']],
  ['Rust lint', 'cargo', ['clippy', '--workspace', '--all-targets', '--locked', '--', '-D', 'warnings']],
  // A minute of all targets together. Of the whole workspace, as the tests are built: a package for itself takes other
  // features of its dependencies, and all of them would be compiled once more.
  [
    'fuzzing',
    'cargo',
    ['test', '--workspace', '--locked', '--test', 'fuzz', '--', '--nocapture'],
    { MEMVID_FUZZ_SECONDS: '7' },
  ],
  ['types', 'turbo', ['run', 'check', '--continue', '--output-logs=errors-only']],
  ['types of scripts', 'tsc', ['-p', '.']],
  ['unused code', 'knip', []],
  ['packages as published', 'node', ['scripts/check-packages.mjs']],
  ['size', 'size-limit', []],
  ['weights of installations', 'node', ['scripts/weights.mjs']],
  ['lock files without addresses', 'node', ['scripts/check-lock-files.mjs']],
];

const start = performance.now();
const report = join(root, '.cache/test-report.json');
mkdirSync(join(root, '.cache'), { recursive: true });
rmSync(report, { force: true });

let { passed, failed } = await runTests();
for (const [title, command, commandArguments, environment] of checks) {
  const checkStart = performance.now();
  const status = await run(command, commandArguments, {
    env: { ...toolEnvironment(), ...environment },
    quiet: true,
    onLine: () => {},
  });
  if (status !== 0) process.stderr.write(`(${command} ${commandArguments.join(' ')})\n`);
  console.log(`${status === 0 ? 'ok    ' : 'FAILED'} ${title} (${secondsSince(checkStart)})`);
  if (status === 0) passed += 1;
  else failed += 1;
}
console.log(`All of it took ${secondsSince(start)}`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;

async function runTests() {
  const status = await run('npm', ['test'], { env: { ...process.env, MEMVID_TEST_REPORT: report } });
  if (!existsSync(report)) return { passed: 0, failed: 1 };
  const count = JSON.parse(readFileSync(report, 'utf8'));
  return status !== 0 && count.failed === 0 ? { ...count, failed: 1 } : count;
}
