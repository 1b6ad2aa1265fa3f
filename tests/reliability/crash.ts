import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { copyFileSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, dirname, join } from 'node:path';
import { create } from '@memvid/sdk';
import { randomNumbers } from '../support/random.ts';
import { namesBeside } from '../support/names-beside.ts';
import { paper } from '../support/places.ts';
import { embedderOf, type Model } from './documents.ts';
import { Expectation } from './expectation.ts';
import type { Task } from './writer.ts';

/** What many kills have shown. */
export interface CrashFigures {
  rounds: number;
  seed: number;
  /** Kills at a random moment, and inside the n-th of a kind of system call. */
  kills: Record<string, number>;
  /** Changes that were acknowledged, by call. */
  acknowledged: Record<string, number>;
  /** Changes that were under way when their process died: carried out as a whole, or not at all. */
  carriedOut: number;
  without: number;
  files: number;
  documents: number;
  problems: string[];
  seconds: number;
}

export interface CrashOptions {
  rounds: number;
  seed: number;
  /** Rounds on one file before the next is begun. */
  roundsOfFile?: number;
  /** Share of the rounds in which the kill comes inside a system call; needs strace. */
  insideCalls?: number;
  /** Tells how far it is. */
  onRound?: (figures: CrashFigures) => void;
}

const WRITER = join(import.meta.dirname, 'writer.ts');
/** Kinds of system calls, and up to the how-manieth of a life the kill comes. */
const CALLS: readonly (readonly [call: string, most: number])[] = [
  ['pwrite64', 200],
  ['fdatasync,fsync', 60],
  ['ftruncate', 6],
  ['linkat', 4],
  ['rename,renameat,renameat2', 2],
  ['unlink,unlinkat', 2],
  ['flock', 100],
];

/** The reason why kills inside system calls are not possible here. */
export function noTracer(): string | undefined {
  const runs = spawnSync('strace', ['-o', '/dev/null', 'true']).status === 0;
  return runs ? undefined : 'the program strace cannot trace here';
}

/**
 * Kills writers with SIGKILL, again and again, at random moments, and checks after each kill that everything they were
 * told is stored is there, and nothing else is.
 */
export async function crash(options: CrashOptions): Promise<CrashFigures> {
  const start = performance.now();
  const random = randomNumbers(options.seed);
  const folder = mkdtempSync(join(tmpdir(), 'memvid-crash-'));
  const figures: CrashFigures = {
    rounds: 0,
    seed: options.seed,
    kills: {},
    acknowledged: {},
    carriedOut: 0,
    without: 0,
    files: 0,
    documents: 0,
    problems: [],
    seconds: 0,
  };
  const roundsOfFile = options.roundsOfFile ?? 25;
  try {
    while (figures.rounds < options.rounds && figures.problems.length === 0) {
      figures.files += 1;
      const rounds = Math.min(roundsOfFile, options.rounds - figures.rounds);
      await crashOneFile(join(folder, String(figures.files)), rounds, figures, random, options);
    }
  } finally {
    figures.seconds = Math.round((performance.now() - start) / 1000);
    if (figures.problems.length === 0) rmSync(folder, { recursive: true, force: true });
    else figures.problems.push(`the file is kept: ${join(folder, String(figures.files))}`);
  }
  return figures;
}

