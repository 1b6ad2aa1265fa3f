import { spawn, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { create } from '@memvid/sdk';
import { randomNumbers } from '../support/random.ts';
import { startReference } from '../support/reference.ts';
import { Expectation } from './expectation.ts';
import type { Reading } from './reader.ts';
import type { Task } from './writer.ts';

/** What many processes on one file have shown. */
export interface TogetherFigures {
  seed: number;
  writers: number;
  /** Writes that were acknowledged, by call. */
  acknowledged: Record<string, number>;
  documents: number;
  /** The longest that each call of a reader took, in milliseconds. */
  readings: { rounds: number; longest: Record<string, number> }[];
  /** Documents that the reference stored, and how often it gave up waiting for the lock. */
  reference: { stored: number; refused: number; kept: number };
  problems: string[];
  seconds: number;
}

export interface TogetherOptions {
  writers: number;
  /** Writes of each. */
  writes: number;
  readers: number;
  seed: number;
  /** Whether the reference's program stores documents meanwhile. */
  withReference?: boolean;
}

/** Address of every document that the reference stores. */
const THEIRS = 'mv2://theirs/';

/** Several processes write one file, others read it, and the reference's program may write it too. */
export async function together(options: TogetherOptions): Promise<TogetherFigures> {
  const start = performance.now();
  const random = randomNumbers(options.seed);
  const folder = mkdtempSync(join(tmpdir(), 'memvid-together-'));
  const beside = mkdtempSync(join(tmpdir(), 'memvid-together-'));
  const file = join(folder, 'shared.mv2');
  await (await create(file)).close();
  writeFileSync(join(beside, 'known.json'), '[]');
  const figures: TogetherFigures = {
    seed: options.seed,
    writers: options.writers,
    acknowledged: {},
    documents: 0,
    readings: [],
    reference: { stored: 0, refused: 0, kept: 0 },
    problems: [],
    seconds: 0,
  };
  const expectation = new Expectation(undefined);
  const readers = Array.from({ length: options.readers }, () => startChild('reader.ts', file));
  const writers = Array.from({ length: options.writers }, (_, writer) => {
    const task: Task = {
      file,
      prefix: `p${writer}`,
      seed: Math.floor(random() * 2 ** 32),
      shared: true,
      most: options.writes,
      known: join(beside, 'known.json'),
    };
    return startChild('writer.ts', JSON.stringify(task));
  });
  let isOver = false;
  const theirs =
    options.withReference === true ? storeTheirs(file, beside, figures, () => isOver) : undefined;
  for (const writer of writers) {
    const status = await writer.ended;
    if (status !== 0) figures.problems.push(`a writer ended with ${status}: ${writer.complained()}`);
    expectation.take(writer.printed());
  }
  isOver = true;
  await theirs;
  for (const reader of readers) {
    reader.process.kill('SIGTERM');
    const status = await reader.ended;
    if (status !== 0) {
      figures.problems.push(`a reader ended with ${status}: ${reader.complained()}`);
      continue;
    }
    const { rounds, problems, longest } = JSON.parse(
      reader.printed().trimEnd().split('\n').at(-1) ?? '',
    ) as Reading;
    figures.readings.push({ rounds, longest });
    figures.problems.push(...problems.map((problem) => `a reader: ${problem}`));
  }
  expectation.foreign = THEIRS;
  const look = options.withReference === true ? expectation.alive.size : 2000;
  const { problems } = await expectation.check(file, { readOnly: false, look, random });
  figures.problems.push(...problems.slice(0, 20));
  const names = readdirSync(folder).filter((name) => name !== 'shared.mv2');
  // What the reference leaves beside a file when it is told to give up is not ours.
  if (names.length > 0 && options.withReference !== true) {
    figures.problems.push(`beside the file: ${names.join(', ')}`);
  }
  figures.documents = expectation.alive.size;
  figures.reference.kept = expectation.foreignSeen;
  figures.acknowledged = Object.fromEntries(expectation.acknowledged);
  figures.seconds = Math.round((performance.now() - start) / 1000);
  if (figures.problems.length === 0) rmSync(folder, { recursive: true, force: true });
  else figures.problems.push(`the file is kept: ${file}`);
  rmSync(beside, { recursive: true, force: true });
  return figures;
}

/** Has the reference's program store one document after the other. */
async function storeTheirs(
  file: string,
  home: string,
  figures: TogetherFigures,
  isOver: () => boolean,
): Promise<void> {
  for (let number = 0; !isOver(); number += 1) {
    const note = join(home, `note${number}.txt`);
    writeFileSync(note, `theirs number ${number}`);
    const child = startReference(home, 'put', file, '--input', note, '--uri', `${THEIRS}${number}`);
    await once(child, 'close');
    if (child.exitCode === 0) figures.reference.stored += 1;
    else figures.reference.refused += 1;
    // It waits for the lock less often than we do, and writes the whole file when it has it: both are to get on.
    await delay(500);
  }
}

function startChild(
  program: string,
  argument: string,
): { process: ChildProcess; printed(): string; complained(): string; ended: Promise<number | null> } {
  const child = spawn(process.execPath, [join(import.meta.dirname, program), argument], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  let [printed, complained] = ['', ''];
  child.stdout.setEncoding('utf8').on('data', (text: string) => (printed += text));
  child.stderr.setEncoding('utf8').on('data', (text: string) => (complained += text));
  return {
    process: child,
    printed: () => printed,
    complained: () => complained.slice(0, 1000),
    ended: once(child, 'close').then(() => child.exitCode),
  };
}
