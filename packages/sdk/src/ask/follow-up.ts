import type { FindHit } from '../find.js';
import type { Grounding } from './grounding.js';

/** What to ask instead when the memory did not answer. */
export interface FollowUp {
  needed: true;
  reason: string;
  hint: string;
  /** What the memory does speak of, newest first. */
  available_topics: string[];
  suggestions: string[];
}

const MOST_TOPICS = 5;

/** `undefined` when the question was answered from matching text. */
export function followUpOf(outcome: {
  readonly hits: readonly FindHit[];
  readonly isFallback: boolean;
  readonly grounding: Grounding;
}): FollowUp | undefined {
  const { hits, isFallback, grounding } = outcome;
  const reason = reasonOf(hits.length === 0, isFallback, grounding);
  if (reason === undefined) return undefined;
  const topics = [
    ...new Set(hits.map((hit) => hit.title).filter((title) => title !== '' && title !== 'Untitled')),
  ].slice(0, MOST_TOPICS);
  return {
    needed: true,
    reason,
    hint:
      hits.length === 0
        ? 'Store documents about it first, or ask without scope, where, since and until'
        : 'Ask with words that the stored documents use',
    available_topics: topics,
    suggestions:
      topics.length === 0
        ? ['What is stored in this memory?', 'Which documents were added last?']
        : topics.slice(0, 3).map((topic) => `What is known about "${topic}"?`),
  };
}

function reasonOf(isEmpty: boolean, isFallback: boolean, grounding: Grounding): string | undefined {
  if (isEmpty) return 'No relevant information found in memory';
  if (isFallback) return 'No stored text matches the question; the newest documents are shown instead';
  if (grounding.score < 0.3 || grounding.has_warning) {
    return grounding.warning_reason ?? 'The answer is hardly supported by what was found';
  }
  return undefined;
}
