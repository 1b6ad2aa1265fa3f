import { termsOf } from './sentences.js';

/** How much of a question stands in a text. */
export interface Coverage {
  /** Part of the question's words that carry meaning, 0 to 1; 0 also when it has none. */
  readonly share: number;
  /** The words that do not stand there, as they were written. */
  readonly missing: readonly string[];
}

interface Word {
  readonly written: string;
  readonly terms: readonly string[];
}

/** What is written without spaces is one word here; `*` stands for any ending, as in a search. */
const WORD = /[\p{L}\p{M}\p{N}]+\*?/gu;
/** A word that is the beginning of another is a form of it from this length on: “develop”, “development”. */
const FORM_LETTERS = 5;

/** How much of a question stands in a text, in any form of its words. */
export function coverageOf(question: string, text: string): Coverage {
  const held = new Set(termsOf(text));
  const words = new Map<string, Word>();
  for (const [written] of question.normalize('NFKC').matchAll(WORD)) {
    const terms = termsOf(written);
    if (terms.length > 0) words.set(terms.join(' '), { written, terms });
  }
  const missing = [...words.values()].filter((word) => !isHeld(word, held)).map(({ written }) => written);
  return { share: words.size === 0 ? 0 : (words.size - missing.length) / words.size, missing };
}

/** A word without spaces is known by pairs of its characters, most of which belong to what is only said of it. */
function isHeld({ written, terms }: Word, held: ReadonlySet<string>): boolean {
  const isForm = written.endsWith('*')
    ? (term: string, other: string): boolean => other.startsWith(term)
    : isOneOfTheOther;
  return terms.some((term) => held.has(term) || [...held].some((other) => isForm(term, other)));
}

function isOneOfTheOther(term: string, other: string): boolean {
  const [short, long] = term.length <= other.length ? [term, other] : [other, term];
  return short.length >= FORM_LETTERS && long.startsWith(short);
}
