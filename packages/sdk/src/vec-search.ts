import { invalidInput } from '@memvid/core';
import { optionsOf, queryOf } from './check.js';
import { semanticNotYet } from './failures.js';
import type { FindResult } from './find.js';
import type { Handle } from './handle.js';
import { searchSettings, type SearchInput } from './search-options.js';
import { checkQueryVector } from './vectors.js';

export type VecSearchInput = Pick<
  SearchInput,
  | 'k'
  | 'snippetChars'
  | 'scope'
  | 'adaptive'
  | 'minRelevancy'
  | 'maxK'
  | 'adaptiveStrategy'
  | 'aclContext'
  | 'aclEnforcementMode'
>;

/** Searches by a vector. This version refuses it with the code of the first thing that is missing. */
export async function vecSearch(
  handle: Handle,
  query: string,
  queryEmbedding: readonly number[] | Float32Array,
  options?: VecSearchInput,
): Promise<FindResult> {
  handle.assertOpen('vecSearch');
  queryOf(query, 'query');
  if (queryEmbedding === undefined || queryEmbedding === null) {
    throw invalidInput('queryEmbedding', queryEmbedding, 'an array of numbers or a Float32Array');
  }
  const given = optionsOf(options);
  searchSettings({ ...given, mode: 'sem' }, { mode: 'sem', k: 10 });
  await checkQueryVector(handle, 'vecSearch', 'sem', { queryEmbedding });
  throw semanticNotYet('vecSearch');
}
