import { InvalidInputError } from '@memvid/core';
import { adaptiveCount } from './adaptive.js';
import { contextOf } from './ask/context.js';
import { memberNames, optionalString, queryOf, speltOptions, type Options } from './check.js';
import { queryVector, type QueryVector } from './embedding/query-vector.js';
import { unusedVectors } from './embedding/unused-vectors.js';
import type { Explanation } from './explanation.js';
import { foundOf } from './found.js';
import type { Handle } from './handle.js';
import { imageEmbedderInput, type PictureInput, type PictureQuery } from './image.js';
import { looksForPictures, pictureVector } from './picture.js';
import {
  explainOf,
  SEARCH_MEMBERS,
  searchSettings,
  type FindRequest,
  type SearchInput,
  type SearchModeName,
  type SearchSettings,
} from './search-options.js';

export interface FindInput extends Omit<SearchInput, 'mode'>, PictureInput {
  /** `"clip"`: pictures that show what the query says. */
  mode?: SearchModeName | 'clip' | undefined;
  /** `next_cursor` of the answer before. */
  cursor?: string | undefined;
  /** Show what each score is made of. Default `false`. */
  explain?: boolean | undefined;
}

export interface FindHit {
  /** From 1, going on over pages. */
  rank: number;
  /** The document, or the chunk of a long one that matched. */
  frame_id: number;
  /** The document a chunk belongs to. */
  parent_id: number | null;
  uri: string;
  title: string;
  /** The place of the stored text that matches best, at most `snippetChars` long. */
  snippet: string;
  /** The whole stored text of the frame. */
  text: string;
  score: number;
  /** Occurrences of the query's words. */
  matches: number;
  tags: string[];
  labels: string[];
  kind: string | null;
  track: string | null;
  /** Days the text speaks of, `YYYY-MM-DD`. */
  content_dates: string[];
  /** ISO 8601, UTC. */
  created_at: string;
  /** Epoch seconds. */
  timestamp: number;
  metadata: Record<string, unknown>;
  /** What the score is made of; with `explain: true`. */
  explain?: Explanation;
}

/** What was looked for by: words, meaning, both, or pictures. The names are those of the reference. */
export type SearchEngine = 'tantivy' | 'vec' | 'hybrid' | 'clip';

export interface FindResult {
  query: string;
  /** What was looked for by: `"tantivy"` (words), `"vec"` (meaning), `"hybrid"` (both) or `"clip"` (pictures). */
  engine: SearchEngine;
  hits: FindHit[];
  total_hits: number;
  /** `false` when very common or required words and phrases were not counted to the end: `total_hits` is then a lower bound. */
  total_is_exact: boolean;
  /** The snippets, numbered as the hits. */
  context: string;
  /** `null` on the last page. */
  next_cursor: string | null;
  took_ms: number;
  /** Why the search did less than was asked for. */
  warnings?: string[];
}

const OPTION_NAMES = /* @__PURE__ */ memberNames<FindInput, SearchInput>(
  { imageEmbedder: true, cursor: true, explain: true },
  SEARCH_MEMBERS,
);
const DEFAULT_K = 10;
const VECTOR_OPTIONS = ['queryEmbedding', 'embedder', 'queryEmbeddingModel', 'signal'];

