import { FACTS, PEERS } from '../peers/facts.ts';
import type { Figure, Figures, Measured } from '../record.ts';
import { costRatio } from '../statistics.ts';
import { VECTOR_CORPORA } from '../vectors/corpus.ts';
import { VECTOR_FACTS, VECTOR_PEERS } from '../vectors/facts.ts';
import { ROWS, type Row } from './figures.ts';

/** Everyone who has a column in a table. */
export type ShownPeer = Exclude<Measured, 'machine'>;
const SHOWN: readonly ShownPeer[] = [...new Set<ShownPeer>([...PEERS, ...VECTOR_PEERS])];

export interface Cell {
  readonly value: number;
  /** What it costs beside the best peer, ourselves not counted among them. */
  readonly ratio: number | undefined;
}
export interface TableRow {
  readonly row: Row;
  readonly title: string;
  readonly cells: ReadonlyMap<ShownPeer, Cell>;
  /** The best of the others. */
  readonly best: ShownPeer | undefined;
  /** Whether a peer is better than we are. */
  readonly lost: boolean;
}
export interface Table {
  readonly peers: readonly ShownPeer[];
  readonly rows: readonly TableRow[];
}

/** What was measured of one corpus at one size; rows and columns without a figure are left out. */
export function tableOf(figures: Figures, corpus: Figure['corpus'], documents: number): Table {
  const rows = ROWS.flatMap((row) => {
    const wall = rowOf(row, row.title, (peer) => figures.value(peer, corpus, documents, row.figure));
    if (row.cpu !== true) return [wall];
    // The processor time of a rate is a time, and less of it is better.
    const cpu: Row = { ...row, better: 'lower', unit: row.better === 'higher' ? 'us a document' : row.unit };
    return [
      wall,
      rowOf(
        cpu,
        `${row.title.replace(/, p50$/, '')}: processor time`,
        (peer) => figures.get(peer, corpus, documents, row.figure)?.cpu,
      ),
    ];
  }).filter(({ cells }) => cells.size > 0);
  const peers = SHOWN.filter((peer) => rows.some(({ cells }) => cells.has(peer)));
  return { peers, rows };
}

function rowOf(row: Row, title: string, valueOf: (peer: ShownPeer) => number | undefined): TableRow {
  const values = new Map<ShownPeer, number>();
  for (const peer of SHOWN) {
    const value = valueOf(peer);
    if (value !== undefined) values.set(peer, value);
  }
  const others = PEERS.filter((peer) => peer !== 'memvid' && values.has(peer)).toSorted((left, right) =>
    Math.sign(costRatio(values.get(left) ?? 0, values.get(right) ?? 0, row.better) - 1),
  );
  const [best] = others;
  const least = best === undefined ? undefined : values.get(best);
  const cells = new Map<ShownPeer, Cell>();
  for (const [peer, value] of values) {
    const ratio = least === undefined ? undefined : costRatio(value, least, row.better);
    cells.set(peer, {
      value,
      ratio: ratio !== undefined && Number.isFinite(ratio) && ratio >= 0 ? ratio : undefined,
    });
  }
  const own = cells.get('memvid');
  const lost =
    row.neutral !== true &&
    own !== undefined &&
    least !== undefined &&
    (row.better === 'lower' ? own.value > least : own.value < least);
  return { row, title, cells, best, lost };
}

/** The name of a peer in the tables of a corpus. */
export function labelOf(peer: ShownPeer, corpus?: Figure['corpus']): string {
  const ofVectors = VECTOR_CORPORA.some((name) => name === corpus);
  if (ofVectors && peer in VECTOR_FACTS) return VECTOR_FACTS[peer as keyof typeof VECTOR_FACTS].label;
  return peer in FACTS
    ? FACTS[peer as keyof typeof FACTS].label
    : VECTOR_FACTS[peer as keyof typeof VECTOR_FACTS].label;
}
