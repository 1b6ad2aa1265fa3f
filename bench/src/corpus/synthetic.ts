import { random, type Random } from '../random.ts';
import type { Document } from './document.ts';
import { placed } from './document.ts';

const VOCABULARY = 200_000;
/** Exponent of the distribution: the word of rank r is drawn with a probability proportional to 1 / r^s. */
const EXPONENT = 1.07;
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
    const syllables = 2 + Math.floor(next() * 3);
    let word = '';
    for (let index = 0; index < syllables; index += 1) word += part(ONSETS) + part(VOWELS) + part(CODAS);
    if (word.length >= 3 && word.length <= 12) words.add(word);
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
}
let made: Language | undefined;

export function language(): Language {
  made ??= { words: makeVocabulary(), draw: makeDraw() };
  return made;
}

/** Document number `index`, about 1 KB; any one can be made without the others. */
export function syntheticDocument(index: number): Document {
  const { words, draw } = language();
  const next = random(Math.imul(index + 1, 0x9e3779b1));
  let title = words[draw(next)] ?? '';
  for (let count = 1; count < WORDS_OF_TITLE; count += 1) title += ` ${words[draw(next)]}`;
  let text = words[draw(next)] ?? '';
  for (let count = 1; count < WORDS_OF_TEXT; count += 1) text += ` ${words[draw(next)]}`;
  return { uri: `mv2://note/${index}`, title, text, ...placed(index) };
}

/** Documents one after the other: a million of them need no memory. */
export function* syntheticDocuments(from: number, to: number): Generator<Document, void, undefined> {
  for (let index = from; index < to; index += 1) yield syntheticDocument(index);
}
