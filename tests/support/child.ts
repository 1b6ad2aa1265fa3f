import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { sdkEntry } from './places.ts';

/** Begins every program: `sdk` is the built SDK, `file` and `input` what the test passes. */
export function program(code: string, file: string, input: unknown): string {
  return [
    `const sdk = await import(${JSON.stringify(sdkEntry)});`,
    `const file = ${JSON.stringify(file)};`,
    `const input = ${JSON.stringify(input ?? null)};`,
    code,
  ].join('\n');
}

/** Runs a program in a process of its own and gives the JSON it printed last. It must end within `timeout` ms. */
export function runProgram(
  code: string,
  file: string,
  { input, timeout = 30_000, flags = [] as string[], env = {} as Record<string, string> } = {} as {
    input?: unknown;
    timeout?: number;
    flags?: string[];
    env?: Record<string, string>;
  },
): unknown {
  const run = spawnSync(
    process.execPath,
    [...flags, '--input-type=module', '-e', program(code, file, input)],
    { encoding: 'utf8', timeout, env: { ...process.env, ...env }, maxBuffer: 1 << 28 },
  );
  if (run.status !== 0) {
    throw new Error(
      `status ${run.status ?? run.signal}: ${run.stderr.slice(0, 2000)}\n${run.stdout.slice(-500)}`,
    );
  }
  return JSON.parse(run.stdout.trimEnd().split('\n').at(-1) ?? '');
}

/**
 * Runs code as a module of an installation, to its end. This process goes on meanwhile: the service that the code asks
 * may live in it.
 */
export async function runIn(
  folder: string,
  code: string,
  { name = 'app.mjs', flags = [] as string[], env = {} as Record<string, string> } = {},
): Promise<{ status: number | null; printed: string; complained: string }> {
  writeFileSync(join(folder, name), code);
  const child = spawn(process.execPath, [...flags, name], { cwd: folder, env: { ...process.env, ...env } });
  let [printed, complained] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => (printed += chunk));
  child.stderr.setEncoding('utf8').on('data', (chunk: string) => (complained += chunk));
  await once(child, 'close');
  return { status: child.exitCode, printed, complained };
}

export interface Running {
  readonly process: ChildProcess;
  /** What it printed so far. */
  printed(): string;
  /** Resolves when it printed `text`; rejects when it ends before. */
  until(text: string): Promise<void>;
  /** Resolves when it has ended, with its exit status. */
  readonly ended: Promise<number | null>;
}

/** Starts a program in a process of its own. */
export function startProgram(code: string, file: string, input?: unknown): Running {
  const child = spawn(process.execPath, ['--input-type=module', '-e', program(code, file, input)], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  let text = '';
  child.stdout.setEncoding('utf8').on('data', (chunk: string) => {
    text += chunk;
  });
  const ended = once(child, 'close').then(() => child.exitCode);
  return {
    process: child,
    printed: () => text,
    ended,
    async until(wanted) {
      while (!text.includes(wanted)) {
        const over = await Promise.race([once(child.stdout, 'data'), ended]);
        if (!Array.isArray(over) && !text.includes(wanted)) {
          throw new Error(`ended without "${wanted}": ${text}`);
        }
      }
    },
  };
}
