import { invalidInput } from '@memvid/core';
import { aclOf, type AclContextInput, type AclOptions } from './acl.js';
import { adaptiveRule, type AdaptiveOptions, type AdaptiveRule } from './adaptive.js';
import {
  countOption,
  optionalBoolean,
  optionalFrameId,
  optionalNumber,
  optionalOneOf,
  optionalString,
  type Options,
  ownValue,
} from './check.js';
import { notYet } from './failures.js';
import { optionalSeconds, type Timestamp } from './timestamps.js';
import type { QueryVectorInput } from './embedding/query-vector.js';
import type { FrameRef } from './view.js';
import { whereOf, type Where } from './where.js';

export type SearchMode = 'lex' | 'sem' | 'auto';
/** The other names a mode goes by. */
export type SearchModeName = SearchMode | 'lexical' | 'semantic' | 'hybrid';

const FUSIONS = ['weighted', 'rrf'] as const;
/** How the ranking by words and the one by meaning become one. */
export type Fusion = (typeof FUSIONS)[number];

const RECALLS = ['fast', 'normal', 'high', 'exact'] as const;
/** How hard the nearest vectors are looked for: by name, or a number from 0.1 to 100 of which 1 is `"normal"`. */
export type Recall = (typeof RECALLS)[number] | number;

/** What `find` and `ask` have in common. */
export interface SearchInput extends AdaptiveOptions, AclOptions, QueryVectorInput {
  mode?: SearchModeName | undefined;
  /** Most hits. */
  k?: number | undefined;
  /** Upper bound of a snippet in characters. Default 240. */
  snippetChars?: number | undefined;
  /** Prefix of the uri. */
  scope?: string | undefined;
  where?: Where | undefined;
  /** Only documents from this time on. */
  since?: Timestamp | undefined;
  /** Only documents up to this time. */
  until?: Timestamp | undefined;
  /** The memory as it was when this frame was the newest, without what is removed by now. */
  asOfFrame?: FrameRef | undefined;
  /** Only what carries a timestamp up to this one (epoch seconds), whenever it was stored. */
  asOfTs?: number | undefined;
  /**
   * How `mode: "auto"` makes one ranking of two. `"weighted"` (default): each score is brought to 0…1 over its list and
   * they are added. `"rrf"` (default of `@memvid/sdk/compat`): the sum of 1 / (60 + rank).
   */
  fusion?: Fusion | undefined;
  /** What meaning counts beside words in a weighted fusion, 0 to 1. Default 0.4. */
  semanticWeight?: number | undefined;
  /** How hard the nearest vectors are looked for; `"exact"` compares every one. Default `"normal"`. */
  recall?: Recall | undefined;
}

/** The members of {@link SearchInput}. */
export const SEARCH_MEMBERS: Record<keyof SearchInput, true> = {
  mode: true,
  k: true,
  snippetChars: true,
  scope: true,
  where: true,
  since: true,
  until: true,
  asOfFrame: true,
  asOfTs: true,
  fusion: true,
  semanticWeight: true,
  recall: true,
  adaptive: true,
  minRelevancy: true,
  maxK: true,
  adaptiveStrategy: true,
  aclContext: true,
  aclEnforcementMode: true,
  queryEmbedding: true,
  embedder: true,
  queryEmbeddingModel: true,
  signal: true,
};

/** The request of the native engine for a search. */
export interface FindRequest {
  query: string;
  k: number;
  snippetChars: number;
  cursor?: string;
  scope?: string;
  where?: Where;
  since?: number;
  until?: number;
  asOfFrame?: number;
  asOfTs?: number;
  explain?: boolean;
  ranking?: 'plain' | 'question';
  acl?: AclContextInput;
  fullText?: boolean;
  /** By meaning, or both, or among pictures; only with a vector. */
  mode?: 'sem' | 'auto' | 'clip';
  /** The model that made the vector, among pictures. */
  pictureModel?: string | undefined;
  fusion?: Fusion;
  semanticWeight?: number;
  recall?: Recall;
}

