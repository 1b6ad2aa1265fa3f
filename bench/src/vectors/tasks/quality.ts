import { collectionsOf } from '../../quality/datasets.ts';
import { JUDGED, judgedOf, meanScores, type Judgements } from '../../quality/scores.ts';
import { tellingOf, wordsOf } from '../../queries.ts';
import type { Samples } from '../../record.ts';
import { vectorsOf } from '../data.ts';
import { VECTOR_FACTS } from '../facts.ts';
import type { VectorJob } from '../job.ts';
import { loadVectorPeer } from '../peer.ts';
import type { VectorDocument } from '../corpus.ts';

/** Hits that memvid is asked for: they are passages of long documents, so that there have to be more than are judged. */
const PASSAGES = 30;
const FILES = {
  locomo: ['locomo-dev.docs', 'locomo-dev.qa'],
  scifact: ['scifact.docs', 'scifact.queries'],
  'scifact-train': ['scifact.docs', 'scifact.queries'],
} as const;

/** How good the ten best documents of each question are, by the vectors of the data. */
export default async function quality(job: VectorJob): Promise<Samples> {
  const { dataset = 'locomo', way = 'hybrid' } = job;
  const peer = await loadVectorPeer(job.peer);
  const [ofDocuments, ofQuestions] = FILES[dataset].map((name) => vectorsOf(name));
  const hits = job.peer === 'memvid' ? PASSAGES : JUDGED;
  const fusing = {
    ...(way === 'hybrid_rrf' ? { fusion: 'rrf' as const } : {}),
    ...(job.weight === undefined ? {} : { semanticWeight: job.weight }),
  };
  const answers: { found: string[]; relevant: Judgements }[] = [];
  for (const [index, { documents, questions }] of collectionsOf(dataset).entries()) {
    const path = `${job.store}-${index}${VECTOR_FACTS[job.peer].ending}`;
    await peer.create({ path, words: true, documents: documents.length, quantised: false });
    await peer.putMany(
      documents.map((document): VectorDocument =>
        Object.assign(document, { vector: known(ofDocuments, document.uri) }),
      ),
    );
    await peer.build?.();
    for (const { id, text, relevant } of questions) {
      const query = { text, words: tellingOf(wordsOf(text)), vector: known(ofQuestions, id) };
      const found =
        way === 'meaning' ? await peer.near(query, hits) : await peer.hybrid?.(query, hits, fusing);
      answers.push({ found: judgedOf(found ?? []), relevant });
    }
    await peer.close();
  }
  const { recall5, recall10, ndcg10 } = meanScores(answers);
  const share = (value: number): Samples[string] => ({ value, unit: '', calls: answers.length });
  return {
    [`${way}_recall5`]: share(recall5),
    [`${way}_recall10`]: share(recall10),
    [`${way}_ndcg10`]: share(ndcg10),
  };
}

function known(vectors: ReadonlyMap<string, Float32Array> | undefined, id: string): Float32Array {
  const vector = vectors?.get(id);
  if (vector === undefined) throw new Error(`no vector of ${id}`);
  return vector;
}
