import { MARK, rangesIn } from './citations.js';
import { type Grounding, groundingFrom, SUPPORT } from './grounding.js';
import { sentencesOf, termsOf } from './sentences.js';

/** What a model was given to cite. */
export interface Passage {
  readonly number: number;
  /** With what stands above it. */
  readonly text: string;
}

/** How far an answer rests on the passages that it cites. */
export interface Claims {
  readonly grounding: Grounding;
  /** Numbers of passages that are cited for something that they do not hold. */
  readonly unsupported: number[];
  /** What is not held, in words. */
  readonly doubts: string[];
}

/** Statements that are doubted in words; of more there is only their number. */
const MOST_DOUBTS = 3;
const SHOWN_CHARACTERS = 100;

/** From the first blank of a row on: looking from each of thousands takes their square. */
const MARKS = new RegExp(String.raw`(?<![^\S\n])((?:[^\S\n]*${MARK})+)`, 'g');
/** Marks behind the end of a sentence: they belong to it. */
const BEHIND_THE_END = new RegExp(String.raw`([.!?…。！？]["'”’)]*)((?:[^\S\n]*${MARK})+)`, 'g');
/** What is in code has brackets of its own. */
const CODE = /```[\s\S]*?(?:```|$)|`[^`\n]*`/g;
/** The number of an item in a list says nothing. */
const ITEM = /^[^\S\n]*\d{1,3}[.)][^\S\n]+/gm;

/**
 * Compares each sentence of an answer with the passages that it cites, and each part of a sentence with those behind it: the
 * passages must hold its words (as far as `groundingOf` wants it) and all of its numbers. A sentence that cites nothing may
 * rest on any passage. It is a comparison of words: it shows what cannot be right, not what is.
 */
export function claimsOf(answer: string, passages: readonly Passage[]): Claims {
  const known = new Map(passages.map((passage) => [passage.number, new Words(passage)]));
  const text = answer
    .replace(CODE, (code) => code.replaceAll(/\[[^\]\n]*\]?/g, ''))
    .replace(ITEM, '')
    .replace(BEHIND_THE_END, '$2$1');
  const doubted = new Set<number>();
  const doubts: string[] = [];
  let count = 0;
  let grounded = 0;
  let more = 0;
  for (const sentence of sentencesOf(text)) {
    const judged = judge(sentence, known);
    if (judged === undefined) continue;
    count += 1;
    if (judged.isGrounded) grounded += 1;
    for (const number of judged.unsupported) doubted.add(number);
    const told = judged.doubts.slice(0, MOST_DOUBTS - doubts.length);
    doubts.push(...told);
    more += judged.doubts.length - told.length;
  }
  const all = more === 0 ? doubts : [...doubts, `There are ${more} more such statements`];
  const score = count === 0 ? 0 : Math.round((grounded / count) * 100) / 100;
  return {
    grounding: groundingFrom(count, grounded, score, (usual) => doubts[0] ?? usual),
    unsupported: [...doubted].toSorted((left, right) => left - right),
    doubts: all,
  };
}

/** A part of a sentence, and what it cites. */
interface Clause {
  readonly text: string;
  readonly cited: readonly number[];
}

interface Judged {
  readonly isGrounded: boolean;
  readonly unsupported: ReadonlySet<number>;
  readonly doubts: readonly string[];
}

/** `undefined`: a sentence without a word that says something. */
function judge(sentence: string, known: ReadonlyMap<number, Words>): Judged | undefined {
  const clauses = clausesOf(sentence, known);
  const terms = new Set(clauses.flatMap(({ text }) => claimedOf(text)));
  if (terms.size === 0) return undefined;
  const shown = cut(wholeOf(clauses).trim());
  const cited = [...new Set(clauses.flatMap((clause) => clause.cited))];
  const all = [...known.values()];
  if (cited.length === 0) {
    const isHeld = all.some((words) => shareOf(terms, [words]) >= SUPPORT);
    const missing = missingNumbers(wholeOf(clauses), all);
    const doubts = missing.length === 0 ? [] : [`No passage holds ${missing.join(', ')} in “${shown}”`];
    return { isGrounded: isHeld && missing.length === 0, unsupported: new Set(), doubts };
  }
  const isHeld = shareOf(terms, wordsOf(cited, known)) >= SUPPORT;
  const unsupported = new Set<number>();
  const doubts: string[] = [];
  for (const clause of clauses) {
    // Words behind the last mark belong to the sentence.
    const numbers = clause.cited.length === 0 ? cited : clause.cited;
    const doubt = doubtOf(clause.text, numbers, known, isHeld);
    if (doubt === undefined) continue;
    for (const number of numbers) unsupported.add(number);
    doubts.push(`The answer cites ${marks(numbers)} for “${cut(clause.text.trim() || shown)}”, ${doubt}`);
  }
  return { isGrounded: isHeld && doubts.length === 0, unsupported, doubts };
}

/** Why the passages that a part of a sentence cites do not hold it. */
function doubtOf(
  text: string,
  cited: readonly number[],
  known: ReadonlyMap<number, Words>,
  isSentenceHeld: boolean,
): string | undefined {
  const own = wordsOf(cited, known);
  const others = [...known].filter(([number]) => !cited.includes(number));
  const missing = missingNumbers(text, own);
  if (missing.length > 0) {
    const holders = others.filter(([, words]) => missingNumbers(text, [words]).length === 0);
    return `which does not hold ${missing.join(', ')}${elsewhere(holders)}`;
  }
  const terms = new Set(claimedOf(text));
  const share = shareOf(terms, own);
  if (terms.size === 0 || share >= SUPPORT) return undefined;
  const holders = others.filter(([, words]) => shareOf(terms, [words]) >= SUPPORT);
  // Other words for the same are no error, as long as the sentence as a whole is held and no other passage says it; nor is
  // a single word (“Yes”).
  if (holders.length === 0 && (isSentenceHeld || terms.size < 2)) return undefined;
  return `which does not hold it${elsewhere(holders)}`;
}

function elsewhere(holders: readonly (readonly [number, Words])[]): string {
  return holders.length === 0 ? ': no passage does' : `: ${marks(holders.map(([number]) => number))} does`;
}

function marks(numbers: readonly number[]): string {
  return `[${numbers.join(', ')}]`;
}

/** The parts of a sentence, each with the marks behind it. One without much to say (“According to [1]”) goes with the next. */
function clausesOf(sentence: string, known: ReadonlyMap<number, Words>): Clause[] {
  const clauses: Clause[] = [];
  let held = '';
  let terms = 0;
  let hasNumber = false;
  let cited = new Set<number>();
  for (const [index, part] of sentence.split(MARKS).entries()) {
    if (index % 2 === 0) {
      held += part;
      terms += termsOf(part).length;
      hasNumber ||= missingNumbers(part, []).length > 0;
      continue;
    }
    for (const number of numbersOf(part, known)) cited.add(number);
    if (terms < 2 && !hasNumber) continue;
    clauses.push({ text: held, cited: [...cited] });
    held = '';
    terms = 0;
    hasNumber = false;
    cited = new Set();
  }
  if (held.trim() !== '' || cited.size > 0) clauses.push({ text: held, cited: [...cited] });
  return clauses;
}

/** Which passages marks name. */
function numbersOf(written: string, known: ReadonlyMap<number, Words>): Set<number> {
  const numbers = new Set<number>();
  for (const [low, high] of rangesIn(written)) {
    for (const number of known.keys()) if (number >= low && number <= high) numbers.add(number);
  }
  return numbers;
}

function wordsOf(numbers: readonly number[], known: ReadonlyMap<number, Words>): Words[] {
  return numbers.flatMap((number) => known.get(number) ?? []);
}

/** The words of a text that are to be held. Its numbers are looked at by themselves, unless there is nothing else. */
function claimedOf(text: string): string[] {
  const terms = termsOf(text);
  const words = terms.filter((term) => !/^\d+$/.test(term));
  return words.length === 0 ? terms : words;
}

/** Part of the words that some of the passages hold, 0 to 1. */
function shareOf(terms: ReadonlySet<string>, passages: readonly Words[]): number {
  let found = 0;
  for (const term of terms) if (passages.some((words) => words.terms.has(term))) found += 1;
  return terms.size === 0 ? 0 : found / terms.size;
}

/** Numbers in a text that none of the passages holds, as they are written. */
function missingNumbers(text: string, passages: readonly Words[]): string[] {
  const missing: string[] = [];
  for (const [value, written] of [...numbersIn(text), ...countsIn(text)]) {
    if (!passages.some((words) => words.numbers.has(value))) missing.push(written);
  }
  return missing;
}

/** Thousands may be apart by a point, a comma, an apostrophe or a blank, and the rest by a point or a comma. */
const NUMBER = /(?:\d{1,3}(?:[.,'’   ]\d{3})+(?!\d)|\d+)(?:[.,]\d+)?/g;
const NUMBER_WORDS = 'zero one two three four five six seven eight nine ten eleven twelve'.split(' ');
/** Other words of a passage that a count rests on. */
const SAID_OTHERWISE: Readonly<Record<string, string>> = { two: 'both|couple|pair|twice', twelve: 'dozen' };

/** The numbers in a text by a form in which 1,500.50, 1.500,5 and 1 500,5 are the same, and as they are written. */
function numbersIn(text: string): Map<string, string> {
  const numbers = new Map<string, string>();
  for (const [written] of text.normalize('NFKC').matchAll(NUMBER)) {
    const [, whole = written, rest = ''] = /^(.*?)(?:[.,](\d{1,2}|\d{4,}))?$/.exec(written) ?? [];
    const value = `${whole.replace(/\D/g, '').replace(/^0+(?=[1-9])/, '')}.${rest.replace(/0+$/, '')}`;
    // The minutes of 10:00 are in no text that says ten.
    if (value !== '00.') numbers.set(value, written);
  }
  return numbers;
}

/** “One” and “zero” are said of what is not counted, too. In “twenty-two”, “two thousand” and “two thirds” there is no two. */
const COUNT = new RegExp(
  String.raw`(?<![\p{L}\p{N}]|ty[\s-])(?:${NUMBER_WORDS.slice(2).join('|')})(?![\p{L}\p{N}]|[\s-]+(?:hundred|thousand|[mb]illion|dozen|and a half|half|halves|thirds?|quarters?|fifths?|tenths?)\b)`,
  'giu',
);
/** “Ten” is a word of other languages as well (Dutch, Polish, Czech), where it counts nothing. */
const ENGLISH = /\b(?:the|and|are|has|have|there|they|with|from|for)\b/i;

/** The numbers that are written as words in a text, by the form that `numbersIn` gives them. */
function countsIn(text: string): Map<string, string> {
  const counts = new Map<string, string>();
  for (const [written] of text.matchAll(COUNT)) {
    const value = NUMBER_WORDS.indexOf(written.toLowerCase());
    if (value !== 10 || ENGLISH.test(text)) counts.set(`${value}.`, written);
  }
  return counts;
}

/** The words and numbers of a passage, read when they are first asked for: an answer from one passage needs no other. */
class Words {
  readonly #text: string;
  #terms: ReadonlySet<string> | undefined;
  #numbers: ReadonlySet<string> | undefined;

  constructor({ text }: Passage) {
    this.#text = text;
  }

  get terms(): ReadonlySet<string> {
    return (this.#terms ??= new Set(termsOf(this.#text)));
  }

  get numbers(): ReadonlySet<string> {
    return (this.#numbers ??= new Set([
      ...numbersIn(this.#text).keys(),
      ...NUMBER_WORDS.flatMap((word, value) => {
        const words = [word, SAID_OTHERWISE[word] ?? word].join('|');
        return new RegExp(String.raw`\b(?:${words})\b`, 'i').test(this.#text) ? [`${value}.`] : [];
      }),
    ]));
  }
}

function wholeOf(clauses: readonly Clause[]): string {
  return clauses.map(({ text }) => text).join('');
}

function cut(text: string): string {
  if (text.length <= SHOWN_CHARACTERS) return text;
  return `${text.slice(0, SHOWN_CHARACTERS).replace(/[\uD800-\uDBFF]$/, '')}…`;
}
