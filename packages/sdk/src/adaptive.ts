import { optionalBoolean, optionalNumber, optionalOneOf, countOption, type Options } from './check.js';

const STRATEGIES = ['relative', 'absolute', 'cliff', 'elbow', 'combined'] as const;
export type AdaptiveStrategy = (typeof STRATEGIES)[number];

/** How `adaptive: true` decides how many results are enough, instead of a fixed `k`. */
export interface AdaptiveOptions {
  /** Let the scores decide how many hits come back. A given `k` is then not used. Default `false`. */
  adaptive?: boolean | undefined;
  /** Share of the best score a hit must reach, 0 to 1. Default 0.5. */
  minRelevancy?: number | undefined;
  /** Most hits that may come back. Default 100. */
  maxK?: number | undefined;
  /** Default `"combined"`: the first of the others that says stop. */
  adaptiveStrategy?: AdaptiveStrategy | undefined;
}

export interface AdaptiveRule {
  readonly strategy: AdaptiveStrategy;
  readonly minRelevancy: number;
  readonly maxK: number;
}

/** The part of the best score below which `combined` never keeps a hit. */
const COMBINED_FLOOR = 0.3;
/** A fall by more than this share from one hit to the next ends a `combined` list. */
const COMBINED_CLIFF = 0.4;
/** How far a curve must bend away from its chord before its knee counts. */
const ELBOW_BEND = 0.05;

/** The rule to cut by, or `undefined` when `adaptive` is off; wrong values are refused either way. */
export function adaptiveRule(options: Options): AdaptiveRule | undefined {
  const on = optionalBoolean(options['adaptive'], 'adaptive', false);
  const minRelevancy = optionalNumber(options['minRelevancy'], 'minRelevancy', { min: 0, max: 1 });
  const maxK = countOption(options['maxK'], 'maxK', 100);
  const strategy = optionalOneOf(options['adaptiveStrategy'], 'adaptiveStrategy', STRATEGIES);
  return on ? { strategy: strategy ?? 'combined', minRelevancy: minRelevancy ?? 0.5, maxK } : undefined;
}

/**
 * How many of the results, best first, are worth showing: at least one of any.
 * Scores are taken relative to the best (BM25 has no upper bound; equally good hits must all stay).
 */
export function adaptiveCount(scores: readonly number[], rule: AdaptiveRule): number {
  const list = scores.slice(0, rule.maxK);
  const best = list[0];
  if (best === undefined || list.length === 1) return list.length;
  const relative = best > 0 ? list.map((score) => Math.max(0, score) / best) : list.map(() => 1);
  switch (rule.strategy) {
    case 'absolute':
      return countWhile(best > 1 ? relative : list, (score) => score >= rule.minRelevancy);
    case 'relative':
      return countWhile(relative, (score) => score >= rule.minRelevancy);
    case 'cliff':
      return beforeCliff(relative, rule.minRelevancy);
    case 'elbow':
      return untilElbow(relative);
    case 'combined':
      return Math.min(
        countWhile(relative, (score) => score >= Math.max(rule.minRelevancy, COMBINED_FLOOR)),
        beforeCliff(relative, COMBINED_CLIFF),
      );
  }
}

function countWhile(scores: readonly number[], keep: (score: number) => boolean): number {
  const end = scores.findIndex((score, index) => index > 0 && !keep(score));
  return end < 0 ? scores.length : end;
}

function beforeCliff(scores: readonly number[], drop: number): number {
  const end = scores.findIndex((score, index) => {
    const previous = scores[index - 1];
    return previous !== undefined && previous > 0 && (previous - score) / previous > drop;
  });
  return end < 0 ? scores.length : end;
}

/** The point farthest from the line between the first and the last score, when the curve bends at all. */
function untilElbow(scores: readonly number[]): number {
  const last = scores.length - 1;
  const first = scores[0] ?? 0;
  const end = scores[last] ?? 0;
  if (last < 2) return scores.length;
  const chord = Math.hypot(1, end - first);
  let knee = { index: -1, distance: 0 };
  for (let index = 1; index < last; index += 1) {
    const x = index / last;
    const distance = (Math.abs((end - first) * x - ((scores[index] ?? 0) - first)) / chord) * (2 - x);
    if (distance > knee.distance) knee = { index, distance };
  }
  return knee.distance > ELBOW_BEND ? knee.index + 1 : scores.length;
}
