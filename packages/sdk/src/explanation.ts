import type { Fusion } from './search-options.js';

/** What a score by words is made of. */
export interface WordsExplanation {
  /** What each matching form adds. */
  terms: {
    /** Where it stands; `"filter"` for the constant score of a query without words. */
    field: 'title' | 'body' | 'filter';
    /** As it is indexed. */
    term: string;
    /** How often it stands there. */
    frequency: number;
    /** How telling the word is. */
    idf: number;
    score: number;
  }[];
  /** Added for holding the words at all. */
  coordination: number;
  /** Added where words of the query stand side by side. */
  phrase: number;
  /** Added for beginning with a name of the query. */
  speaker: number;
  /** Added for being of a month or day that the query names. */
  date: number;
  /** The factor of the document. */
  boost: number;
}

/** How near a vector is. */
export interface MeaningExplanation {
  /** Cosine, −1 to 1. */
  similarity: number;
  /** Between the vectors of length 1, 0 to 2. */
  distance: number;
}

/** What one of two lists gives a hit. */
export interface ListExplanation<Parts> {
  /** In that list, from 1. */
  rank: number;
  /** In that list. */
  score: number;
  parts: Parts;
  /** The score brought to 0…1; in a weighted fusion. */
  normalised?: number;
}

/** What a fused score is made of; `null` for a list that does not have the hit. */
export interface FusedExplanation {
  fusion: Fusion;
  lexical: ListExplanation<WordsExplanation> | null;
  semantic: ListExplanation<MeaningExplanation> | null;
  /** What meaning counts; in a weighted fusion. */
  semantic_weight?: number;
}

/** What a score is made of: by words, by meaning, or of both. Told apart by their keys: `'fusion' in explain`. */
export type Explanation = WordsExplanation | MeaningExplanation | FusedExplanation;

/** How near the vector of a hit is, where its explanation says so. */
export function similarityOf(explain: Explanation | undefined): number | undefined {
  if (explain === undefined) return undefined;
  const parts = 'fusion' in explain ? explain.semantic?.parts : explain;
  return parts !== undefined && 'similarity' in parts ? parts.similarity : undefined;
}
