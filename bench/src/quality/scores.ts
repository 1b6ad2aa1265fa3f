/** Relevance of documents by id; those that are not named have none. */
export type Judgements = ReadonlyMap<string, number>;

/** Share of the relevant documents that stand among the first `k`. */
export function recall(found: readonly string[], relevant: Judgements, k: number): number {
  const hits = new Set(found.slice(0, k).filter((id) => (relevant.get(id) ?? 0) > 0));
  return hits.size / relevant.size;
}

/** Discounted gain of the first `k` beside that of the best possible order. */
export function ndcg(found: readonly string[], relevant: Judgements, k: number): number {
  const gain = (grades: readonly number[]): number =>
    grades.slice(0, k).reduce((sum, grade, index) => sum + (2 ** grade - 1) / Math.log2(index + 2), 0);
  const ideal = gain([...relevant.values()].toSorted((left, right) => right - left));
  return ideal === 0 ? 0 : gain(found.map((id) => relevant.get(id) ?? 0)) / ideal;
}

export interface Scores {
  recall5: number;
  recall10: number;
  ndcg10: number;
  /** Questions that found nothing. */
  empty: number;
}

/** Means over all questions. */
export function meanScores(answers: readonly { found: readonly string[]; relevant: Judgements }[]): Scores {
  const mean = (of: (answer: (typeof answers)[number]) => number): number =>
    answers.reduce((sum, answer) => sum + of(answer), 0) / answers.length;
  return {
    recall5: mean(({ found, relevant }) => recall(found, relevant, 5)),
    recall10: mean(({ found, relevant }) => recall(found, relevant, 10)),
    ndcg10: mean(({ found, relevant }) => ndcg(found, relevant, 10)),
    empty: answers.filter(({ found }) => found.length === 0).length,
  };
}

/** Documents of an answer that are judged. */
export const JUDGED = 10;

/** The documents that are judged of what was found: memvid finds passages of long documents. */
export function judgedOf(found: Iterable<{ readonly uri: string }>): string[] {
  const documents = new Set(Array.from(found, ({ uri }) => uri.replace(/#page-\d+$/, '')));
  return [...documents].slice(0, JUDGED);
}