/** Searches the memory by words, by meaning, or both, or its pictures. */
export async function find(
  handle: Handle,
  query: string | PictureQuery,
  options?: FindInput,
): Promise<FindResult> {
  handle.assertOpen('find');
  const given = speltOptions(options, OPTION_NAMES);
  const { fusion } = handle.settings;
  const among = looksForPictures(query, given);
  const settings = searchSettings(among ? { ...given, mode: undefined } : given, {
    mode: usualMode(handle, {}),
    k: DEFAULT_K,
    fusion,
  });
  const cursor = optionalString(given['cursor'], 'cursor');
  const explain = explainOf(given);
  const words = among && typeof query !== 'string' ? '' : queryOf(query as string, 'query');
  const request = {
    ...settings.request,
    query: words,
    ...(cursor === undefined ? {} : { cursor }),
    ...(explain ? { explain } : {}),
  };
  if (among) {
    const { vector, model } = await pictureVector(handle, query, given);
    const looked = { ...request, mode: 'clip', pictureModel: model } as const;
    return cutAdaptively(await search(handle, 'find', looked, vector), settings);
  }
  imageEmbedderInput(given['imageEmbedder'], 'imageEmbedder');
  const pending = vectorOfQuestion(handle, 'find', settings, given, words);
  const { vector, warnings } = pending instanceof Promise ? await pending : pending;
  const result = await search(handle, 'find', withMode(request, settings, vector), vector);
  const cut = cutAdaptively(result, settings);
  return warnings.length === 0 ? cut : { ...cut, warnings: [...warnings, ...(cut.warnings ?? [])] };
}

/** Who brings vectors wants them used: with one, or an embedder, a search goes by words and meaning. */
export function usualMode(handle: Handle, options: Options): 'lex' | 'auto' {
  const brings = options['queryEmbedding'] ?? options['embedder'] ?? handle.settings.embedder;
  return (brings ?? undefined) === undefined ? 'lex' : 'auto';
}

/**
 * The vector of a question, or the reasons why a search by meaning becomes one by words. A call without vector options
 * costs nothing here and does not wait, so that it is run in the order of the calls.
 */
export function vectorOfQuestion(
  handle: Handle,
  operation: string,
  settings: SearchSettings,
  options: Options,
  question: string,
): QueryVector | Promise<QueryVector> {
  const plain = settings.mode === 'lex' && !VECTOR_OPTIONS.some((name) => name in options);
  const isChosen = (options['mode'] ?? undefined) !== undefined;
  return plain
    ? { vector: undefined, warnings: isChosen ? [] : unusedVectors(handle) }
    : queryVector(handle, operation, settings.mode, options, question);
}

/** The request of a search that has a vector; without one it goes by words, whatever was asked for. */
export function withMode<T extends FindRequest>(
  request: T,
  { mode }: SearchSettings,
  vector: Float32Array | undefined,
): T {
  return vector === undefined || mode === 'lex' ? request : { ...request, mode };
}

/**
 * Runs one search in the engine. A query without a single word (`???`, `🦜`) matches nothing: what a person types
 * is no error.
 */
export async function search(
  handle: Handle,
  operation: string,
  request: FindRequest,
  vector?: Float32Array,
): Promise<FindResult> {
  const started = performance.now();
  try {
    const answer = await handle.read(operation, (native) =>
      vector === undefined
        ? native.find(JSON.stringify(request))
        : native.find(JSON.stringify(request), vector),
    );
    const { engine, hits, total_hits, total_is_exact, next_cursor, warnings, took_ms } = foundOf(answer);
    return {
      query: request.query,
      engine,
      hits,
      total_hits,
      total_is_exact,
      next_cursor,
      ...(warnings === undefined ? {} : { warnings }),
      took_ms,
      context: contextOf(
        hits,
        (hit) => hit.snippet,
        (hit) => hit.rank,
      ),
    };
  } catch (error) {
    if (!(error instanceof InvalidInputError) || error.details?.['argument'] !== 'query') throw error;
    return {
      query: request.query,
      engine: 'tantivy',
      hits: [],
      total_hits: 0,
      total_is_exact: true,
      context: '',
      next_cursor: null,
      took_ms: Math.round(performance.now() - started),
    };
  }
}

/** Leaves the hits that the strategy keeps. */
export function cutAdaptively(result: FindResult, settings: SearchSettings): FindResult {
  if (settings.adaptive === undefined) return result;
  const hits = result.hits.slice(
    0,
    adaptiveCount(
      result.hits.map((hit) => hit.score),
      settings.adaptive,
    ),
  );
  return {
    ...result,
    hits,
    total_hits: hits.length,
    next_cursor: null,
    context: contextOf(
      hits,
      (hit) => hit.snippet,
      (hit) => hit.rank,
    ),
  };
}
