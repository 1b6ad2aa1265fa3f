import { isFetched, missingFetched } from './peers/fetched.ts';
import { missingReference } from './peers/reference-sdk.ts';
import type { PeerName } from './peers/facts.ts';
import { isTantivyBuilt, missingTantivy } from './peers/tantivy-program.ts';

/** Makes a peer ready. Why it cannot be measured, if so. `fetch: false`: only what is there already. */
export function missing(peer: PeerName, fetch: boolean): string | undefined {
  switch (peer) {
    case 'tantivy':
      if (!fetch) return isTantivyBuilt() ? undefined : 'its program is not built';
      return missingTantivy();
    case 'lancedb':
      if (!fetch) return isFetched('lancedb') ? undefined : 'it is not fetched';
      return missingFetched('lancedb');
    case 'reference':
      return fetch ? missingReference() : 'it is not asked for';
    default:
      return undefined;
  }
}