async function crashOneFile(
  folder: string,
  rounds: number,
  figures: CrashFigures,
  random: () => number,
  options: CrashOptions,
): Promise<void> {
  const file = join(mkdtempSync(`${folder}-`), 'notes.mv2');
  const known = `${file}.known.json`.replace(dirname(file), dirname(folder));
  const shape = SHAPES[(figures.files - 1) % SHAPES.length] ?? SHAPES[0];
  const expectation = new Expectation(await shape.begin(file));
  const beside = namesBeside(file);
  for (let round = 0; round < rounds; round += 1) {
    const number = figures.rounds;
    const documents = [...expectation.alive].map(([uri, { id }]) => [id, uri] as const);
    const writers = shape.writers(random);
    const lives = Array.from({ length: writers }, async (_, writer) => {
      const own = documents.filter((__, at) => at % writers === writer);
      writeFileSync(`${known}.${writer}`, JSON.stringify(own.toSorted(() => random() - 0.5).slice(0, 200)));
      const task: Task = {
        file,
        prefix: `f${figures.files}r${number}p${writer}`,
        seed: Math.floor(random() * 2 ** 32),
        model: expectation.model,
        shared: writers > 1,
        known: `${known}.${writer}`,
      };
      return live(task, random, figures, random() < (options.insideCalls ?? 0));
    });
    for (const outcome of await Promise.allSettled(lives)) {
      if (outcome.status === 'rejected') figures.problems.push(`round ${number}: ${String(outcome.reason)}`);
      else expectation.take(outcome.value);
    }
    const names = new Set([...readdirSync(dirname(file)), ...beside.names]);
    names.delete(basename(file));
    if (names.size > 0) figures.problems.push(`round ${number}: beside the file: ${[...names].join(', ')}`);
    const isLast = round + 1 === rounds;
    const { problems, unacknowledged } = await expectation
      .check(file, {
        readOnly: random() < 0.5 && !isLast,
        look: isLast ? expectation.alive.size : 120,
        random,
      })
      .catch((error: unknown) => ({ problems: [String(error)], unacknowledged: undefined }));
    figures.rounds += 1;
    figures.carriedOut += unacknowledged?.carriedOut ?? 0;
    figures.without += unacknowledged?.without ?? 0;
    figures.problems.push(...problems.slice(0, 10).map((problem) => `round ${number}: ${problem}`));
    options.onRound?.(figures);
    if (figures.problems.length > 0) break;
  }
  await beside.stop();
  if (figures.problems.length > 0) return;
  figures.documents += expectation.alive.size;
  for (const [call, count] of expectation.acknowledged) {
    figures.acknowledged[call] = (figures.acknowledged[call] ?? 0) + count;
  }
  rmSync(dirname(file), { recursive: true, force: true });
}

/** One life of a writer, from its start to the kill; gives what it printed. */
async function live(
  task: Task,
  random: () => number,
  figures: CrashFigures,
  insideCall: boolean,
): Promise<string> {
  const words = [process.execPath, WRITER, JSON.stringify(task)];
  const [call, most] = CALLS[Math.floor(random() * CALLS.length)] ?? ['pwrite64', 1];
  const inject = `inject=${call}:signal=SIGKILL:when=${1 + Math.floor(random() * most)}`;
  const trace = ['strace', '-f', '-qq', '-o', '/dev/null', '-e', `trace=${call}`, '-e', inject];
  const [program = '', ...rest] = insideCall ? [...trace, ...words] : words;
  // In a group of its own, so that a program and who traces it are killed together. Windows has neither.
  const hasGroups = process.platform !== 'win32';
  const child = spawn(program, rest, { stdio: ['ignore', 'pipe', 'pipe'], detached: hasGroups });
  let [printed, complained] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text));
  const ended = once(child, 'close');
  await Promise.race([ended, once(child.stdout, 'data')]);
  // Early kills hit the first change after opening, late ones merges of what many changes left.
  const moment = insideCall ? 2000 : random() ** 2 * 500;
  let inTime = true;
  const timer = setTimeout(() => {
    inTime = false;
    if (child.exitCode !== null || child.signalCode !== null) return;
    if (hasGroups) process.kill(-(child.pid ?? 0), 'SIGKILL');
    else child.kill('SIGKILL');
  }, moment);
  await ended;
  clearTimeout(timer);
  if (child.signalCode !== 'SIGKILL') {
    throw new Error(`a writer ended by itself (${child.exitCode}): ${complained.slice(0, 1000)}`);
  }
  // A life that did not get as far as the chosen call ended at a random moment, like the others.
  const how = insideCall && inTime ? `inside ${call}` : 'at a random moment';
  figures.kills[how] = (figures.kills[how] ?? 0) + 1;
  return printed;
}

/** What a file is like when its first writer comes. */
interface Shape {
  /** Makes the file; gives the model of its vectors. */
  begin(file: string): Promise<Model | undefined>;
  /** How many change it at once. */
  writers(random: () => number): number;
}

const empty = async (file: string, model?: Model): Promise<void> => {
  await (await create(file, model === undefined ? {} : { embedder: embedderOf(model) })).close();
};

const SHAPES: readonly [Shape, ...Shape[]] = [
  {
    async begin(file) {
      await empty(file);
      return undefined;
    },
    writers: () => 1,
  },
  {
    async begin(file) {
      await empty(file, 'first');
      return 'first';
    },
    writers: () => 1,
  },
  {
    async begin(file) {
      await empty(file);
      return undefined;
    },
    writers: (random) => 2 + Math.floor(random() * 2),
  },
  {
    // The log of a file that the reference made is a quarter of ours.
    async begin(file) {
      const theirs = paper('fixtures/mv2/cli-empty.mv2');
      if (theirs.missing === undefined) copyFileSync(theirs.path, file);
      else await empty(file);
      return undefined;
    },
    writers: () => 1,
  },
];
