import type { Document } from './document.ts';
import { MOST_REAL_DOCUMENTS, realDocuments, realQuestions } from './real.ts';
import { syntheticDocuments } from './synthetic.ts';

export const CORPORA = ['real', 'synthetic'] as const;
export type CorpusName = (typeof CORPORA)[number];

export interface Corpus {
  readonly name: CorpusName;
  /** Documents there are without repeating text. */
  readonly most: number;
  /** Documents number `from` to `to`, `to` not included, made one after the other. */
  documents(from: number, to: number): Iterable<Document>;
  /** Questions as people asked them; none for text without meaning. */
  questions(): string[];
}

const BY_NAME: Record<CorpusName, Corpus> = {
  real: {
    name: 'real',
    most: MOST_REAL_DOCUMENTS,
    documents: (from, to) => realDocuments(from, to),
    questions: () => realQuestions(),
  },
  synthetic: {
    name: 'synthetic',
    most: Number.POSITIVE_INFINITY,
    documents: syntheticDocuments,
    questions: () => [],
  },
};

export function corpus(name: CorpusName): Corpus {
  return BY_NAME[name];
}
