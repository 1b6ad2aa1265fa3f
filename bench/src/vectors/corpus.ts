import { placed, trackOf, type Document } from '../corpus/document.ts';
import { lines } from '../corpus/real.ts';
import { random } from '../random.ts';
import { tellingOf, wordsOf } from '../queries.ts';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { DIMENSION, normalise, sentenceVectors, vectorsOf } from './data.ts';

export const VECTOR_CORPORA = ['vectors', 'mixtures'] as const;
/** `vectors`: of real texts. `mixtures`: made from those, as many as wanted. */
export type VectorCorpusName = (typeof VECTOR_CORPORA)[number];

export interface VectorDocument extends Document {
  readonly vector: Float32Array;
}

/** A question with its vector, and what the exact answers are. */
export interface VectorQuery {
  readonly text: string;
  /** Lower-case words, those that tell what it is about. */
  readonly words: readonly string[];
  readonly vector: Float32Array;
}

interface Passage {
  readonly text: string;
  readonly title: string;
}

/** What a number of documents is made of: real vectors while there are enough. */
export function vectorCorpusOf(documents: number): VectorCorpusName {
  return documents <= MOST_REAL_VECTORS ? 'vectors' : 'mixtures';
}

/** Real vectors of the data: 27,537 sentences, 5,183 abstracts and 2,760 turns of conversations. */
export const MOST_REAL_VECTORS = 35_480;
/** Every so many documents a turn of a conversation, while there are any. */
const TURN_EVERY = 5;

/** Sentences and then abstracts, every fifth document a turn of a conversation while there are any. */
function interleaved<T>(written: readonly T[], spoken: readonly T[]): T[] {
  const [rest, turns] = [written.values(), spoken.values()];
  const all: T[] = [];
  while (all.length < written.length + spoken.length) {
    const turn = all.length % TURN_EVERY === TURN_EVERY - 1 ? turns.next().value : undefined;
    const next = turn ?? rest.next().value ?? turns.next().value;
    if (next !== undefined) all.push(next);
  }
  return all;
}

function sentences(): Passage[] {
  return lines<{ id: string; text: string }>('scifact.sentences.jsonl').map(({ id, text }) => ({
    title: `Abstract ${id.replace(/#.*/, '')}`,
    text,
  }));
}

function realPassages(): Passage[] {
  const turns = lines<{ session: number; text: string }>('locomo-dev.docs.jsonl');
  return interleaved(
    [...sentences(), ...lines<Passage>('scifact.docs.jsonl').map(({ title, text }) => ({ title, text }))],
    turns.map(({ session, text }) => ({ title: `Session ${session}`, text })),
  );
}

/** The vectors of `realPassages`: row i of a file of vectors belongs to line i of its texts. */
function realVectors(): Float32Array[] {
  return interleaved(
    [...sentenceVectors(), ...vectorsOf('scifact.docs').values()],
    [...vectorsOf('locomo-dev.docs').values()],
  );
}

/** Sentences that follow a sentence among which its partner is. */
const NEIGHBOURS = 8;
/** Length of the noise beside that of a vector. */
const NOISE = 0.25;

/** The two sentences of a mixture, and how much of the second is in it. */
function mixtureOf(index: number, count: number): { first: number; second: number; share: number } {
  const next = random(Math.imul(index + 1, 0x9e3779b1));
  const first = Math.floor(next() * count);
  return {
    first,
    second: (first + 1 + Math.floor(next() * NEIGHBOURS)) % count,
    share: Math.floor(next() * 100) / 100,
  };
}

