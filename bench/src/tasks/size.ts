import { lstatSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Peer } from '../peer.ts';
import type { Samples } from '../record.ts';

/** Bytes of a file, or of all files in a folder. */
export function sizeOf(path: string): number {
  const status = lstatSync(path);
  if (!status.isDirectory()) return status.size;
  return readdirSync(path).reduce((sum, name) => sum + sizeOf(join(path, name)), 0);
}

/** Share of the store that is dead, from a peer that tells it. The store is open. */
export async function deadSpace(peer: Peer, figure: string): Promise<Samples> {
  return peer.dead === undefined ? {} : { [figure]: { value: (await peer.dead()) * 100, unit: '%' } };
}
