import { invalidInput } from '@memvid/core';
import { memberNames, queryOf, speltOptions } from './check.js';
import { cutAdaptively, search, withMode, type FindResult } from './find.js';
import type { Handle } from './handle.js';
import { SEARCH_MEMBERS, searchSettings, type SearchInput } from './search-options.js';
import { queryVector } from './embedding/query-vector.js';
import type { EmbeddingVector } from './embedding/given-vector.js';

export type VecSearchInput = Pick<
  SearchInput,
  | 'k'
  | 'snippetChars'
  | 'scope'
  | 'where'
  | 'since'
  | 'until'
  | 'asOfFrame'
  | 'asOfTs'
  | 'recall'
  | 'adaptive'
  | 'minRelevancy'
  | 'maxK'
  | 'adaptiveStrategy'
  | 'aclContext'
  | 'aclEnforcementMode'
>;

const OPTION_NAMES = /* @__PURE__ */ memberNames<SearchInput>(SEARCH_MEMBERS);

/** Searches by a vector. The words of the query choose the snippets. */
export async function vecSearch(
  handle: Handle,
  query: string,
  queryEmbedding: EmbeddingVector,
  options?: VecSearchInput,
): Promise<FindResult> {
  handle.assertOpen('vecSearch');
  const words = queryOf(query, 'query');
  if (queryEmbedding === undefined || queryEmbedding === null) {
    throw invalidInput('queryEmbedding', queryEmbedding, 'an array of numbers or a Float32Array');
  }
  const given = speltOptions(options, OPTION_NAMES);
  const settings = searchSettings(
    { ...given, mode: 'sem' },
    {
      mode: 'sem',
      k: 10,
      fusion: handle.settings.fusion,
    },
  );
  const { vector } = await queryVector(handle, 'vecSearch', 'sem', { queryEmbedding }, words);
  const request = withMode({ ...settings.request, query: words }, settings, vector);
  return cutAdaptively(await search(handle, 'vecSearch', request, vector), settings);
}