/** Writes the vectors of a corpus, row by row, 384 numbers each. */
export function writeVectors(path: string, name: VectorCorpusName, documents: number): void {
  const file = openSync(path, 'w');
  try {
    if (name === 'vectors') {
      for (const vector of realVectors().slice(0, documents)) writeSync(file, vector);
      return;
    }
    const vectors = sentenceVectors();
    const scale = NOISE / Math.sqrt(DIMENSION);
    const rows = new Float32Array(ROWS * DIMENSION);
    for (let start = 0; start < documents; start += ROWS) {
      const count = Math.min(ROWS, documents - start);
      for (let row = 0; row < count; row += 1) {
        const { first, second, share } = mixtureOf(start + row, vectors.length);
        const [left = rows, right = rows] = [vectors[first], vectors[second]];
        const vector = rows.subarray(row * DIMENSION, (row + 1) * DIMENSION);
        const next = random(Math.imul(start + row + 1, 0x85ebca6b));
        // Four even numbers added are near enough to a normally distributed one.
        for (let at = 0; at < DIMENSION; at += 1) {
          const noise = (next() + next() + next() + next() - 2) * Math.sqrt(3);
          vector[at] = (left[at] ?? 0) + share * (right[at] ?? 0) + scale * noise;
        }
        normalise(vector);
      }
      writeSync(file, rows.subarray(0, count * DIMENSION));
    }
  } finally {
    closeSync(file);
  }
}

/** Rows that are read or written at once. */
const ROWS = 1000;

/** The rows of a file of vectors, in order; a million of them need no memory. */
export function* readVectors(path: string, documents: number): Generator<Float32Array, void, undefined> {
  const file = openSync(path, 'r');
  try {
    for (let start = 0; start < documents; start += ROWS) {
      const rows = new Float32Array(Math.min(ROWS, documents - start) * DIMENSION);
      const read = readSync(file, rows, 0, rows.byteLength, start * DIMENSION * rows.BYTES_PER_ELEMENT);
      if (read !== rows.byteLength) throw new Error(`${path} ends within row ${start} to ${start + ROWS}`);
      for (let at = 0; at < rows.length; at += DIMENSION) yield rows.subarray(at, at + DIMENSION);
    }
  } finally {
    closeSync(file);
  }
}

export function uriOf(index: number): string {
  return `mv2://passage/${index}`;
}

export function indexOf(uri: string): number {
  return Number(uri.slice(uri.lastIndexOf('/') + 1).replace(/#.*/, ''));
}

/** The texts of a corpus, without their vectors; what they are made from is read on the first call. */
export function passagesOf(name: VectorCorpusName): (index: number) => Passage {
  const passages = name === 'vectors' ? realPassages() : sentences();
  const none: Passage = { title: '', text: '' };
  if (name === 'vectors') return (index) => passages[index] ?? none;
  return (index) => {
    const { first, second } = mixtureOf(index, passages.length);
    const [left = none, right = none] = [passages[first], passages[second]];
    return { title: left.title, text: `${left.text} ${right.text}` };
  };
}

/** Documents with the vectors of a file, made one after the other. */
export function* vectorDocuments(
  passage: (index: number) => Passage,
  file: string,
  documents: number,
): Generator<VectorDocument, void, undefined> {
  let index = 0;
  for (const vector of readVectors(file, documents)) {
    yield { uri: uriOf(index), ...passage(index), ...placed(index), vector };
    index += 1;
  }
}

/** Questions that people asked, claims of SciFact and questions of LoCoMo in turn, none of them among the documents. */
export function vectorQuestions(count: number): VectorQuery[] {
  const claims = lines<{ id: string; text: string }>('scifact.queries.jsonl');
  const asked = lines<{ id: string; question: string }>('locomo-dev.qa.jsonl');
  const claimVectors = vectorsOf('scifact.queries');
  const askedVectors = vectorsOf('locomo-dev.qa');
  return Array.from({ length: count }, (_, index) => {
    const row = Math.floor(index / 2);
    const [id, text] =
      index % 2 === 0 ? [claims[row]?.id, claims[row]?.text] : [asked[row]?.id, asked[row]?.question];
    const vector = (index % 2 === 0 ? claimVectors : askedVectors).get(String(id));
    if (vector === undefined || text === undefined) throw new Error(`there are no ${count} questions`);
    return { text, words: tellingOf(wordsOf(text)), vector };
  });
}

/** The track that a query with a filter asks for: a tenth of the documents. */
export const FILTER_TRACK: string = trackOf(0);
