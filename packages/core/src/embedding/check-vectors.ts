import { EmbeddingFailedError, VecDimensionMismatchError } from '../errors.js';
import type { EmbedResult } from '../providers/embedder.js';
import { describeValue } from '../validate.js';
import type { Requester } from './request-failed.js';

/** What is asked of the vectors of one call. */
export interface VectorRule extends Requester {
  /** How many. */
  readonly count: number;
  /** Numbers in each; `undefined`: the first tells. */
  readonly dimension: number | undefined;
  /** Whether it is the embedder itself that says so. */
  readonly isDeclared: boolean;
  /** Makes them length 1. */
  readonly normalize: boolean;
  /** What the vector at a place belongs to, for the message: `docs[3]`. */
  readonly nameOf: (place: number) => string;
  /** Number of the input at a place. */
  readonly indexOf: (place: number) => number;
}

/** How far from 1 a length may be to count as 1: what 32-bit numbers cannot hold. */
const ROUNDING = 1e-6;

/**
 * Checks what an embedder gave and copies it, so that a buffer the embedder uses again changes nothing: one vector a
 * text, of one size, of finite numbers, not all zero.
 */
export function checkedVectors(given: unknown, rule: VectorRule): Float32Array[] {
  const vectors: unknown = (given as { vectors?: unknown } | null | undefined)?.vectors;
  if (!Array.isArray(vectors)) {
    throw unusable(
      rule,
      'malformed',
      `gave no list of vectors but ${describeValue(vectors ?? given)}`,
      undefined,
      true,
    );
  }
  if (vectors.length !== rule.count) {
    throw unusable(rule, 'wrong_count', `gave ${vectors.length} vectors for ${rule.count} texts`);
  }
  let expected = rule.dimension;
  // `Array.from` and not `map`: a hole is a vector that is missing.
  return Array.from(vectors, (vector: unknown, place) => {
    const numbers = numbersOf(vector, rule, place);
    expected ??= numbers.length;
    if (numbers.length !== expected) {
      throw new VecDimensionMismatchError(
        `Vector dimension mismatch: expected ${expected} numbers, but ${rule.provider} ${rule.model} gave ${numbers.length} for ${rule.nameOf(place)}`,
        {
          details: {
            expected,
            actual: numbers.length,
            index: rule.indexOf(place),
            provider: rule.provider,
            model: rule.model,
          },
          ...(rule.isDeclared ? { suggestion: OTHER_THAN_DECLARED } : {}),
        },
      );
    }
    return copied(numbers, rule, place);
  });
}

/** What an embedder counted. */
export interface Usage {
  readonly tokens: number | undefined;
  readonly truncated: number | undefined;
}

/** Copies what an embedder says that it counted. Tokens are what a service says, and of no use when it says no number. */
export function checkedUsage({ usage }: EmbedResult, whose: Requester): Usage {
  const tokens: unknown = usage?.tokens;
  const truncated: unknown = usage?.truncated ?? undefined;
  if (truncated !== undefined && !isCount(truncated)) {
    throw unusable(whose, 'malformed', `gave ${describeValue(truncated)} as \`usage.truncated\``);
  }
  return { tokens: isCount(tokens) ? tokens : undefined, truncated };
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

const OTHER_THAN_DECLARED =
  'The embedder declares another size than it makes: correct its `dimensions`, or leave it out so that the first answer tells.';

function numbersOf(vector: unknown, rule: VectorRule, place: number): ArrayLike<unknown> {
  const isList = Array.isArray(vector) || (ArrayBuffer.isView(vector) && !(vector instanceof DataView));
  if (!isList) {
    throw unusable(
      rule,
      'malformed',
      `gave ${describeValue(vector)} instead of a vector for ${rule.nameOf(place)}`,
      rule.indexOf(place),
      true,
    );
  }
  const numbers = vector as unknown as ArrayLike<unknown>;
  if (numbers.length === 0) {
    throw unusable(rule, 'empty', `gave an empty vector for ${rule.nameOf(place)}`, rule.indexOf(place));
  }
  return numbers;
}

function copied(numbers: ArrayLike<unknown>, rule: VectorRule, place: number): Float32Array {
  const copy = new Float32Array(numbers.length);
  let squares = 0;
  for (let at = 0; at < numbers.length; at += 1) {
    const number = numbers[at];
    // 1e39 is finite, but not as one of the 32-bit numbers that are stored.
    const stored = typeof number === 'number' ? Math.fround(number) : NaN;
    if (!Number.isFinite(stored)) {
      const shown = typeof number === 'number' ? String(number) : describeValue(number);
      throw unusable(
        rule,
        'not_finite',
        `gave a vector for ${rule.nameOf(place)} that is not finite: number ${at} is ${shown}`,
        rule.indexOf(place),
      );
    }
    copy[at] = stored;
    squares += stored * stored;
  }
  const length = Math.sqrt(squares);
  if (length === 0) {
    throw unusable(
      rule,
      'zero_vector',
      `gave a vector of nothing but zeros for ${rule.nameOf(place)}`,
      rule.indexOf(place),
    );
  }
  if (rule.normalize && Math.abs(length - 1) > ROUNDING) {
    for (let at = 0; at < copy.length; at += 1) copy[at] = (copy[at] ?? 0) / length;
  }
  return copy;
}

/**
 * MV015 about an answer, or about the vector of one input in it; one that cannot be read at all may have been cut on its
 * way and is asked for again.
 */
function unusable(
  { provider, model }: Requester,
  reason: string,
  what: string,
  index?: number,
  retryable = false,
): EmbeddingFailedError {
  return new EmbeddingFailedError(`${provider} ${model} ${what}`, {
    details: { provider, model, reason, retryable, ...(index === undefined ? {} : { index }) },
  });
}
