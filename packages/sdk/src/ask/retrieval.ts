import type { LanguageModel } from '@memvid/core';
import { invalidInput } from '@memvid/core';
import { adaptiveCount } from '../adaptive.js';
import type { AskInput, ContextFragment } from '../ask.js';
import { signalOf } from '../batch-options.js';
import {
  optionalBoolean,
  optionalNumber,
  optionalString,
  memberNames,
  type Options,
  queryOf,
  speltOptions,
} from '../check.js';
import type { Explanation } from '../explanation.js';
import { search, usualMode, vectorOfQuestion, withMode, type FindHit, type SearchEngine } from '../find.js';
import type { Handle } from '../handle.js';
import { SEARCH_MEMBERS, type SearchInput, searchSettings, type SearchSettings } from '../search-options.js';
import { contextOf, passagesOf } from './context.js';
import { newestFrames } from './fallback.js';

const OPTION_NAMES = /* @__PURE__ */ memberNames<AskInput, SearchInput>(
  {
    contextOnly: true,
    returnSources: true,
    showChunks: true,
    model: true,
    modelApiKey: true,
    llmContextChars: true,
    maskPii: true,
  },
  SEARCH_MEMBERS,
);
const DEFAULT_K = 6;
/** Reciprocal rank fusion, here of one list: the first hit scores 1/61. */
const RANK_OFFSET = 60;

/** What was asked, read once and with every default filled in. */
export interface Asked {
  readonly question: string;
  readonly given: Options;
  readonly settings: SearchSettings;
  readonly contextOnly: boolean;
  readonly returnSources: boolean;
  readonly showChunks: boolean;
  readonly masks: boolean;
  /** Most characters of the context. */
  readonly most: number | undefined;
  /** Who is to answer; `undefined`: a quote does, or nobody. */
  readonly model: LanguageModel | string | undefined;
  readonly modelApiKey: string | undefined;
  readonly signal: AbortSignal | undefined;
}

export function askedOf(handle: Handle, question: string, options: AskInput | undefined): Asked {
  handle.assertOpen('ask');
  const asked = queryOf(question, 'question');
  const given = speltOptions(options, OPTION_NAMES);
  const { fusion } = handle.settings;
  const settings = searchSettings(given, { mode: usualMode(handle, given), k: DEFAULT_K, fusion });
  const contextOnly = optionalBoolean(given['contextOnly'], 'contextOnly', false);
  const model = modelInput(given['model']);
  return {
    question: asked,
    given,
    settings,
    contextOnly,
    returnSources: optionalBoolean(given['returnSources'], 'returnSources', false),
    showChunks: optionalBoolean(given['showChunks'], 'showChunks', false),
    masks: optionalBoolean(given['maskPii'], 'maskPii', false),
    most: optionalNumber(given['llmContextChars'], 'llmContextChars', { min: 1, integer: true }),
    model: contextOnly ? undefined : model,
    modelApiKey: optionalString(given['modelApiKey'], 'modelApiKey'),
    signal: signalOf(given['signal']),
  };
}

/** A model of a name, or itself; the members of one are looked at before it is asked. */
function modelInput(value: unknown): LanguageModel | string | undefined {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as LanguageModel;
  if (value !== undefined && value !== null && typeof value !== 'string') {
    throw invalidInput('model', value, 'the name of a language model, or a LanguageModel');
  }
  return optionalString(value, 'model');
}

/** What there is to answer from. */
export interface Retrieval {
  readonly hits: FindHit[];
  /** Of the hits, in their order; where they were asked for. */
  readonly explanations: readonly (Explanation | undefined)[];
  readonly isFallback: boolean;
  readonly engine: SearchEngine;
  readonly warnings: readonly string[];
  /** What the context has room for, of each hit; `undefined`: nothing. */
  readonly passages: readonly (string | undefined)[];
  readonly fragments: ContextFragment[];
  readonly context: string;
  /** What of a value may be told. */
  readonly masked: <T>(value: T) => T;
  /** When it began and when it was there, in milliseconds. */
  readonly started: number;
  readonly finished: number;
}

/** Searches for what was asked. */
export async function retrievalOf(handle: Handle, asked: Asked): Promise<Retrieval> {
  const started = performance.now();
  const pending = vectorOfQuestion(handle, 'ask', asked.settings, asked.given, asked.question);
  const { vector, warnings } = pending instanceof Promise ? await pending : pending;
  // Only a quote needs to know how near its fragment is.
  const explain = vector !== undefined && !asked.contextOnly && asked.model === undefined;
  const { hits: found, ...rest } = await retrieve(handle, asked.question, asked.settings, vector, explain);
  // Before anything is cut: half an address would not be known as one.
  const { hits, masked } = asked.masks ? await withMasks(handle, found) : { hits: found, masked: asItIs };
  const finished = performance.now();
  const passages = passagesOf(hits, asked.most);
  return {
    ...rest,
    hits,
    warnings: [...warnings, ...rest.reasons],
    passages,
    fragments: hits.map((hit, index) => fragmentOf(hit, passages[index] ?? '')),
    context: contextOf(hits, (hit) => passages[hit.rank - 1]),
    masked,
    started,
    finished,
  };
}

async function withMasks(
  handle: Handle,
  found: readonly FindHit[],
): Promise<Pick<Retrieval, 'hits' | 'masked'>> {
  const { maskedHits, masked } = await import('./with-model.js');
  return { hits: await maskedHits(handle, found), masked };
}

function asItIs<T>(value: T): T {
  return value;
}

/** What the question finds; when that is nothing, the newest frames, so that a first question is never empty-handed. */
async function retrieve(
  handle: Handle,
  question: string,
  settings: SearchSettings,
  vector: Float32Array | undefined,
  explain: boolean,
): Promise<Pick<Retrieval, 'hits' | 'explanations' | 'isFallback' | 'engine'> & { reasons: string[] }> {
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

function ranked(hits: readonly FindHit[]): FindHit[] {
  return hits.map((hit, index) => ({ ...hit, rank: index + 1, score: 1 / (RANK_OFFSET + index + 1) }));
}

function fragmentOf(hit: FindHit, text: string): ContextFragment {
  const { rank, frame_id, uri, title, score, matches } = hit;
  const kind = text.length === hit.text.length ? 'full' : 'summary';
  const range = (): [number, number] => [0, text.length];
  return { rank, frame_id, uri, title, text, kind, score, matches, range: range(), chunk_range: range() };
}
