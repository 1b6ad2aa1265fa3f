import type { Coverage } from './coverage.js';
import { sentencesOf, termsOf } from './sentences.js';

/** How far an answer rests on what was retrieved. */
export interface Grounding {
  /** Share of the answer's sentences that the context supports, 0 to 1; of a quote at most the share of the question's words in it. */
  score: number;
  label: 'LOW' | 'MEDIUM' | 'HIGH';
  sentence_count: number;
  grounded_sentences: number;
  has_warning: boolean;
  warning_reason?: string;
}

/** Part of a sentence's words that one passage must hold to support it. */
export const SUPPORT = 0.6;
/** From the first blank of a row on: looking from each of thousands takes their square. */
const CITATION = /(?<!\s)\s*\[\d+\]/g;

/** An answer was wanted, and nothing that is stored could give one. */
export function groundingWithoutMatch(): Grounding {
  return {
    score: 0,
    label: 'LOW',
    sentence_count: 0,
    grounded_sentences: 0,
    has_warning: true,
    warning_reason: 'No stored text matches the question',
  };
}

/** No answer was asked for, so nothing can be unfounded. */
export function groundingWithoutAnswer(): Grounding {
  return { score: 1, label: 'HIGH', sentence_count: 0, grounded_sentences: 0, has_warning: false };
}

/** What ties a quote to the question. */
export interface Tie extends Coverage {
  /** How near the vectors are (cosine), where the search was by meaning. */
  readonly similarity?: number | undefined;
}

/** The most that an answer without a word of the question is grounded: it may be right, and nothing shows that it is. */
const WITHOUT_A_WORD = 0.5;
const HIGH = 0.7;
const MEDIUM = 0.4;
const MOST_NAMED = 4;

/**
 * Compares an answer, sentence by sentence, with the passages it had to rest on. A quote always rests on its own passage:
 * how far it is about the question its tie says.
 */
export function groundingOf(answer: string, passages: readonly string[], tie?: Tie): Grounding {
  // Passages are read one by one, best first: an answer from the first one needs no other.
  const read: Set<string>[] = [];
  const supports = (terms: ReadonlySet<string>): boolean =>
    passages.some((passage, index) => {
      const words = (read[index] ??= new Set(termsOf(passage)));
      return [...terms].filter((term) => words.has(term)).length >= SUPPORT * terms.size;
    });
  const sentences = sentencesOf(answer.replace(CITATION, '')).filter(
    (sentence) => termsOf(sentence).length > 0,
  );
  const grounded = sentences.filter((sentence) => supports(new Set(termsOf(sentence)))).length;
  const supported = sentences.length === 0 ? 0 : Math.round((grounded / sentences.length) * 100) / 100;
  const most = tie === undefined ? 1 : mostOf(tie);
  const score = Math.min(supported, most);
  const doubt = tie === undefined || most >= HIGH ? undefined : doubtOf(tie);
  return groundingFrom(sentences.length, grounded, score, (usual) => doubt ?? usual);
}

/** A grounding of what was counted. `doubt` chooses the warning, and is told the usual one. */
export function groundingFrom(
  count: number,
  grounded: number,
  score: number,
  doubt: (usual: string | undefined) => string | undefined,
): Grounding {
  const warning = doubt(warningOf(count, grounded, score));
  return {
    score,
    label: score >= HIGH ? 'HIGH' : score >= MEDIUM ? 'MEDIUM' : 'LOW',
    sentence_count: count,
    grounded_sentences: grounded,
    has_warning: warning !== undefined,
    ...(warning === undefined ? {} : { warning_reason: warning }),
  };
}

function warningOf(count: number, grounded: number, score: number): string | undefined {
  if (count === 0) return 'The answer holds no sentence that could be compared with the context';
  if (score >= MEDIUM) return undefined;
  return `Only ${grounded} of ${count} sentences of the answer are supported by the context`;
}

/** What was found by meaning may say it in other words. */
function mostOf({ share, similarity }: Tie): number {
  const least = share === 0 || similarity !== undefined ? WITHOUT_A_WORD : 0;
  return Math.max(Math.round(share * 100) / 100, least);
}

function doubtOf({ share, missing, similarity }: Tie): string {
  if (share > 0) return `The quoted text does not hold ${listed(missing)} of the question`;
  const what = 'No word of the question stands in the quoted text';
  if (similarity === undefined) return what;
  return `${what}: it was found by meaning alone, with a similarity of ${similarity.toFixed(2)} (1 is the same direction, 0 has nothing in common)`;
}

function listed(words: readonly string[]): string {
  const named = words.slice(0, MOST_NAMED).map((word) => `“${word}”`);
  if (words.length > MOST_NAMED) named.push(`${words.length - MOST_NAMED} more words`);
  const last = named.pop() ?? '';
  return named.length === 0 ? last : `${named.join(', ')} and ${last}`;
}
