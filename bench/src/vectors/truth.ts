import { trackOf } from '../corpus/document.ts';
import { FILTER_TRACK, readVectors, type VectorQuery } from './corpus.ts';
import { DIMENSION } from './data.ts';

/** Documents whose answers are compared. */
export const NEAREST = 10;
/** Similarities that differ by less are equal: which of equal documents is found does not matter. */
const EQUAL = 1e-6;
/** Candidates kept of each query: the nearest and those as near as the last of them. */
const KEPT = 4 * NEAREST;

/** The documents that are right answers to a question. */
export interface Truth {
  /** The nearest, and those as near as the last of them. */
  readonly all: readonly number[];
  /** The same among the documents of one track. */
  readonly filtered: readonly number[];
}

/** Compares every question with every vector of a file. */
export function nearestOf(file: string, documents: number, queries: readonly VectorQuery[]): Truth[] {
  const lists = queries.map(() => ({ all: new Best(), filtered: new Best() }));
  let index = 0;
  for (const vector of readVectors(file, documents)) {
    const passes = trackOf(index) === FILTER_TRACK;
    for (const [place, query] of queries.entries()) {
      const similarity = product(query.vector, vector);
      const list = lists[place];
      list?.all.take(index, similarity);
      if (passes) list?.filtered.take(index, similarity);
    }
    index += 1;
  }
  return lists.map(({ all, filtered }) => ({ all: all.ids(), filtered: filtered.ids() }));
}

/** Share of the nearest that were found. */
export function recallOf(found: readonly number[], truth: readonly number[]): number {
  const right = new Set(truth);
  const wanted = Math.min(NEAREST, truth.length);
  const hits = new Set(found.slice(0, NEAREST).filter((id) => right.has(id))).size;
  return wanted === 0 ? 1 : Math.min(1, hits / wanted);
}

function product(left: Float32Array, right: Float32Array): number {
  let [a, b, c, d] = [0, 0, 0, 0];
  for (let at = 0; at < DIMENSION; at += 4) {
    a += (left[at] ?? 0) * (right[at] ?? 0);
    b += (left[at + 1] ?? 0) * (right[at + 1] ?? 0);
    c += (left[at + 2] ?? 0) * (right[at + 2] ?? 0);
    d += (left[at + 3] ?? 0) * (right[at + 3] ?? 0);
  }
  return a + b + c + d;
}

/** The best of many, in order. */
class Best {
  readonly #kept: { id: number; similarity: number }[] = [];

  take(id: number, similarity: number): void {
    const kept = this.#kept;
    const last = kept.at(-1);
    if (kept.length === KEPT && last !== undefined && similarity <= last.similarity) return;
    let place = kept.length;
    while (place > 0 && (kept[place - 1]?.similarity ?? 0) < similarity) place -= 1;
    kept.splice(place, 0, { id, similarity });
    if (kept.length > KEPT) kept.pop();
  }
  ids(): number[] {
    const least = (this.#kept[NEAREST - 1] ?? this.#kept.at(-1))?.similarity ?? 0;
    return this.#kept.filter(({ similarity }) => similarity >= least - EQUAL).map(({ id }) => id);
  }
}
