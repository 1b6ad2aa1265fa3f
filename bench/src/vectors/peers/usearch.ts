import type { Index } from 'usearch';
import { sync } from '../../peers/snapshot.ts';
import { DIMENSION } from '../data.ts';
import { uriOf } from '../corpus.ts';
import type { VectorPeer } from '../peer.ts';

/** Rows that are handed over at once. */
const ROWS = 1000;
const CONNECTIVITY = 16;
const EXPANSION_ADD = 128;

/** A graph in memory, with a file that it is saved to. */
export default async function usearch(): Promise<VectorPeer> {
  const library = await import('usearch');
  // How hard it looks is a property of the index object, whatever the file says.
  const empty = (effort: number): Index =>
    new library.Index({
      dimensions: DIMENSION,
      metric: library.MetricKind.Cos,
      quantization: library.ScalarKind.F32,
      connectivity: CONNECTIVITY,
      expansion_add: EXPANSION_ADD,
      expansion_search: effort,
      multi: false,
    });
  const efforts = [16, 32, 48, 64, 96, 128, 192, 256, 512, 1024];
  let index: Index;
  let file = '';
  let isChanged = false;
  return {
    efforts,
    async create({ path }) {
      file = path;
      index = empty(64);
    },
    async open({ path }) {
      file = path;
      index = empty(64);
      index.load(path);
    },
    tune(effort) {
      index = empty(effort);
      index.load(file);
    },
    async putMany(documents) {
      isChanged = true;
      const rows = new Float32Array(ROWS * DIMENSION);
      let held = 0;
      let first = 0n;
      const store = (): void => {
        const keys = BigUint64Array.from({ length: held }, (_, row) => first + BigInt(row));
        index.add(keys, rows.subarray(0, held * DIMENSION), 0);
        first += BigInt(held);
        held = 0;
      };
      for (const { vector } of documents) {
        rows.set(vector, held * DIMENSION);
        held += 1;
        if (held === ROWS) store();
      }
      if (held > 0) store();
    },
    async near({ vector }, limit) {
      return Array.from(index.search(vector, limit, 1).keys, (key) => ({ uri: uriOf(Number(key)) }));
    },
    async close() {
      if (!isChanged) return;
      index.save(file);
      sync(file);
    },
  };
}
