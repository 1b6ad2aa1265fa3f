import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';

const folder = join(import.meta.dirname, '../../../shared/bench/data');

/** Why there is nothing to measure with, if so. */
export const missingData: string | undefined = existsSync(join(folder, 'scifact.sentences.jsonl'))
  ? undefined
  : 'the data (../shared/bench/data) is not here';

export interface Document {
  uri: string;
  title: string;
  text: string;
}

function lines<T>(file: string): T[] {
  return readFileSync(join(folder, file), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

/** Longest window, in sentences. */
const LONGEST = 6;

/**
 * `count` different passages of real text: every fifth a turn of a conversation while there are any, the others windows
 * of one to six consecutive sentences of one abstract. The same in every run.
 */
export function corpus(count: number): Document[] {
  const sentences = lines<{ id: string; text: string }>('scifact.sentences.jsonl');
  const turns = lines<{ id: string; session: number; text: string }>('locomo-dev.docs.jsonl');
  const documents: Document[] = [];
  const abstractOf = (index: number): string | undefined => sentences[index]?.id.replace(/#.*/, '');
  for (let offset = 0; documents.length < count && offset < LONGEST; offset += 1) {
    for (let start = 0; start < sentences.length && documents.length < count; start += 1) {
      const turn = documents.length % 5 === 4 ? turns.pop() : undefined;
      if (turn !== undefined) {
        documents.push({ uri: `mv2://turn/${turn.id}`, title: `Session ${turn.session}`, text: turn.text });
        if (documents.length === count) break;
      }
      // Another length at each start, and in each round another one at the same start.
      const length = ((start + offset) % LONGEST) + 1;
      const abstract = abstractOf(start);
      if (abstractOf(start + length - 1) !== abstract) continue;
      const window = sentences.slice(start, start + length);
      documents.push({
        uri: `mv2://passage/${window[0]?.id}+${length}`,
        title: `Abstract ${abstract}`,
        text: window.map((sentence) => sentence.text).join(' '),
      });
    }
  }
  if (documents.length < count) throw new Error(`the data gives ${documents.length} documents, not ${count}`);
  return documents;
}

/** 200 questions that people asked: claims of SciFact and questions of LoCoMo in turn. */
export function questions(count = 200): string[] {
  const claims = lines<{ text: string }>('scifact.queries.jsonl').map((claim) => claim.text);
  const asked = lines<{ question: string }>('locomo-dev.qa.jsonl').map((line) => line.question);
  return Array.from(
    { length: count },
    (_, index) => (index % 2 === 0 ? claims[index / 2] : asked[(index - 1) / 2]) ?? '',
  );
}
