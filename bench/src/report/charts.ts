import { PEERS } from '../peers/facts.ts';
import { QUERY_CLASSES } from '../queries.ts';
import type { Figure, Figures } from '../record.ts';
import { dotChart, lineChart, type Point } from './chart.ts';
import { CLASS_TITLES } from './figures.ts';
import { shownCount } from './numbers.ts';

export interface Chart {
  /** Name of its file, without ending. */
  readonly name: string;
  readonly title: string;
  readonly svg: string;
}

interface Growth {
  readonly name: string;
  readonly title: string;
  readonly unit: string;
  readonly figure: string;
  /** From the figure to what is shown. */
  readonly shown?: (value: number) => number;
}

const GROWTH: readonly Growth[] = [
  {
    name: 'growth-find',
    title: 'Finding 8 words',
    unit: 'ms, p50, less is better',
    figure: 'find_words8_p50',
  },
  {
    name: 'growth-rare',
    title: 'Finding a rare word',
    unit: 'ms, p50, less is better',
    figure: 'find_rare_p50',
  },
  {
    name: 'growth-ingest',
    title: 'Storing all documents in one call',
    unit: 'microseconds a document, less is better',
    figure: 'ingest',
    shown: (rate) => 1e6 / rate,
  },
  {
    name: 'growth-put',
    title: 'A durable put into a store of so many documents',
    unit: 'microseconds, over 10 000 and closing, less is better',
    figure: 'puts_onto',
  },
  { name: 'growth-open', title: 'Opening to first hit', unit: 'ms, less is better', figure: 'first_hit' },
  {
    name: 'growth-memory',
    title: 'Peak memory while storing all',
    unit: 'MB, less is better',
    figure: 'ingest_rss',
  },
];

/** Charts of the synthetic text, which there is as much of as wanted. */
function growthCharts(figures: Figures): Chart[] {
  return GROWTH.flatMap(({ name, title, unit, figure, shown = (value) => value }) => {
    const lines = PEERS.flatMap((peer) => {
      const points = figures.all
        .filter(
          (one) => one.peer === peer && one.corpus === 'synthetic' && one.figure === figure && one.value > 0,
        )
        .map(({ documents, value }): Point => ({ documents, value: shown(value) }));
      return points.length === 0 ? [] : [{ peer, points }];
    });
    const sizes = new Set(lines.flatMap(({ points }) => points.map(({ documents }) => documents)));
    return sizes.size < 2 ? [] : [{ name, title, svg: lineChart({ title, unit, lines }) }];
  });
}

/** Ours beside the peers, by class of query, at the largest size with real text and the largest without. */
function classCharts(figures: Figures): Chart[] {
  return (['real', 'synthetic'] as const).flatMap((corpus) => {
    const documents = largestOf(figures, corpus);
    if (documents === undefined) return [];
    const rows = QUERY_CLASSES.flatMap((name) => {
      const values = PEERS.flatMap((peer) => {
        const value = figures.value(peer, corpus, documents, `find_${name}_p50`);
        return value === undefined || value <= 0 ? [] : [{ peer, value }];
      });
      return values.length === 0 ? [] : [{ title: CLASS_TITLES[name], values }];
    });
    const title = `Ten hits with text: ${shownCount(documents)} documents of ${corpus} text`;
    return rows.length === 0
      ? []
      : [
          {
            name: `find-${corpus}`,
            title,
            svg: dotChart({ title, unit: 'ms, p50, further left is better', rows }),
          },
        ];
  });
}

function largestOf(figures: Figures, corpus: Figure['corpus']): number | undefined {
  return figures.all.findLast(
    (one) => one.corpus === corpus && one.figure.startsWith('find_') && one.figure.endsWith('_p50'),
  )?.documents;
}

export function chartsOf(figures: Figures): Chart[] {
  return [...classCharts(figures), ...growthCharts(figures)];
}
