import { random, type Random } from '../random.ts';
import type { Document } from './document.ts';
import { placed } from './document.ts';

const VOCABULARY = 200_000;
/** Exponent of the distribution: the word of rank r is drawn with a probability proportional to 1 / r^s. */
const EXPONENT = 1.07;
const LONGEST_WORD = 12;
const WORDS_OF_TEXT = 120;
const WORDS_OF_TITLE = 2;

const ONSETS = [
  'b',
  'br',
  'c',
  'd',
  'dr',
  'f',
  'g',
  'gr',
  'h',
  'l',
  'm',
  'n',
  'p',
  'pl',
  'r',
  's',
  'st',
  't',
  'tr',
  'v',
];
const VOWELS = ['a', 'e', 'i', 'o', 'u', 'ea', 'ou'];
const CODAS = ['', '', '', 'l', 'm', 'n', 'r', 'x'];

/** 200 000 different words that can be spoken, of 3 to 12 letters, the most frequent one first. */
function makeVocabulary(): string[] {
  const next = random(1);
  const part = (list: readonly string[]): string => list[Math.floor(next() * list.length)] ?? '';
  const words = new Set<string>();
  while (words.size < VOCABULARY) {
    const syllables = next() < 0.6 ? 2 : 3;
    let word = '';
    for (let index = 0; index < syllables; index += 1) word += part(ONSETS) + part(VOWELS) + part(CODAS);
    if (word.length >= 3 && word.length <= LONGEST_WORD) words.add(word);
  }
  return [...words];
}

/** Draws ranks (from 0) in constant time, by the alias method. */
function makeDraw(): (next: Random) => number {
  const weights = Float64Array.from({ length: VOCABULARY }, (_, rank) => 1 / (rank + 1) ** EXPONENT);
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const share = weights.map((weight) => (weight * VOCABULARY) / total);
  const alias = new Uint32Array(VOCABULARY);
  const small: number[] = [];
  const large: number[] = [];
  for (const [rank, value] of share.entries()) (value < 1 ? small : large).push(rank);
  for (let low = small.pop(); low !== undefined; low = small.pop()) {
    const high = large.pop();
    if (high === undefined) break;
    alias[low] = high;
    share[high] = (share[high] ?? 0) + (share[low] ?? 0) - 1;
    ((share[high] ?? 0) < 1 ? small : large).push(high);
  }
  return (next) => {
    const rank = Math.floor(next() * VOCABULARY);
    return next() < (share[rank] ?? 1) ? rank : (alias[rank] ?? rank);
  };
}

/** The words and how they are drawn; made once in a process, on first use. */
interface Language {
  readonly words: readonly string[];
  readonly draw: (next: Random) => number;
  /** A text of `count` words. */
  readonly write: (count: number, next: Random) => string;
}
let made: Language | undefined;

export function language(): Language {
  if (made === undefined) {
    const words = makeVocabulary();
    const draw = makeDraw();
    made = { words, draw, write: makeWriter(words, draw) };
  }
  return made;
}

/** Copies words as bytes: making documents must cost little beside storing them. */
function makeWriter(words: readonly string[], draw: Language['draw']): Language['write'] {
  const letters = Buffer.from(words.join(' ') + ' ', 'latin1');
  const starts = new Uint32Array(words.length + 1);
  for (const [rank, word] of words.entries()) starts[rank + 1] = (starts[rank] ?? 0) + word.length + 1;
  const page = Buffer.alloc(WORDS_OF_TEXT * (LONGEST_WORD + 1));
  return (count, next) => {
    let end = 0;
    for (let word = 0; word < count; word += 1) {
      const rank = draw(next);
      const stop = starts[rank + 1] ?? 0;
      for (let place = starts[rank] ?? 0; place < stop; place += 1) {
        page[end] = letters[place] ?? 0;
        end += 1;
      }
    }
    return page.toString('latin1', 0, end - 1);
  };
}

/** Document number `index`, about 1 KB; any one can be made without the others. */
export function syntheticDocument(index: number): Document {
  const { write } = language();
  const next = random(Math.imul(index + 1, 0x9e3779b1));
  return {
    uri: `mv2://note/${index}`,
    title: write(WORDS_OF_TITLE, next),
    text: write(WORDS_OF_TEXT, next),
    ...placed(index),
  };
}

/** Documents one after the other: a million of them need no memory. */
export function* syntheticDocuments(from: number, to: number): Generator<Document, void, undefined> {
  for (let index = from; index < to; index += 1) yield syntheticDocument(index);
}
