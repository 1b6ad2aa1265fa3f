import type { CorpusName } from './corpus/corpus.ts';
import type { DatasetName } from './quality/datasets.ts';
import type { PeerName } from './peers/facts.ts';
import type { VectorCorpusName } from './vectors/corpus.ts';
import type { VectorPeerName } from './vectors/facts.ts';

/** What one task measured once. */
export interface Sample {
  value: number;
  unit: string;
  /** Processor time of all threads, in `cpuUnit`. */
  cpu?: number;
  cpuUnit?: string;
  /** How many calls the value was made from. */
  calls?: number;
}
export type Samples = Record<string, Sample>;

/** `machine`: the disk and the making of documents, without any peer. */
export type Measured = PeerName | VectorPeerName | 'machine';

/** One line of the results. */
export interface Figure {
  peer: Measured;
  corpus: CorpusName | VectorCorpusName | DatasetName | 'none';
  documents: number;
  figure: string;
  /** Median of the rounds. */
  value: number;
  unit: string;
  cpu?: number;
  cpu_unit?: string;
  calls?: number;
  rounds: number;
  /** What each round gave. */
  spread?: number[];
  date: string;
  commit: string;
  machine: string;
  node: string;
  /** Processes that wanted to run when the measuring began. */
  load: number;
}

type Key = Pick<Figure, 'peer' | 'corpus' | 'documents' | 'figure'>;

function keyOf({ peer, corpus, documents, figure }: Key): string {
  return `${peer} ${corpus} ${documents} ${figure}`;
}

/** The figures of several runs: of each the newest, in an order that does not depend on theirs. */
export function merged(figures: readonly Figure[]): Figure[] {
  const newest = new Map<string, Figure>();
  for (const figure of figures) {
    const other = newest.get(keyOf(figure));
    if (other === undefined || other.date <= figure.date) newest.set(keyOf(figure), figure);
  }
  return [...newest.values()].toSorted(
    (left, right) => left.documents - right.documents || (keyOf(left) < keyOf(right) ? -1 : 1),
  );
}

/** The figures of a file of lines. */
export function parseFigures(text: string): Figure[] {
  return text
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as Figure);
}

export function linesOf(figures: readonly Figure[]): string {
  return figures.map((figure) => `${JSON.stringify(figure)}\n`).join('');
}

/** Figures by what they are of. */
export class Figures {
  readonly #byKey: ReadonlyMap<string, Figure>;
  readonly all: readonly Figure[];

  constructor(figures: readonly Figure[]) {
    this.all = merged(figures);
    this.#byKey = new Map(this.all.map((figure) => [keyOf(figure), figure]));
  }
  get(peer: Measured, corpus: Figure['corpus'], documents: number, figure: string): Figure | undefined {
    return this.#byKey.get(keyOf({ peer, corpus, documents, figure }));
  }
  value(peer: Measured, corpus: Figure['corpus'], documents: number, figure: string): number | undefined {
    return this.get(peer, corpus, documents, figure)?.value;
  }
}
