import type { Corpus } from '../corpus/corpus.ts';
import type { Document } from '../corpus/document.ts';

/** Documents that are added to a filled store: text like its own, ids of their own. */
export function extraDocuments(corpus: Corpus, count: number, kind: string): Document[] {
  return Array.from(corpus.documents(0, count), (document, index) => ({
    ...document,
    uri: `mv2://${kind}/${index}`,
    text: `${document.text} ${kind}`,
    timestamp: document.timestamp + 1_000_000_000 / 2,
  }));
}
