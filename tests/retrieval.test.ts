import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create } from '@memvid/sdk';
import { paper } from './support/places.ts';
import { leftOut, scratch } from './support/workspace.ts';

const data = paper('bench/data');
const absent = leftOut('retrieval on SciFact and LoCoMo', data.missing);

function lines<T>(file: string): T[] {
  return readFileSync(join(data.path, file), 'utf8')
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as T);
}

interface Score {
  questions: number;
  empty: number;
  /** Share of the questions with a relevant document among the first ten hits. */
  answered: number;
  /** Mean of the normalised discounted gain of the first ten hits. */
  gain: number;
}

/** Asks every question as it stands. `relevant` are the uris of each. */
async function ask(
  documents: { uri: string; title: string; text: string }[],
  questions: { text: string; relevant: Set<string> }[],
): Promise<Score> {
  await using memory = await create(join(scratch(), 'corpus.mv2'));
  await memory.putMany(documents);
  const score = { questions: questions.length, empty: 0, answered: 0, gain: 0 };
  for (const { text, relevant } of questions) {
    const { hits } = await memory.find(text, { k: 30 });
    if (hits.length === 0) score.empty += 1;
    // A long document may come with several of its chunks.
    const uris = [...new Set(hits.map((hit) => hit.uri.replace(/#.*$/, '')))].slice(0, 10);
    if (uris.some((uri) => relevant.has(uri))) score.answered += 1;
    const gain = uris.reduce((sum, uri, rank) => sum + (relevant.has(uri) ? 1 / Math.log2(rank + 2) : 0), 0);
    const best = [...relevant].slice(0, 10).reduce((sum, _, rank) => sum + 1 / Math.log2(rank + 2), 0);
    score.gain += gain / best;
  }
  score.answered /= questions.length;
  score.gain /= questions.length;
  return score;
}

describe.skipIf(absent)('plain questions find the relevant document', () => {
  it('SciFact: all 300 claims of the test split over all 5,183 abstracts', async () => {
    const documents = lines<{ id: string; title: string; text: string }>('scifact.docs.jsonl');
    const relevant = new Map<string, Set<string>>();
    for (const line of readFileSync(join(data.path, 'scifact.qrels.tsv'), 'utf8').split('\n').slice(1)) {
      const [query = '', document = '', grade, split] = line.split('\t');
      if (split !== 'test' || Number(grade) <= 0) continue;
      relevant.set(query, (relevant.get(query) ?? new Set()).add(`mv2://scifact/${document}`));
    }
    const claims = lines<{ id: string; split: string; text: string }>('scifact.queries.jsonl');
    const score = await ask(
      documents.map(({ id, title, text }) => ({ uri: `mv2://scifact/${id}`, title, text })),
      claims.flatMap(({ id, split, text }) =>
        split === 'test' ? [{ text, relevant: relevant.get(id) ?? new Set<string>() }] : [],
      ),
    );
    process.stdout.write(`SciFact: ${JSON.stringify(score)}\n`);
    expect(score.questions).toBe(300);
    expect(score.empty).toBe(0);
    // BM25 as published: nDCG@10 0.679.
    expect(score.gain).toBeGreaterThanOrEqual(0.66);
    expect(score.answered).toBeGreaterThanOrEqual(0.8);
  }, 120_000);

  it('LoCoMo: every single-hop question of all five conversations, each over its own turns', async () => {
    const turns = lines<{ id: string; conv: string; session: number; text: string }>('locomo-dev.docs.jsonl');
    const questions = lines<{ conv: string; category: number; question: string; evidence: string[] }>(
      'locomo-dev.qa.jsonl',
    );
    const uri = (id: string): string => `mv2://locomo/${id}`;
    const total = { questions: 0, empty: 0, answered: 0 };
    for (const conversation of new Set(turns.map(({ conv }) => conv))) {
      const score = await ask(
        turns
          .filter(({ conv }) => conv === conversation)
          .map(({ id, session, text }) => ({ uri: uri(id), title: `Session ${session}`, text })),
        questions
          .filter(
            ({ conv, category, evidence }) => conv === conversation && category === 4 && evidence.length > 0,
          )
          .map(({ question, evidence }) => ({ text: question, relevant: new Set(evidence.map(uri)) })),
      );
      process.stdout.write(`LoCoMo ${conversation}: ${JSON.stringify(score)}\n`);
      total.questions += score.questions;
      total.empty += score.empty;
      total.answered += score.answered * score.questions;
    }
    expect(total.questions).toBe(418);
    expect(total.empty).toBe(0);
    // SQLite FTS5 with Porter stemming and the words joined by OR: 0.641.
    expect(total.answered / total.questions).toBeGreaterThanOrEqual(0.69);
  }, 120_000);
});