export interface SearchSettings {
  readonly mode: SearchMode;
  /** Everything but the query. */
  readonly request: Omit<FindRequest, 'query'>;
  readonly adaptive: AdaptiveRule | undefined;
  readonly acl: AclContextInput | undefined;
}

const MODES: Readonly<Record<string, SearchMode>> = {
  lex: 'lex',
  lexical: 'lex',
  sem: 'sem',
  semantic: 'sem',
  auto: 'auto',
  hybrid: 'auto',
};

const MODE_NAMES = 'one of "lex" ("lexical"), "sem" ("semantic"), "auto" ("hybrid"); in `find` also "clip"';

/** Checks the options of a search and gives the engine's request for it. */
export function searchSettings(
  options: Options,
  defaults: { mode: SearchMode; k: number; fusion: Fusion },
): SearchSettings {
  const adaptive = adaptiveRule(options);
  const acl = aclOf(options);
  const k = countOption(options['k'], 'k', defaults.k);
  const snippetChars = countOption(options['snippetChars'], 'snippetChars', 240);
  const scope = optionalString(options['scope'], 'scope');
  const where = whereOf(options['where'], 'where');
  const since = optionalSeconds(options['since'], 'since');
  const until = optionalSeconds(options['until'], 'until');
  const asOfFrame = optionalFrameId(options['asOfFrame'], 'asOfFrame');
  const asOfTs = optionalSeconds(options['asOfTs'], 'asOfTs');
  const fusion = optionalOneOf(options['fusion'], 'fusion', FUSIONS) ?? defaults.fusion;
  const semanticWeight = optionalNumber(options['semanticWeight'], 'semanticWeight', { min: 0, max: 1 });
  const recall = recallOf(options['recall']);
  refuseRecency(options['recency']);
  const request: Omit<FindRequest, 'query'> = {
    k: adaptive?.maxK ?? k,
    snippetChars,
    ...(scope === undefined ? {} : { scope }),
    ...(where === undefined ? {} : { where }),
    ...(since === undefined ? {} : { since }),
    ...(until === undefined ? {} : { until }),
    ...(asOfFrame === undefined ? {} : { asOfFrame }),
    ...(asOfTs === undefined ? {} : { asOfTs }),
    ...(acl === undefined ? {} : { acl }),
    ...(fusion === 'weighted' ? {} : { fusion }),
    ...(semanticWeight === undefined ? {} : { semanticWeight }),
    ...(recall === undefined ? {} : { recall }),
  };
  return { mode: modeOf(options['mode'], defaults.mode), request, adaptive, acl };
}

/** The mode under any of its names, in any case. */
function modeOf(value: unknown, fallback: SearchMode): SearchMode {
  if (value === undefined || value === null) return fallback;
  const mode = typeof value === 'string' ? ownValue(MODES, value.toLowerCase()) : undefined;
  if (mode === undefined) throw invalidInput('mode', value, MODE_NAMES);
  return mode;
}

function recallOf(value: unknown): Recall | undefined {
  if (value === undefined || value === null) return undefined;
  const isNumber = typeof value === 'number' && value >= 0.1 && value <= 100;
  if (isNumber || RECALLS.includes(value as (typeof RECALLS)[number])) return value as Recall;
  throw invalidInput(
    'recall',
    value,
    'one of "fast", "normal", "high", "exact", or a number from 0.1 to 100',
  );
}

/** Scores do not depend on age yet. Said, so that nobody takes the order of a list for what it is not. */
function refuseRecency(value: unknown): void {
  if (value === undefined || value === null) return;
  throw notYet(
    'recency',
    'scores do not depend on age',
    'Narrow the search with `since`, or read `timeline({ reverse: true })`.',
  );
}

export function explainOf(options: Options): boolean {
  return optionalBoolean(options['explain'], 'explain', false);
}
