import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { FuzzResult, FuzzTask } from './argument-fuzzer.ts';

/** Runs the fuzzer of arguments in a process of its own; that it dies or hangs is a problem too. */
export async function fuzzArguments(options: Omit<FuzzTask, 'folder'>): Promise<FuzzResult> {
  const folder = mkdtempSync(join(tmpdir(), 'memvid-arguments-'));
  const task: FuzzTask = { ...options, folder };
  const fuzzer = join(import.meta.dirname, 'argument-fuzzer.ts');
  const child = spawn(process.execPath, [fuzzer, JSON.stringify(task)], {
    cwd: folder,
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [printed, complained] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text));
  await once(child, 'close');
  rmSync(folder, { recursive: true, force: true });
  const last = printed.trimEnd().split('\n').at(-1) ?? '';
  if (child.exitCode !== 0 || !last.startsWith('{')) {
    const how = `seed ${options.seed} of ${options.target}: ${child.exitCode ?? child.signalCode}`;
    return { calls: 0, done: 0, refused: {}, problems: [`${how}: ${complained.slice(0, 3000)}`] };
  }
  return JSON.parse(last) as FuzzResult;
}
