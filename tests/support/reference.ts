import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { dirname } from 'node:path';
import { referenceProgram } from './places.ts';

/** What the program sees of this process: no network, and a home of its own. */
function environment(home: string): NodeJS.ProcessEnv {
  return {
    PATH: process.env['PATH'] ?? '',
    HOME: home,
    MEMVID_OFFLINE: '1',
    NO_COLOR: '1',
    LD_LIBRARY_PATH: dirname(referenceProgram().path),
  };
}

/** Starts the reference's program, offline. */
export function startReference(home: string, ...words: string[]): ChildProcess {
  return spawn(referenceProgram().path, words, { stdio: 'ignore', env: environment(home) });
}

/** Runs the reference's program, offline. Slow: about half a second a call. */
export function reference(
  home: string,
  ...words: string[]
): { status: number | null; output: string; error: string } {
  return referenceWithInput(home, '', ...words);
}

/** The same for a command that reads its standard input. */
export function referenceWithInput(
  home: string,
  input: string,
  ...words: string[]
): { status: number | null; output: string; error: string } {
  const run = spawnSync(referenceProgram().path, words, {
    input,
    encoding: 'utf8',
    timeout: 180_000,
    env: environment(home),
  });
  return { status: run.status, output: run.stdout, error: run.stderr };
}

/** The uris that the reference finds for a word. */
export function referenceFinds(home: string, file: string, word: string): string[] {
  const words = ['find', file, '--query', word, '--mode', 'lex', '--no-sketch', '--top-k', '50', '--json'];
  const run = reference(home, ...words);
  if (run.status !== 0) throw new Error(`find ${word}: status ${run.status}: ${run.error}`);
  const found = JSON.parse(run.output) as { hits: { uri: string }[] };
  return [...new Set(found.hits.map((hit) => hit.uri))].toSorted();
}
