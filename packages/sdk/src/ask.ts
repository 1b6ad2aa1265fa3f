import { adaptiveCount } from './adaptive.js';
import { extractAnswer } from './ask/answer.js';
import { contextOf, passagesOf } from './ask/context.js';
import { newestFrames } from './ask/fallback.js';
import { followUpOf, type FollowUp } from './ask/follow-up.js';
import {
  groundingOf,
  groundingWithoutAnswer,
  groundingWithoutMatch,
  type Grounding,
} from './ask/grounding.js';
import { checkModel } from './ask/model.js';
import { maskedResult } from './ask/masking.js';
import { termsOf } from './ask/sentences.js';
import { sourceOf, type AskSource } from './ask/sources.js';
import { optionalBoolean, optionalNumber, optionalString, optionsOf, queryOf } from './check.js';
import { type Explanation, similarityOf } from './explanation.js';
import { search, usualMode, vectorOfQuestion, withMode, type FindHit, type SearchEngine } from './find.js';
import type { Handle } from './handle.js';
import { searchSettings, type SearchInput, type SearchSettings } from './search-options.js';

export interface AskInput extends SearchInput {
  /** Retrieve only: `answer` is `null` and no model is contacted, whatever `model` says. Default `false`. */
  contextOnly?: boolean | undefined;
  /** Fuller entries in `sources`. Default `false`. */
  returnSources?: boolean | undefined;
  /** Add the retrieved pieces as `chunks`. Default `false`. */
  showChunks?: boolean | undefined;
  /** `provider:model`. Default: no model; the answer is quoted from the best fragment. */
  model?: string | undefined;
  /** Default: the provider's environment variable. */
  modelApiKey?: string | undefined;
  /** Most characters of `context`, headings included. Default: all of the retrieved text. */
  llmContextChars?: number | undefined;
  /** Mask personal data in everything that comes back. Default `false`. */
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
  /** With citation marks; `null` with `contextOnly` and when nothing stored matches. */
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
  model?: string;
  grounding: Grounding;
  follow_up?: FollowUp;
  chunks?: AskChunk[];
  warnings?: string[];
}

const DEFAULT_K = 6;
/** Reciprocal rank fusion, here of one list: the first hit scores 1/61. */
const RANK_OFFSET = 60;

/** Answers a question from the memory, or gives the context for an answer. */
export async function ask(handle: Handle, question: string, options?: AskInput): Promise<AskResult> {
  handle.assertOpen('ask');
  const asked = queryOf(question, 'question');
  const given = optionsOf(options);
  const { fusion } = handle.settings;
  const settings = searchSettings(given, { mode: usualMode(handle, given), k: DEFAULT_K, fusion });
  const contextOnly = optionalBoolean(given['contextOnly'], 'contextOnly', false);
  const returnSources = optionalBoolean(given['returnSources'], 'returnSources', false);
  const showChunks = optionalBoolean(given['showChunks'], 'showChunks', false);
  const masks = optionalBoolean(given['maskPii'], 'maskPii', false);
  const most = optionalNumber(given['llmContextChars'], 'llmContextChars', { min: 1, integer: true });
  const model = optionalString(given['model'], 'model');
  const modelApiKey = optionalString(given['modelApiKey'], 'modelApiKey');
  if (!contextOnly && model !== undefined) checkModel(model, modelApiKey, handle.settings.apiKeys);
  const started = performance.now();
  const pending = vectorOfQuestion(handle, 'ask', settings, given, asked);
  const { vector, warnings: vectorWarnings } = pending instanceof Promise ? await pending : pending;

  // Only an answer needs to know how near its fragment is.
  const explain = vector !== undefined && !contextOnly;
  const { hits, explanations, isFallback, engine, reasons } = await retrieve(
    handle,
    asked,
    settings,
    vector,
    explain,
  );
  const retrieved = performance.now();
  const passages = passagesOf(hits, most);
  const warnings = [...vectorWarnings, ...reasons];
  const fragments = hits.map((hit, index) => fragmentOf(hit, passages[index] ?? ''));
  const { answer, grounding } = quoted(asked, fragments, { contextOnly, isFallback, explanations });
  const followUp = followUpOf({ hits, isFallback, grounding });
  const context = contextOf(hits, (hit) => passages[hit.rank - 1]);
  const finished = performance.now();
  const result: AskResult = {
    question: asked,
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
      retrieval_ms: milliseconds(started, retrieved),
      synthesis_ms: milliseconds(retrieved, finished),
      latency_ms: milliseconds(started, finished),
    },
    usage: { retrieved: hits.length },
    grounding,
    ...(followUp === undefined ? {} : { follow_up: followUp }),
    ...(showChunks ? { chunks: fragments.map(chunkOf) } : {}),
    ...(warnings.length === 0 ? {} : { warnings }),
  };
  return masks ? maskedResult(result) : result;
}

