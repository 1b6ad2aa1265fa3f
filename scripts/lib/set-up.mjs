// From a fresh clone to something that runs: tools, packages, the native engine, the TypeScript packages.
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

import { manifests } from './manifests.mjs';
import {
  CommandError,
  firstLineOf,
  must,
  pnpmVersion,
  root,
  secondsSince,
  toolEnvironment,
} from './workspace.mjs';

const MARK = join(root, '.cache/installed');

/** Makes everything ready. Quick when nothing changed since the last time. */
export async function setUp() {
  const start = performance.now();
  /** @type {[string, () => void | Promise<void>][]} */
  const steps = [
    ['Checking the tools', checkTools],
    ['Installing the npm packages', install],
    [
      'Building the native engine and the reader of PDF (Rust; the first time takes some minutes)',
      buildNative,
    ],
    ['Building the TypeScript packages', buildPackages],
  ];
  for (const [index, [title, step]] of steps.entries()) {
    const stepStart = performance.now();
    console.log(`[${index + 1}/${steps.length}] ${title} …`);
    await step();
    console.log(`[${index + 1}/${steps.length}] done in ${secondsSince(stepStart)}`);
  }
  console.log(`Set-up complete in ${secondsSince(start)}.\n`);
}

function checkTools() {
  const { engines } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  const oldestNode = engines.node.replace('>=', '');
  if (compareVersions(process.versions.node, oldestNode) < 0) {
    throw new CommandError(
      `Node ${process.versions.node} is too old: this needs Node ${oldestNode} or newer (https://nodejs.org).`,
    );
  }
  const cargo = firstLineOf('cargo', ['--version']);
  if (cargo === undefined) {
    throw new CommandError(
      'Rust is missing, and the native engine is built from source here.\n' +
        'Install it from https://rustup.rs, open a new terminal, and run the command again.',
    );
  }
  const oldest = oldestRust();
  if (compareVersions(cargo, oldest) < 0) {
    throw new CommandError(`${cargo} is too old: this needs Rust ${oldest} or newer. Run: rustup update`);
  }
  const compiler = process.env.CC ?? 'cc';
  if (process.platform !== 'win32' && firstLineOf(compiler, ['--version']) === undefined) {
    throw new CommandError(
      'A C compiler is missing (zstd is built from source).\n' +
        'Install one: apt-get install build-essential, dnf install gcc, or xcode-select --install.',
    );
  }
  console.log(`      Node ${process.versions.node}, ${cargo}`);
}

/** The newest `rust-version` that a crate asks for: that of the workspace, or of the reader of PDF. */
function oldestRust() {
  const asked = ['Cargo.toml', 'packages/pdf/native/Cargo.toml'].map((path) => {
    const manifest = readFileSync(join(root, path), 'utf8');
    return /^rust-version = "([\d.]+)"/m.exec(manifest)?.[1] ?? '0';
  });
  return asked.toSorted(compareVersions).at(-1) ?? '0';
}

/**
 * Compares the first dotted number in each text.
 * @param {string} left
 * @param {string} right
 */
function compareVersions(left, right) {
  const [leftParts, rightParts] = [left, right].map((text) =>
    (/\d+(\.\d+)*/.exec(text)?.[0] ?? '0').split('.').map(Number),
  );
  for (const index of [0, 1, 2]) {
    const difference = (leftParts?.[index] ?? 0) - (rightParts?.[index] ?? 0);
    if (difference !== 0) return difference;
  }
  return 0;
}

async function install() {
  const digest = createHash('sha256');
  for (const file of ['pnpm-lock.yaml', 'pnpm-workspace.yaml', ...manifests()]) {
    digest.update(file).update(readFileSync(join(root, file)));
  }
  const mark = digest.digest('hex');
  const installed = existsSync(MARK) && existsSync(join(root, 'node_modules/.bin/pnpm'));
  if (installed && readFileSync(MARK, 'utf8') === mark) {
    console.log('      up to date');
    return;
  }
  const environment = { ...toolEnvironment(), CI: 'true' }; // Never ask a question.
  const showProgress = (/** @type {string} */ line) => {
    // Packages of other platforms are warned about one by one; that they are left out is as it should be.
    if (/^(Progress|Downloading|Packages)/.test(line)) console.log(`      ${line}`);
  };
  await must('npx', ['--yes', `pnpm@${pnpmVersion}`, 'install', '--frozen-lockfile'], {
    env: environment,
    quiet: true,
    onLine: showProgress,
  });
  mkdirSync(join(root, '.cache'), { recursive: true });
  writeFileSync(MARK, mark);
}

async function buildNative() {
  for (const name of ['@memvid/core', '@memvid/pdf']) {
    await must('pnpm', ['--silent', '--filter', name, 'build:native']);
  }
}

async function buildPackages() {
  await must('turbo', ['run', 'build', '--output-logs=errors-only'], { quiet: true });
}
