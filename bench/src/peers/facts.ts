import type { QueryClass } from '../queries.ts';
import { QUERY_CLASSES } from '../queries.ts';

export const PEERS = ['memvid', 'sqlite', 'tantivy', 'minisearch', 'orama', 'lancedb', 'reference'] as const;
export type PeerName = (typeof PEERS)[number];

/** What is known of a peer before it is measured. */
export interface PeerFacts {
  readonly label: string;
  /** How it is used here. */
  readonly setting: string;
  /** Ending of its file; a store without one is a folder. */
  readonly ending: string;
  /** Documents beyond which it takes too long, or too much memory, to be measured. */
  readonly most: number;
  readonly classes: readonly QueryClass[];
  /** Single puts measured at the end of a filled store; 0: it has none that is durable. */
  readonly puts: number;
  /** Short lives measured: open, put one, close. */
  readonly sessions: number;
  /** Whether 10 000 single puts are measured. */
  readonly manyPuts: boolean;
  readonly timeline: boolean;
  /** Questions asked, where not all can be. */
  readonly questions?: number;
  /** Heap of Node in MB, where everything is in memory and its default is too small. */
  readonly heap?: number;
  /** Documents from which it is measured in one round instead of several; without it, where a round takes minutes for all. */
  readonly slowFrom?: number;
  /** Why figures of it are absent. */
  readonly absent: readonly string[];
}

const ALL = Number.POSITIVE_INFINITY;
const WITHOUT_PHRASES = QUERY_CLASSES.filter((name) => name !== 'phrase');

export const FACTS: Record<PeerName, PeerFacts> = {
  memvid: {
    label: 'memvid',
    setting: '`@memvid/sdk` through its public calls, as an application uses it',
    ending: '.mv2',
    most: ALL,
    classes: QUERY_CLASSES,
    puts: 300,
    sessions: 30,
    manyPuts: true,
    timeline: true,
    absent: [],
  },
  sqlite: {
    label: 'SQLite FTS5',
    setting:
      '`better-sqlite3`; a table of documents and an FTS5 index over title and text beside it, Porter stemmer, words joined by OR, `bm25()`, ' +
      '`snippet()`, WAL with `synchronous = FULL`, an index over the time',
    ending: '.db',
    most: ALL,
    classes: QUERY_CLASSES,
    puts: 300,
    sessions: 30,
    manyPuts: true,
    timeline: true,
    absent: [],
  },
  tantivy: {
    label: 'tantivy',
    setting:
      'tantivy 0.27 in a Rust program (`bench/peers/tantivy`) that measures its own calls, so that nothing of Node is in its figures; `en_stem` over title and ' +
      'text, stored text, snippets, documents read from a file of lines; the processor time is that of the program',
    ending: '',
    most: ALL,
    classes: QUERY_CLASSES,
    puts: 100,
    sessions: 10,
    manyPuts: false,
    timeline: true,
    absent: [
      '10 000 single puts: each is a commit of its own (see "one durable put"), so that they take minutes',
    ],
  },
  minisearch: {
    label: 'MiniSearch',
    setting:
      'an index in memory, without stemming; a synced snapshot in JSON is its only durability; makes no snippets',
    ending: '.json',
    heap: 8192,
    most: 100_000,
    slowFrom: 100_000,
    classes: WITHOUT_PHRASES,
    puts: 0,
    sessions: 0,
    manyPuts: false,
    timeline: false,
    absent: [
      'single puts: none is durable short of writing the whole snapshot',
      'phrases and a page of the timeline: it has neither',
      'more than 100 000 documents: everything is in memory, and the snapshot is one string',
    ],
  },
  orama: {
    label: 'Orama',
    setting:
      'an index in memory, English stemmer; a synced snapshot of its persistence plugin (`binary`) is its only durability; makes no snippets',
    ending: '.msp',
    heap: 8192,
    most: 10_000,
    slowFrom: 10_000,
    classes: WITHOUT_PHRASES,
    puts: 0,
    sessions: 0,
    manyPuts: false,
    timeline: true,
    absent: [
      'single puts: none is durable short of writing the whole snapshot',
      'phrases: it has none',
      'more than 10 000 documents: everything is in memory, and it indexes about 1 000 a second',
    ],
  },
  lancedb: {
    label: 'LanceDB',
    setting:
      '`@lancedb/lancedb` with its full-text index over title and text (stemmer, positions); its files are synced here after they were written; makes no snippets',
    ending: '',
    most: 100_000,
    slowFrom: 100_000,
    classes: QUERY_CLASSES.filter((name) => name !== 'prefix'),
    puts: 0,
    sessions: 0,
    manyPuts: false,
    timeline: true,
    absent: [
      'single puts: it never syncs what it writes, so that none is durable',
      'more than 100 000 documents, to keep the run short',
      'prefixes: its full-text queries have none',
    ],
  },
  reference: {
    label: 'reference SDK',
    setting: 'the reference SDK as published',
    ending: '.mv2',
    most: 200,
    classes: ['question'],
    puts: 10,
    sessions: 3,
    manyPuts: false,
    timeline: false,
    questions: 50,
    slowFrom: 0,
    absent: ['more than 200 documents: it stores about 20 a second, and a question takes longer with each'],
  },
};
