import type { LanguageModel } from '@memvid/core';
import type { FollowUp } from './ask/follow-up.js';
import type { Grounding } from './ask/grounding.js';
import { quoted, resultOf } from './ask/result.js';
import { askedOf, retrievalOf } from './ask/retrieval.js';
import type { AskSource } from './ask/sources.js';
import type { FindHit } from './find.js';
import type { Handle } from './handle.js';
import type { SearchInput } from './search-options.js';

export interface AskInput extends SearchInput {
  /** Retrieve only: `answer` is `null` and no model is contacted, whatever `model` says. Default `false`. */
  contextOnly?: boolean | undefined;
  /** Fuller entries in `sources`. Default `false`. */
  returnSources?: boolean | undefined;
  /** Add the retrieved pieces as `chunks`. Default `false`. */
  showChunks?: boolean | undefined;
  /**
   * Who answers: a language model, or its name as a plugin has it (`"nvidia:<model>"`). Default: nobody; the answer is
   * quoted from the best fragment.
   */
  model?: LanguageModel | string | undefined;
  /** For a model that is named. Default: the key given to `use`, else the provider's environment variable. */
  modelApiKey?: string | undefined;
  /** Most characters of `context`, headings included. Default: all of the retrieved text. */
  llmContextChars?: number | undefined;
  /** Mask personal data in everything that comes back, and in everything that a language model gets. Default `false`. */
  maskPii?: boolean | undefined;
}

export interface ContextFragment {
  rank: number;
  frame_id: number;
  uri: string;
  title: string;
  text: string;
  kind: 'full' | 'summary';
  score: number;
  matches: number;
  /** Place of `text` in the frame, in characters. */
  range: [number, number];
  chunk_range: [number, number];
}

export interface AskChunk {
  frame_id: number;
  uri: string;
  title: string;
  content: string;
  chunk_range: [number, number];
  score: number;
}

export interface AskResult {
  question: string;
  /** With citation marks; `null` with `contextOnly`, when nothing stored matches, and when a model found no answer. */
  answer: string | null;
  /** The same as `answer`. */
  text: string | null;
  context: string;
  context_fragments: ContextFragment[];
  context_only: boolean;
  mode: 'lex' | 'sem' | 'hybrid';
  retriever: 'lex' | 'semantic' | 'hybrid' | 'timeline_fallback';
  hits: FindHit[];
  sources: AskSource[];
  stats: { retrieval_ms: number; synthesis_ms: number; latency_ms: number };
  usage: { retrieved: number; prompt_tokens?: number; completion_tokens?: number; total_tokens?: number };
  /** `provider:model` of the language model that answered. */
  model?: string;
  grounding: Grounding;
  /** Of an answer by a language model. */
  citations?: CitationReport;
  follow_up?: FollowUp;
  chunks?: AskChunk[];
  warnings?: string[];
}

/** The numbers in the citation marks of an answer; that of a passage is its `rank`. */
export interface CitationReport {
  /** Of passages that the model was given. */
  cited: number[];
  /** Of none: they were taken out of the answer. */
  removed: number[];
  /** Of passages that do not hold what the answer cites them for: its words, or a number in it. */
  unsupported: number[];
}

/** A part of a streamed answer. The texts in their order are the answer; the result is the last part. */
export type AskPart =
  | { readonly type: 'text'; readonly text: string }
  | { readonly type: 'result'; readonly result: AskResult };

/**
 * An answer as it is written. Read its parts (`for await`), each of which is given once, or wait for `result`, or both.
 * A language model is asked with the first of these, and writes no faster than its parts are read. Leaving the loop
 * ends the request.
 */
export interface AskStream extends AsyncIterable<AskPart> {
  /** What was found, before anything is answered. */
  readonly sources: AskSource[];
  /** `provider:model` of the language model that answers. */
  readonly model: string | undefined;
  /** Rejects with what the parts reject with, and with MV018 when they are left before their end. */
  readonly result: Promise<AskResult>;
  /** Ends the request, if it is still under way. */
  cancel(): Promise<void>;
}

/** Answers a question from the memory, or gives the context for an answer. */
export async function ask(handle: Handle, question: string, options?: AskInput): Promise<AskResult> {
  const asked = askedOf(handle, question, options);
  if (asked.model === undefined) {
    const retrieval = await retrievalOf(handle, asked);
    return resultOf(asked, retrieval, quoted(asked, retrieval));
  }
  const { modelAnswer, modelOfQuestion } = await import('./ask/with-model.js');
  const model = await modelOfQuestion(handle, asked.model, asked);
  const retrieval = await retrievalOf(handle, asked);
  return resultOf(asked, retrieval, await modelAnswer(handle, model, asked, retrieval));
}

/** The same piece by piece. Rejects with what is wrong before a model is asked. */
export async function askStream(handle: Handle, question: string, options?: AskInput): Promise<AskStream> {
  const asked = askedOf(handle, question, options);
  const { streamOf } = await import('./ask/with-model.js');
  return streamOf(handle, asked);
}