/** The answer quoted from the fragments. Documents that are only the newest ones answer nothing. */
function quoted(
  question: string,
  fragments: readonly ContextFragment[],
  {
    contextOnly,
    isFallback,
    explanations,
  }: {
    contextOnly: boolean;
    isFallback: boolean;
    explanations: readonly (Explanation | undefined)[];
  },
): { answer: string | null; grounding: Grounding } {
  if (contextOnly) return { answer: null, grounding: groundingWithoutAnswer() };
  const answer = isFallback ? null : extractAnswer(question, fragments);
  if (answer === null) return { answer, grounding: groundingWithoutMatch() };
  const { text, fragment } = answer;
  const passages = fragments.map((passage) => passage.text);
  const tie = {
    sharesWord: sharesWord(question, fragment),
    similarity: similarityOf(explanations[fragment.rank - 1]),
  };
  return { answer: text, grounding: groundingOf(text, passages, tie) };
}

/** Whether a word of the question that carries meaning stands in a fragment or its title. */
function sharesWord(question: string, { title, text, matches }: ContextFragment): boolean {
  const wanted = new Set(termsOf(question));
  // The engine knows more forms of words than `termsOf`, but counts function words where there are no others.
  if (wanted.size > 0 && matches > 0) return true;
  return termsOf(`${title}\n${text}`).some((term) => wanted.has(term));
}

/** What the question finds; when that is nothing, the newest frames, so that a first question is never empty-handed. */
async function retrieve(
  handle: Handle,
  question: string,
  settings: SearchSettings,
  vector: Float32Array | undefined,
  explain: boolean,
): Promise<Retrieved> {
  const request = {
    ...settings.request,
    query: question,
    ranking: 'question',
    fullText: true,
    ...(explain ? { explain } : {}),
  } as const;
  const asked = withMode(request, settings, vector);
  const { hits: found, engine, warnings: reasons = [] } = await search(handle, 'ask', asked, vector);
  const count =
    settings.adaptive === undefined
      ? found.length
      : adaptiveCount(
          found.map((hit) => hit.score),
          settings.adaptive,
        );
  if (count > 0) {
    const kept = found.slice(0, count);
    const explanations = kept.map((hit) => hit.explain);
    const plain = kept.map(withoutExplanation);
    // A list of words alone is scored by rank, as the reference does; the others have the scores of `find`.
    const hits = engine === 'tantivy' ? ranked(plain) : plain;
    return { hits, explanations, isFallback: false, engine, reasons };
  }
  const newest = await newestFrames(handle, settings.request);
  return { hits: ranked(newest), explanations: [], isFallback: newest.length > 0, engine, reasons };
}

function withoutExplanation(hit: FindHit): FindHit {
  const { explain: _explain, ...plain } = hit;
  return plain;
}

/** What there is to answer from. */
interface Retrieved {
  readonly hits: FindHit[];
  /** Of the hits, in their order; where they were asked for. */
  readonly explanations: readonly (Explanation | undefined)[];
  readonly isFallback: boolean;
  readonly engine: SearchEngine;
  readonly reasons: readonly string[];
}

function retrieverOf(engine: SearchEngine): AskResult['retriever'] {
  if (engine === 'tantivy') return 'lex';
  return engine === 'vec' ? 'semantic' : 'hybrid';
}

function ranked(hits: readonly FindHit[]): FindHit[] {
  return hits.map((hit, index) => ({ ...hit, rank: index + 1, score: 1 / (RANK_OFFSET + index + 1) }));
}

function fragmentOf(hit: FindHit, text: string): ContextFragment {
  const { rank, frame_id, uri, title, score, matches } = hit;
  const kind = text.length === hit.text.length ? 'full' : 'summary';
  const range = (): [number, number] => [0, text.length];
  return { rank, frame_id, uri, title, text, kind, score, matches, range: range(), chunk_range: range() };
}

function chunkOf({ frame_id, uri, title, text, chunk_range, score }: ContextFragment): AskChunk {
  return { frame_id, uri, title, content: text, chunk_range, score };
}

function milliseconds(from: number, to: number): number {
  return Math.round((to - from) * 100) / 100;
}
