import { sentencesOf, termsOf } from './sentences.js';

/** A piece of stored text an answer may quote. */
export interface Fragment {
  readonly rank: number;
  readonly text: string;
}

/** A quote with its citation mark, and the fragment it is from. */
export interface Answer<T extends Fragment> {
  readonly text: string;
  readonly fragment: T;
}

const MOST_SENTENCES = 3;
/** A lower fragment replaces the first only when it says clearly more about the question. */
const CLEARLY_MORE = 1.3;
/** The part of the best sentence's score that another must reach to be quoted with it. */
const ADDS_ENOUGH = 0.4;
/** A short fragment is an answer as it stands. */
const WHOLE_FRAGMENT_CHARACTERS = 160;
const MOST_ANSWER_CHARACTERS = 600;

interface Sentence {
  readonly text: string;
  readonly terms: ReadonlySet<string>;
}

/**
 * The sentences of the best fragment that say most about the question, word for word and in their order,
 * with the number of the fragment as citation; `null` when there is no text to quote.
 */
export function extractAnswer<T extends Fragment>(
  question: string,
  fragments: readonly T[],
): Answer<T> | null {
  const read = fragments.map((fragment) => ({ fragment, sentences: readSentences(fragment.text) }));
  const weights = termWeights(
    new Set(termsOf(question)),
    read.map(({ sentences }) => sentences),
  );
  let best: { fragment: T; chosen: Sentence[]; score: number } | undefined;
  for (const { fragment, sentences } of read) {
    const chosen = chooseSentences(sentences, weights);
    if (chosen.length === 0) continue;
    const score = scoreOf(new Set(chosen.flatMap(({ terms }) => [...terms])), weights);
    if (best === undefined || score > best.score * CLEARLY_MORE) best = { fragment, chosen, score };
  }
  if (best === undefined) return null;
  const { fragment, chosen } = best;
  const whole = fragment.text.trim();
  const quote = whole.length <= WHOLE_FRAGMENT_CHARACTERS ? whole : chosen.map(({ text }) => text).join(' ');
  return { text: `${limited(quote)} [${fragment.rank}]`, fragment };
}

function readSentences(text: string): Sentence[] {
  return sentencesOf(text).map((sentence) => ({ text: sentence, terms: new Set(termsOf(sentence)) }));
}

/** Rare words of the question weigh more: each by the number of fragments that hold it. */
function termWeights(
  wanted: ReadonlySet<string>,
  fragments: readonly (readonly Sentence[])[],
): ReadonlyMap<string, number> {
  const weights = new Map<string, number>();
  for (const term of wanted) {
    const holders = fragments.filter((sentences) => sentences.some(({ terms }) => terms.has(term))).length;
    weights.set(term, Math.log(1 + (fragments.length + 1) / (holders + 0.5)));
  }
  return weights;
}

function scoreOf(terms: ReadonlySet<string>, weights: ReadonlyMap<string, number>): number {
  let score = 0;
  for (const [term, weight] of weights) if (terms.has(term)) score += weight;
  return score;
}

/** The best sentence, and those that add words of the question; without any match the first one. */
function chooseSentences(sentences: readonly Sentence[], weights: ReadonlyMap<string, number>): Sentence[] {
  const scores = sentences.map(({ terms }) => scoreOf(terms, weights));
  const byScore = scores
    .map((_, index) => index)
    .toSorted((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0));
  const top = scores[byScore[0] ?? 0] ?? 0;
  if (top === 0) return sentences.slice(0, 1);
  const chosen: number[] = [];
  const covered = new Set<string>();
  for (const index of byScore) {
    if (chosen.length >= MOST_SENTENCES || (scores[index] ?? 0) < top * ADDS_ENOUGH) break;
    const terms = sentences[index]?.terms;
    const added = [...weights.keys()].filter((term) => terms?.has(term) === true && !covered.has(term));
    if (added.length === 0) continue;
    chosen.push(index);
    for (const term of added) covered.add(term);
  }
  return sentences.filter((_, index) => chosen.includes(index));
}

function limited(text: string): string {
  if (text.length <= MOST_ANSWER_CHARACTERS) return text;
  const head = text.slice(0, MOST_ANSWER_CHARACTERS);
  return `${head.slice(0, Math.max(head.lastIndexOf(' '), MOST_ANSWER_CHARACTERS - 80))}…`;
}
