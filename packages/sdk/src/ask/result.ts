import type { AskChunk, AskResult, ContextFragment } from '../ask.js';
import { type Explanation, similarityOf } from '../explanation.js';
import type { SearchEngine } from '../find.js';
import { extractAnswer } from './answer.js';
import { coverageOf } from './coverage.js';
import { followUpOf } from './follow-up.js';
import { groundingOf, groundingWithoutAnswer, groundingWithoutMatch, type Grounding } from './grounding.js';
import type { Asked, Retrieval } from './retrieval.js';
import { sourceOf } from './sources.js';

/** An answer, and what is known of it. */
export interface Answered extends Pick<AskResult, 'answer' | 'grounding' | 'model' | 'citations'> {
  readonly usage?: Omit<AskResult['usage'], 'retrieved'> | undefined;
  readonly warnings?: readonly string[] | undefined;
}

/** All that a caller is told. */
export function resultOf(asked: Asked, retrieval: Retrieval, answered: Answered): AskResult {
  const { question, settings, contextOnly, returnSources, showChunks } = asked;
  const { hits, isFallback, engine, fragments, context, started, finished } = retrieval;
  const { answer, grounding, model, usage, citations } = answered;
  const followUp = followUpOf({ hits, isFallback, grounding });
  const warnings = [...retrieval.warnings, ...(answered.warnings ?? [])];
  const now = performance.now();
  const result: AskResult = {
    question,
    answer,
    text: answer,
    context,
    context_fragments: fragments,
    context_only: contextOnly,
    mode: settings.mode === 'auto' ? 'hybrid' : settings.mode,
    retriever: isFallback ? 'timeline_fallback' : retrieverOf(engine),
    hits,
    sources: hits.map((hit, index) => sourceOf(hit, index, returnSources)),
    stats: {
      retrieval_ms: milliseconds(started, finished),
      synthesis_ms: milliseconds(finished, now),
      latency_ms: milliseconds(started, now),
    },
    usage: { retrieved: hits.length, ...usage },
    ...(model === undefined ? {} : { model }),
    grounding,
    ...(citations === undefined ? {} : { citations }),
    ...(followUp === undefined ? {} : { follow_up: followUp }),
    ...(showChunks ? { chunks: fragments.map(chunkOf) } : {}),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
  return retrieval.masked(result);
}

/** The answer quoted from the fragments. Documents that are only the newest ones answer nothing. */
export function quoted({ question: asked, contextOnly }: Asked, retrieval: Retrieval): Answered {
  // An address in the question stands in the fragments as its mask.
  const question = retrieval.masked(asked);
  if (contextOnly) return { answer: null, grounding: groundingWithoutAnswer() };
  const { fragments, isFallback, explanations } = retrieval;
  const answer = isFallback ? null : extractAnswer(question, fragments);
  if (answer === null) return { answer, grounding: groundingWithoutMatch() };
  const { text, fragment } = answer;
  return { answer: text, grounding: groundingOfQuote(question, text, fragment, fragments, explanations) };
}

function groundingOfQuote(
  question: string,
  answer: string,
  fragment: ContextFragment,
  fragments: readonly ContextFragment[],
  explanations: readonly (Explanation | undefined)[],
): Grounding {
  const passages = fragments.map((passage) => passage.text);
  return groundingOf(answer, passages, {
    // What stands above a text is known of it.
    ...coverageOf(question, `${fragment.title}\n${answer}`),
    similarity: similarityOf(explanations[fragment.rank - 1]),
  });
}

function retrieverOf(engine: SearchEngine): AskResult['retriever'] {
  if (engine === 'tantivy') return 'lex';
  return engine === 'vec' ? 'semantic' : 'hybrid';
}

function chunkOf({ frame_id, uri, title, text, chunk_range, score }: ContextFragment): AskChunk {
  return { frame_id, uri, title, content: text, chunk_range, score };
}

function milliseconds(from: number, to: number): number {
  return Math.round((to - from) * 100) / 100;
}
