// What every script of this folder needs: where things are, and how to run them with the workspace's own tools.
import { spawn, spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { delimiter, dirname, join, resolve } from 'node:path';
import { fileURLToPath } from 'node:url';

/** Folder of the checkout. */
export const root = resolve(dirname(fileURLToPath(import.meta.url)), '../..');

/** The version of pnpm that the lock file was written with. */
export const pnpmVersion = /** @type {string} */ (
  JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')).packageManager
).replace('pnpm@', '');

/** Environment in which `node`, `pnpm` and every tool are the workspace's own. */
export function toolEnvironment() {
  return {
    ...process.env,
    PATH: `${join(root, 'node_modules/.bin')}${delimiter}${process.env.PATH ?? ''}`,
    // Tools of the workspace report nothing to anyone.
    DO_NOT_TRACK: '1',
    TURBO_TELEMETRY_DISABLED: '1',
    COREPACK_ENABLE_DOWNLOAD_PROMPT: '0',
  };
}

/** A command that failed; its output has been shown already. */
export class CommandError extends Error {}

/**
 * Runs a command and shows what it prints. `onLine` sees each line of standard output as well; what is `quiet` shows
 * only when the command fails.
 * @param {string} command
 * @param {readonly string[]} commandArguments
 * @param {{ onLine?: (line: string) => void, env?: NodeJS.ProcessEnv, quiet?: boolean, cwd?: string }} [options]
 * @returns {Promise<number>} the exit status
 */
export function run(command, commandArguments, options = {}) {
  const { onLine, quiet = false } = options;
  return new Promise((done, fail) => {
    const child = spawn(command, commandArguments, {
      cwd: options.cwd ?? root,
      env: options.env ?? toolEnvironment(),
      stdio: ['ignore', onLine || quiet ? 'pipe' : 'inherit', quiet ? 'pipe' : 'inherit'],
      // npx and the tools in node_modules/.bin are scripts of the shell there.
      shell: process.platform === 'win32',
    });
    let rest = '';
    let held = '';
    child.stdout?.on('data', (/** @type {Buffer} */ chunk) => {
      if (quiet) held += chunk;
      else process.stdout.write(chunk);
      const lines = (rest + chunk).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) onLine?.(line);
    });
    child.stderr?.on('data', (/** @type {Buffer} */ chunk) => (held += chunk));
    child.on('error', fail);
    child.on('close', (status) => {
      if (rest !== '') onLine?.(rest);
      if (status !== 0) process.stderr.write(held);
      done(status ?? 1);
    });
  });
}

/**
 * Runs a command that has to succeed.
 * @param {string} command
 * @param {readonly string[]} commandArguments
 * @param {Parameters<typeof run>[2]} [options]
 */
export async function must(command, commandArguments, options) {
  const status = await run(command, commandArguments, options);
  if (status !== 0) {
    throw new CommandError(`\`${command} ${commandArguments.join(' ')}\` failed with status ${status}`);
  }
}

/**
 * First line that a command prints, or `undefined` when it cannot be run.
 * @param {string} command
 * @param {readonly string[]} commandArguments
 */
export function firstLineOf(command, commandArguments) {
  const { status, stdout } = spawnSync(command, commandArguments, { encoding: 'utf8' });
  return status === 0 ? stdout.split('\n', 1)[0] : undefined;
}

/**
 * Runs a script's main function; a failed command ends it with one line instead of a stack.
 * @param {() => Promise<void>} main
 */
export async function runMain(main) {
  try {
    await main();
  } catch (error) {
    if (!(error instanceof CommandError)) throw error;
    console.error(`\n${error.message}`);
    process.exitCode = 1;
  }
}

/**
 * Seconds since `start` (of `performance.now()`), for people.
 * @param {number} start
 */
export function secondsSince(start) {
  const seconds = (performance.now() - start) / 1000;
  return seconds < 60
    ? `${seconds.toFixed(1)} s`
    : `${Math.floor(seconds / 60)} min ${Math.round(seconds % 60)} s`;
}
