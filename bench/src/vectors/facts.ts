export const VECTOR_PEERS = ['memvid', 'sqlite', 'lancedb', 'usearch', 'hnswlib'] as const;
export type VectorPeerName = (typeof VECTOR_PEERS)[number];

/** What is known of a peer that stores vectors, before it is measured. */
export interface VectorPeerFacts {
  readonly label: string;
  /** How it is used here. */
  readonly setting: string;
  /** Ending of its file; a store without one is a folder. */
  readonly ending: string;
  /** Vectors beyond which it takes too long to be measured. */
  readonly most: number;
  /** Vectors from which it is measured in one round. */
  readonly slowFrom: number;
  /** Share of the nearest that it has to find, where it can be told how hard to look. */
  readonly recall: number;
  /** Whether it can be asked for vectors of one track only. */
  readonly filters: boolean;
  /** Whether it finds by words too. */
  readonly words: boolean;
  /** Why figures of it are absent. */
  readonly absent: readonly string[];
}

const ALL = Number.POSITIVE_INFINITY;
const LARGE = 500_000;

export const VECTOR_FACTS: Record<VectorPeerName, VectorPeerFacts> = {
  memvid: {
    label: 'memvid',
    setting:
      '`@memvid/sdk` through its public calls, its default recall; documents with text, `enableLex: false` where words are not asked for; each hit comes ' +
      'with its text and a snippet',
    ending: '.mv2',
    recall: 0.99,
    most: ALL,
    slowFrom: LARGE,
    filters: true,
    words: true,
    absent: [],
  },
  sqlite: {
    label: 'SQLite + sqlite-vec',
    setting:
      '`better-sqlite3` with the extension `sqlite-vec`; a row with the text and one in a `vec0` table (cosine, the track as a metadata column), WAL with ' +
      '`synchronous = FULL`; for words an FTS5 index beside them; exact, it compares everything; words and meaning: the best 100 of each, scores brought to 0 to 1 and ' +
      'added with the weights 0.6 and 0.4',
    ending: '.db',
    recall: 0.99,
    most: ALL,
    slowFrom: LARGE,
    filters: true,
    words: true,
    absent: [],
  },
  lancedb: {
    label: 'LanceDB',
    setting:
      '`@lancedb/lancedb`, one table with text and vector, cosine; below 50 000 vectors without an index (it compares everything, as its manual advises), else ' +
      'with `hnswSq` at a recall of 0.96, its fastest way: 0.99 takes comparing five candidates a hit in full and 1.6 times as long, and `ivfPq` of its default sizes finds 0.93 with fifty; ' +
      'a bitmap index over the track; its files are synced here; words and meaning: its own `RRFReranker`',
    ending: '',
    recall: 0.96,
    most: 100_000,
    slowFrom: 100_000,
    filters: true,
    words: true,
    absent: ['more than 100 000 vectors, to keep the run short'],
  },
  usearch: {
    label: 'usearch',
    setting:
      'a graph in memory and nothing else: no texts, hits are numbers; f32, cosine, 16 edges, `expansion_add` 128, all cores; saved to a file that is synced',
    ending: '.usearch',
    recall: 0.99,
    most: 100_000,
    slowFrom: 100_000,
    filters: false,
    words: false,
    absent: [
      'a filter: its binding for Node has none',
      'words: it is an index of vectors only',
      'more than 100 000 vectors: building the graph takes 1.5 ms and more of processor time a vector',
    ],
  },
  hnswlib: {
    label: 'hnswlib-node',
    setting:
      'a graph in memory and nothing else: no texts, hits are numbers; cosine, 16 edges, `efConstruction` 200; saved to a file that is synced. It has to be ' +
      'compiled by its install script, so that it is fetched on first use',
    ending: '.hnsw',
    recall: 0.99,
    most: 100_000,
    slowFrom: 100_000,
    filters: true,
    words: false,
    absent: [
      'words: it is an index of vectors only',
      'more than 100 000 vectors: building the graph takes too long',
    ],
  },
};
