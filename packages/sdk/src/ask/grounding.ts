import { sentencesOf, termsOf } from './sentences.js';

/** How far an answer rests on what was retrieved. */
export interface Grounding {
  /** Share of the answer's sentences that the context supports, 0 to 1. */
  score: number;
  label: 'LOW' | 'MEDIUM' | 'HIGH';
  sentence_count: number;
  grounded_sentences: number;
  has_warning: boolean;
  warning_reason?: string;
}

/** Part of a sentence's words that one passage must hold to support it. */
export const SUPPORT = 0.6;
const CITATION = /\s*\[\d+\]/g;

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

/** What ties a quoted fragment to the question. */
export interface Tie {
  /** Whether a word of the question that carries meaning stands in the fragment, or above it. */
  readonly sharesWord: boolean;
  /** How near the vectors are (cosine), where the search was by meaning. */
  readonly similarity?: number | undefined;
}

/** The most that an answer without a word of the question is grounded: it may be right, and nothing shows that it is. */
const WITHOUT_A_WORD = 0.5;

/**
 * Compares an answer, sentence by sentence, with the passages it had to rest on. A quote always rests on its own passage:
 * how far that is about the question its tie says.
 */
export function groundingOf(
  answer: string,
  passages: readonly string[],
  { sharesWord, similarity }: Tie = { sharesWord: true },
): Grounding {
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
  const score = sharesWord ? supported : Math.min(supported, WITHOUT_A_WORD);
  const doubt = sharesWord ? undefined : withoutAWord(similarity);
  return groundingFrom(sentences.length, grounded, score, (usual) => usual ?? doubt);
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
    label: score >= 0.7 ? 'HIGH' : score >= 0.4 ? 'MEDIUM' : 'LOW',
    sentence_count: count,
    grounded_sentences: grounded,
    has_warning: warning !== undefined,
    ...(warning === undefined ? {} : { warning_reason: warning }),
  };
}

function warningOf(count: number, grounded: number, score: number): string | undefined {
  if (count === 0) return 'The answer holds no sentence that could be compared with the context';
  if (score >= 0.4) return undefined;
  return `Only ${grounded} of ${count} sentences of the answer are supported by the context`;
}

function withoutAWord(similarity: number | undefined): string {
  const what = 'No word of the question stands in the quoted text';
  if (similarity === undefined) return what;
  return `${what}: it was found by meaning alone, with a similarity of ${similarity.toFixed(2)} (1 is the same direction, 0 has nothing in common)`;
}
