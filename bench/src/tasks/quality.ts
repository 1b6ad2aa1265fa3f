import { loadPeer } from '../peer.ts';
import { FACTS } from '../peers/facts.ts';
import { collectionsOf } from '../quality/datasets.ts';
import { judgedOf, meanScores, type Judgements } from '../quality/scores.ts';
import { tellingOf, wordsOf } from '../queries.ts';
import type { Samples } from '../record.ts';
import { writeLines } from '../write-lines.ts';
import type { Job } from './job.ts';

/** More hits are asked for than documents are judged, because those of memvid are passages of long documents. */
const HITS = 30;

/** How good the ten best documents of each question are. */
export default async function quality(job: Job): Promise<Samples> {
  const answers: { found: string[]; relevant: Judgements }[] = [];
  const peer = await loadPeer(job.peer);
  for (const [index, { documents, questions }] of collectionsOf(job.dataset ?? 'locomo').entries()) {
    const path = `${job.store}-${index}${FACTS[job.peer].ending}`;
    const file = `${job.store}-${index}.lines`;
    writeLines(file, documents);
    await peer.create(path);
    await peer.putMany({ documents: () => documents, file });
    for (const { text, relevant } of questions) {
      const found = await peer.find({ class: 'question', text, words: tellingOf(wordsOf(text)) }, HITS);
      answers.push({ found: judgedOf(found), relevant });
    }
    await peer.close();
  }
  const { recall5, recall10, ndcg10, empty } = meanScores(answers);
  const calls = answers.length;
  const share = (value: number): Samples[string] => ({ value, unit: '', calls });
  return {
    recall5: share(recall5),
    recall10: share(recall10),
    ndcg10: share(ndcg10),
    empty: { value: empty, unit: 'questions', calls },
  };
}
