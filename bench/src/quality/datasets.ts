import type { Document } from '../corpus/document.ts';
import { placed } from '../corpus/document.ts';
import { lines, rows } from '../corpus/real.ts';
import type { Judgements } from './scores.ts';

export const DATASETS = ['locomo', 'scifact'] as const;
/** `scifact-train`: the other claims, to choose parameters with; nothing of it is published. */
export type DatasetName = (typeof DATASETS)[number] | 'scifact-train';

/** Documents that are searched together, and what is asked of them. */
export interface Collection {
  readonly documents: readonly Document[];
  readonly questions: readonly { id: string; text: string; relevant: Judgements }[];
}

/** The conversations of LoCoMo, each on its own; SciFact as one collection. */
export function collectionsOf(name: DatasetName): Collection[] {
  return name === 'locomo' ? locomo() : [scifact(name === 'scifact' ? 'test' : 'train')];
}

interface Turn {
  id: string;
  session: number;
  text: string;
  /** When it was said, ISO 8601. */
  ts: string;
}
interface Question {
  id: string;
  question: string;
  category: number;
  evidence: string[];
}

/** Questions of this category have no answer in the conversation. */
const WITHOUT_ANSWER = 5;

/** A question is answered by the turns that hold its evidence. */
function locomo(): Collection[] {
  const turns = lines<Turn>('locomo-dev.docs.jsonl');
  const known = new Set(turns.map(({ id }) => id));
  const asked = lines<Question>('locomo-dev.qa.jsonl')
    .filter(({ category }) => category !== WITHOUT_ANSWER)
    .map((line) => ({
      id: line.id,
      text: line.question,
      evidence: line.evidence.filter((id) => known.has(id)),
    }))
    .filter(({ evidence }) => evidence.length > 0);
  const conversationOf = (id: string): string => id.split('/')[0] ?? '';
  const names = [...new Set(turns.map(({ id }) => conversationOf(id)))];
  return names.map((name) => ({
    documents: Array.from(
      turns.filter(({ id }) => conversationOf(id) === name),
      ({ id, session, text, ts }, index) => ({
        uri: id,
        title: `Session ${session}`,
        text,
        ...placed(index),
        timestamp: Date.parse(ts) / 1000,
      }),
    ),
    questions: asked
      .filter(({ evidence: [first = ''] }) => conversationOf(first) === name)
      .map(({ id, text, evidence }) => ({ id, text, relevant: new Map(evidence.map((turn) => [turn, 1])) })),
  }));
}

/** The claims of a split and the abstracts that were judged for them. */
function scifact(wanted: 'test' | 'train'): Collection {
  const abstracts = lines<{ id: string; title: string; text: string }>('scifact.docs.jsonl');
  const claims = lines<{ id: string; text: string; split: string }>('scifact.queries.jsonl');
  const judged = new Map<string, Map<string, number>>();
  for (const [query = '', document = '', grade = '0'] of rows('scifact.qrels.tsv')) {
    if (!Number.isFinite(Number(grade))) continue; // The line of titles.
    judged.set(query, (judged.get(query) ?? new Map<string, number>()).set(document, Number(grade)));
  }
  return {
    documents: Array.from(abstracts, ({ id, title, text }, index) => ({
      uri: String(id),
      title,
      text,
      ...placed(index),
    })),
    questions: claims
      .filter(({ split }) => split === wanted)
      .flatMap(({ id, text }) => {
        const relevant = judged.get(String(id));
        return relevant === undefined ? [] : [{ id: String(id), text, relevant }];
      }),
  };
}
