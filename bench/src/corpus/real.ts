import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { placed, type Document } from './document.ts';

/** The folder of the data. */
export const DATA_FOLDER: string = join(import.meta.dirname, '../../../../shared/bench/data');

/** Why there is no real text to measure with, if so. */
export const missingData: string | undefined = existsSync(join(DATA_FOLDER, 'scifact.sentences.jsonl'))
  ? undefined
  : 'the data (../shared/bench/data) is not here';

/** Passages that the data gives; beyond, real text would repeat. */
export const MOST_REAL_DOCUMENTS = 110_000;

/** The objects of a JSON Lines file of the data. */
export function lines<T>(file: string): T[] {
  return readFileSync(join(DATA_FOLDER, file), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

/** The rows of a file of values between tabs. */
export function rows(file: string): string[][] {
  return readFileSync(join(DATA_FOLDER, file), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => line.split(/\s+/));
}

/** Longest window, in sentences. */
const LONGEST = 6;

/** What documents are made from; read once in a process, on first use. */
interface Source {
  readonly sentences: readonly { id: string; text: string }[];
  /** The abstract of each sentence. */
  readonly abstracts: readonly string[];
  readonly turns: readonly { id: string; session: number; text: string }[];
}
let read: Source | undefined;

function source(): Source {
  if (read === undefined) {
    const sentences = lines<Source['sentences'][number]>('scifact.sentences.jsonl');
    const turns = lines<Source['turns'][number]>('locomo-dev.docs.jsonl').toReversed();
    read = { sentences, turns, abstracts: sentences.map(({ id }) => id.replace(/#.*/, '')) };
  }
  return read;
}

/**
 * Passages number `from` to `to`, all different and of real text: every fifth a turn of a conversation while there are any, the others
 * windows of one to six consecutive sentences of one abstract. The same in every run.
 */
export function* realDocuments(from: number, to: number): Generator<Document, void, undefined> {
  const { sentences, abstracts, turns } = source();
  let turnsTaken = 0;
  let index = 0;
  for (let offset = 0; offset < LONGEST; offset += 1) {
    for (let start = 0; start < sentences.length; start += 1) {
      const turn = index % 5 === 4 ? turns[turnsTaken] : undefined;
      if (turn !== undefined) {
        turnsTaken += 1;
        if (index === to) return;
        const title = `Session ${turn.session}`;
        if (index >= from) {
          yield { uri: `mv2://turn/${turn.id}`, title, text: turn.text, ...placed(index) };
        }
        index += 1;
      }
      // Another length at each start, and in each round another one at the same start.
      const length = ((start + offset) % LONGEST) + 1;
      if (abstracts[start + length - 1] !== abstracts[start]) continue;
      if (index === to) return;
      if (index >= from) {
        const window = sentences.slice(start, start + length);
        yield {
          uri: `mv2://passage/${window[0]?.id}+${length}`,
          title: `Abstract ${abstracts[start]}`,
          text: window.map((sentence) => sentence.text).join(' '),
          ...placed(index),
        };
      }
      index += 1;
    }
  }
}

/** 200 questions that people asked: claims of SciFact and questions of LoCoMo in turn. */
export function realQuestions(count = 200): string[] {
  const claims = lines<{ text: string }>('scifact.queries.jsonl').map((claim) => claim.text);
  const asked = lines<{ question: string }>('locomo-dev.qa.jsonl').map((line) => line.question);
  return Array.from(
    { length: count },
    (_, index) => (index % 2 === 0 ? claims[index / 2] : asked[(index - 1) / 2]) ?? '',
  );
}
