import type { FinishReason, LanguageModel, TokenUsage } from '@memvid/core';
import { ModelUnsupportedError } from '@memvid/core';
import { generateText, streamText } from '@memvid/core/language-model';
import type { Entered } from '../embedding/in-flight.js';
import { ended } from '../failures.js';
import type { Handle } from '../handle.js';
import { Citations } from './citations.js';
import { claimsOf } from './claims.js';
import { contextOf } from './context.js';
import { givenNames } from './given-names.js';
import { groundingWithoutMatch } from './grounding.js';
import { messagesFor, quotedLines } from './prompt.js';
import type { Answered } from './result.js';
import type { Asked, Retrieval } from './retrieval.js';

/** The answer of a language model, whole. */
export async function modelAnswer(
  handle: Handle,
  model: LanguageModel,
  asked: Asked,
  retrieval: Retrieval,
): Promise<Answered> {
  const passages = numbersOf(retrieval);
  if (passages.size === 0) return withoutPassages(retrieval);
  const request = requestOf(asked, retrieval);
  const { text, finishReason, usage } = await handle.embedding('ask', 'question', asked.signal, (signal) =>
    generateText(model, request, { signal }),
  );
  const citations = new Citations(passages);
  const answer = citations.push(text) + citations.end();
  return answered(model, retrieval, citations, answer, { finishReason, usage });
}

/**
 * The same piece by piece, as the model writes it; the value at the end is what is known of it then. Nothing is asked
 * before the first piece is. Closing the memory ends it a second later, as other questions.
 */
export async function* streamedAnswer(
  enter: () => Entered,
  model: LanguageModel,
  asked: Asked,
  retrieval: Retrieval,
  stop: AbortController,
): AsyncGenerator<string, Answered, undefined> {
  const passages = numbersOf(retrieval);
  if (passages.size === 0) return withoutPassages(retrieval);
  const { signal } = asked;
  const entered = enter();
  const unlink = [signal, entered.signal].map((outer) => linked(outer, stop));
  const citations = new Citations(passages);
  let answer = '';
  let end: End = {};
  try {
    for await (const part of streamText(model, requestOf(asked, retrieval), { signal: stop.signal })) {
      if (part.type === 'finish') {
        end = part;
        continue;
      }
      const piece = citations.push(part.text);
      answer += piece;
      if (piece !== '') yield piece;
    }
    const rest = citations.end();
    answer += rest;
    if (rest !== '') yield rest;
  } catch (error) {
    if (signal?.aborted === true) throw ended('ask', signal);
    throw entered.signal.aborted ? entered.signal.reason : error;
  } finally {
    for (const undo of unlink) undo();
    entered.leave();
  }
  return answered(model, retrieval, citations, answer, end);
}

/** Aborts `stop` with `outer`, until it is undone. */
function linked(outer: AbortSignal | undefined, stop: AbortController): () => void {
  const end = (): void => stop.abort(outer?.reason);
  outer?.addEventListener('abort', end, { once: true });
  if (outer?.aborted === true) end();
  return () => outer?.removeEventListener('abort', end);
}

interface End {
  readonly finishReason?: FinishReason | undefined;
  readonly usage?: TokenUsage | undefined;
}

/** The numbers of the passages that the context had room for. */
function numbersOf({ passages }: Retrieval): ReadonlySet<number> {
  return new Set(passages.flatMap((passage, index) => (passage === undefined ? [] : [index + 1])));
}

/** A second look at the whole of it: what was masked piece by piece may be an address only with what stands around it. */
function requestOf(
  { question }: Asked,
  { hits, passages, masked }: Retrieval,
): { messages: ReturnType<typeof messagesFor> } {
  const context = contextOf(hits, ({ rank }) => {
    const passage = passages[rank - 1];
    return passage === undefined ? undefined : quotedLines(passage);
  });
  return { messages: messagesFor(masked(question), masked(context)) };
}

/** Nothing is stored, or nothing has room: a model has nothing to answer from, and is not asked. */
function withoutPassages({ hits }: Retrieval): Answered {
  const warnings =
    hits.length === 0 ? [] : ['`llmContextChars` leaves no room for a passage, so no model was asked'];
  return { answer: null, grounding: groundingWithoutMatch(), warnings };
}

function answered(
  { provider, model }: LanguageModel,
  { hits, passages }: Retrieval,
  citations: Citations,
  text: string,
  { finishReason, usage }: End,
): Answered {
  const { promptTokens, completionTokens, totalTokens } = usage ?? {};
  const own = {
    model: `${provider}:${model}`,
    usage: {
      ...(promptTokens === undefined ? {} : { prompt_tokens: promptTokens }),
      ...(completionTokens === undefined ? {} : { completion_tokens: completionTokens }),
      ...(totalTokens === undefined ? {} : { total_tokens: totalTokens }),
    },
  };
  const noAnswer = 'The model found no answer in the context';
  const report = { cited: citations.cited, removed: citations.removed };
  if (citations.isRefused) {
    const grounding = { ...groundingWithoutMatch(), warning_reason: noAnswer };
    const warnings = warningsOf(citations, finishReason);
    return { ...own, answer: null, grounding, citations: { ...report, unsupported: [] }, warnings };
  }
  const answer = text.trim();
  if (answer === '') throw emptyAnswer(provider, model, finishReason);
  const { grounding, unsupported, doubts } = claimsOf(
    answer,
    // What the model was shown of each: its text, and what stands above it.
    hits.flatMap((hit, index) => {
      const passage = passages[index];
      return passage === undefined ? [] : [{ number: hit.rank, text: `${givenNames(hit)}\n${passage}` }];
    }),
  );
  const doubted = citations.hasNone
    ? { ...grounding, has_warning: true, warning_reason: noAnswer }
    : grounding;
  const warnings = [...warningsOf(citations, finishReason), ...doubts];
  return { ...own, answer, grounding: doubted, citations: { ...report, unsupported }, warnings };
}

/** Numbers that a warning names. */
const MOST_SHOWN = 10;

function warningsOf({ removed }: Citations, finishReason: FinishReason | undefined): string[] {
  const warnings: string[] = [];
  if (removed.length > 0) {
    const shown = removed.slice(0, MOST_SHOWN).map((number) => `[${number}]`);
    const more = removed.length > shown.length ? ` and ${removed.length - shown.length} more` : '';
    warnings.push(
      `The model cited ${shown.join(', ')}${more}, and was given no such passage: taken out of the answer`,
    );
  }
  if (finishReason === 'length') {
    warnings.push('The answer is as long as the model may write, and has no end');
  }
  if (finishReason === 'filtered') warnings.push('The service withheld a part of the answer');
  return warnings;
}

const WHY_EMPTY: Readonly<Partial<Record<FinishReason, string>>> = {
  length: ': it had used all the tokens that it may write',
  filtered: ': the service withheld it',
};

function emptyAnswer(
  provider: string,
  model: string,
  reason: FinishReason | undefined,
): ModelUnsupportedError {
  const why = (reason === undefined ? undefined : WHY_EMPTY[reason]) ?? '';
  return new ModelUnsupportedError(`${provider} ${model} gave an empty answer${why}`, {
    details: {
      operation: 'ask',
      provider,
      model,
      reason: 'empty_answer',
      finish_reason: reason,
      retryable: false,
    },
    suggestion:
      reason === 'length'
        ? 'Give the model more room (`maxTokens`), or less to read with `llmContextChars`.'
        : 'Ask again in other words, or ask another model.',
  });
}
