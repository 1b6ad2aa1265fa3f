import { sentencesOf, termsOf } from './sentences.js';

/** A piece of stored text an answer may quote. */
export interface Fragment {
  readonly rank: number;
  readonly text: string;
}

const MOST_SENTENCES = 3;
/** A lower fragment replaces the first only when it says clearly more about the question. */
const CLEARLY_MORE = 1.3;
/** A short fragment is an answer as it stands. */
const WHOLE_FRAGMENT_CHARACTERS = 160;
const MOST_ANSWER_CHARACTERS = 600;

/**
 * The sentences of the best fragment that say most about the question, word for word and in their order,
 * with the number of the fragment as citation; `null` when there is no text to quote.
 */
export function extractAnswer(question: string, fragments: readonly Fragment[]): string | null {
  const wanted = new Set(termsOf(question));
  const weights = termWeights(wanted, fragments);
  let best: { fragment: Fragment; sentences: string[]; score: number } | undefined;
  for (const fragment of fragments) {
    const sentences = chooseSentences(sentencesOf(fragment.text), weights);
    if (sentences.length === 0) continue;
    const score = scoreOf(sentences.join(' '), weights);
    if (best === undefined || score > best.score * CLEARLY_MORE) best = { fragment, sentences, score };
  }
  if (best === undefined) return null;
  const { fragment, sentences } = best;
  const whole = fragment.text.trim();
  const quote = whole.length <= WHOLE_FRAGMENT_CHARACTERS ? whole : sentences.join(' ');
  return `${limited(quote)} [${fragment.rank}]`;
}

/** Rare words of the question weigh more: each by the number of fragments that hold it. */
function termWeights(wanted: ReadonlySet<string>, fragments: readonly Fragment[]): Map<string, number> {
  const sets = fragments.map((fragment) => new Set(termsOf(fragment.text)));
  const weights = new Map<string, number>();
  for (const term of wanted) {
    const holders = sets.filter((terms) => terms.has(term)).length;
    weights.set(term, Math.log(1 + (fragments.length + 1) / (holders + 0.5)));
  }
  return weights;
}

function scoreOf(text: string, weights: ReadonlyMap<string, number>): number {
  let score = 0;
  for (const term of new Set(termsOf(text))) score += weights.get(term) ?? 0;
  return score;
}

/** The best sentence, and those beside it that add words of the question; without any match the first one. */
function chooseSentences(sentences: readonly string[], weights: ReadonlyMap<string, number>): string[] {
  const scores = sentences.map((sentence) => scoreOf(sentence, weights));
  const top = Math.max(...scores, 0);
  if (top === 0) return sentences.slice(0, 1);
  const center = scores.indexOf(top);
  const chosen = new Set([center]);
  const covered = new Set(termsOf(sentences[center] ?? ''));
  for (const index of scores
    .map((_, at) => at)
    .toSorted((left, right) => (scores[right] ?? 0) - (scores[left] ?? 0))) {
    if (chosen.size >= MOST_SENTENCES || (scores[index] ?? 0) < top * 0.4) break;
    const added = termsOf(sentences[index] ?? '').filter((term) => weights.has(term) && !covered.has(term));
    if (added.length === 0) continue;
    chosen.add(index);
    added.forEach((term) => covered.add(term));
  }
  return [...chosen].toSorted((left, right) => left - right).map((index) => sentences[index] ?? '');
}

function limited(text: string): string {
  if (text.length <= MOST_ANSWER_CHARACTERS) return text;
  const head = text.slice(0, MOST_ANSWER_CHARACTERS);
  return `${head.slice(0, Math.max(head.lastIndexOf(' '), MOST_ANSWER_CHARACTERS - 80))}…`;
}
