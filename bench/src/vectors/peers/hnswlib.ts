import { pathToFileURL } from 'node:url';
import { trackOf } from '../../corpus/document.ts';
import { fetchedEntry } from '../../peers/fetched.ts';
import { sync } from '../../peers/snapshot.ts';
import { uriOf } from '../corpus.ts';
import { DIMENSION } from '../data.ts';
import type { VectorPeer } from '../peer.ts';

/** The calls of hnswlib-node that are measured; it is not installed with the workspace, for it has to be compiled. */
interface Graph {
  initIndex(options: { maxElements: number; m: number; efConstruction: number; randomSeed: number }): void;
  addPoint(point: number[], label: number): void;
  searchKnn(
    query: number[],
    count: number,
    filter?: (label: number) => boolean,
  ): {
    neighbors: number[];
  };
  setEf(ef: number): void;
  readIndexSync(path: string): void;
  writeIndexSync(path: string): void;
}
interface Hnswlib {
  default: { HierarchicalNSW: new (space: 'cosine', dimensions: number) => Graph };
}

/** A graph in memory, with a file that it is saved to. */
export default async function hnswlib(): Promise<VectorPeer> {
  const { HierarchicalNSW } = ((await import(pathToFileURL(fetchedEntry('hnswlib')).href)) as Hnswlib)
    .default;
  let graph: Graph;
  let file = '';
  let isChanged = false;
  return {
    efforts: [16, 32, 48, 64, 96, 128, 192, 256, 512, 1024],
    async create({ path, documents }) {
      file = path;
      graph = new HierarchicalNSW('cosine', DIMENSION);
      graph.initIndex({ maxElements: documents, m: 16, efConstruction: 200, randomSeed: 100 });
    },
    async open({ path }) {
      file = path;
      graph = new HierarchicalNSW('cosine', DIMENSION);
      graph.readIndexSync(path);
      graph.setEf(64);
    },
    tune(effort) {
      graph.setEf(effort);
    },
    async putMany(documents) {
      isChanged = true;
      let label = 0;
      for (const { vector } of documents) {
        graph.addPoint(Array.from(vector), label);
        label += 1;
      }
    },
    async near({ vector }, limit, track) {
      // Its filter is asked for each label that the walk meets; an application has to know their tracks.
      const filter = track === undefined ? undefined : (label: number): boolean => trackOf(label) === track;
      return graph
        .searchKnn(Array.from(vector), limit, filter)
        .neighbors.map((label) => ({ uri: uriOf(label) }));
    },
    async close() {
      if (!isChanged) return;
      graph.writeIndexSync(file);
      sync(file);
    },
  };
}
