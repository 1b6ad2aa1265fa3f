import { isFetched, missingFetched } from './peers/fetched.ts';
import { missingReference } from './peers/reference-sdk.ts';
import type { PeerName } from './peers/facts.ts';
import type { VectorPeerName } from './vectors/facts.ts';
import { isTantivyBuilt, missingTantivy } from './peers/tantivy-program.ts';

/** Makes a peer ready. Why it cannot be measured, if so. `fetch: false`: only what is there already. */
export function missing(peer: PeerName, fetch: boolean): string | undefined {
  switch (peer) {
    case 'tantivy':
      if (!fetch) return isTantivyBuilt() ? undefined : 'its program is not built';
      return missingTantivy();
    case 'lancedb':
      return missingVectorPeer(peer, fetch);
    case 'reference':
      return fetch ? missingReference() : 'it is not asked for';
    default:
      return undefined;
  }
}

/** The same for a store of vectors. */
export function missingVectorPeer(peer: VectorPeerName, fetch: boolean): string | undefined {
  if (peer !== 'lancedb' && peer !== 'hnswlib') return undefined;
  if (!fetch) return isFetched(peer) ? undefined : 'it is not fetched';
  return missingFetched(peer);
}
