import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PeerName } from './facts.ts';
import { fetchedPackage } from './fetched.ts';
import type { VectorPeerName } from '../vectors/facts.ts';
import { REFERENCE_PACKAGE } from './reference-sdk.ts';

/** What an application installs from npm to use a peer, in the versions that are measured. */
export function npmPackagesOf(peer: PeerName): string[] {
  switch (peer) {
    case 'sqlite':
      return [pinned('better-sqlite3')];
    case 'minisearch':
      return [pinned('minisearch')];
    case 'orama':
      return [pinned('@orama/orama'), pinned('@orama/plugin-data-persistence')];
    case 'lancedb':
      return [fetchedPackage('lancedb')];
    case 'reference':
      return [REFERENCE_PACKAGE];
    default:
      return [];
  }
}

/** The same of a store of vectors. */
export function vectorPackagesOf(peer: VectorPeerName): string[] {
  switch (peer) {
    case 'sqlite':
      return [pinned('better-sqlite3'), pinned('sqlite-vec')];
    case 'usearch':
      return [pinned('usearch')];
    case 'lancedb':
    case 'hnswlib':
      return [fetchedPackage(peer)];
    default:
      return [];
  }
}

function pinned(name: string): string {
  const manifest = JSON.parse(readFileSync(join(import.meta.dirname, '../../package.json'), 'utf8')) as {
    dependencies: Record<string, string>;
  };
  return `${name}@${manifest.dependencies[name]}`;
}
