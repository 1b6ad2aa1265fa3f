import { InvalidInputError } from '@memvid/core';
import { adaptiveCount } from './adaptive.js';
import { contextOf } from './ask/context.js';
import { optionalString, optionsOf, queryOf, type Options } from './check.js';
import { foundOf } from './found.js';
import type { Handle } from './handle.js';
import {
  explainOf,
  searchSettings,
  type FindRequest,
  type SearchInput,
  type SearchSettings,
} from './search-options.js';
import { checkQueryVector } from './vectors.js';

export interface FindInput extends SearchInput {
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
  /** With `explain: true`. */
  explain?: Record<string, unknown>;
}

export interface FindResult {
  query: string;
  /** `"tantivy"` for a search by words. */
  engine: string;
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

const DEFAULT_K = 10;
const VECTOR_OPTIONS = ['queryEmbedding', 'embedder', 'queryEmbeddingModel'];

/** Searches the memory by words. */
export async function find(handle: Handle, query: string, options?: FindInput): Promise<FindResult> {
  handle.assertOpen('find');
  const words = queryOf(query, 'query');
  const given = optionsOf(options);
  const settings = searchSettings(given, { mode: 'lex', k: DEFAULT_K });
  const cursor = optionalString(given['cursor'], 'cursor');
  const explain = explainOf(given);
  const pending = queryWarnings(handle, 'find', settings, given);
  const warnings = Array.isArray(pending) ? pending : await pending;
  const result = await search(handle, 'find', {
    ...settings.request,
    query: words,
    ...(cursor === undefined ? {} : { cursor }),
    ...(explain ? { explain } : {}),
  });
  const cut = cutAdaptively(result, settings);
  return warnings.length === 0 ? cut : { ...cut, warnings: [...warnings, ...(cut.warnings ?? [])] };
}

/**
 * The reasons why a search by meaning becomes one by words. A call without vector options costs nothing here and
 * does not wait, so that it is run in the order of the calls.
 */
export function queryWarnings(
  handle: Handle,
  operation: string,
  settings: SearchSettings,
  options: Options,
): string[] | Promise<string[]> {
  const plain = settings.mode === 'lex' && !VECTOR_OPTIONS.some((name) => name in options);
  return plain ? [] : checkQueryVector(handle, operation, settings.mode, options);
}

/**
 * Runs one search in the engine. A query without a single word (`???`, `🦜`) matches nothing: what a person types
 * is no error.
 */
export async function search(handle: Handle, operation: string, request: FindRequest): Promise<FindResult> {
  const started = performance.now();
  try {
    const answer = await handle.read(operation, (native) => native.find(JSON.stringify(request)));
    const { hits, total_hits, total_is_exact, next_cursor, warnings, took_ms } = foundOf(answer);
    return {
      query: request.query,
      engine: 'tantivy',
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

function cutAdaptively(result: FindResult, settings: SearchSettings): FindResult {
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
    context: contextOf(hits, (hit) => hit.snippet),
  };
}
