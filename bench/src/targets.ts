import type { Figure, Figures, Measured } from './record.ts';

/** What the figures have to show. */
export interface Target {
  readonly area: string;
  readonly title: string;
  /** The number that is compared; `undefined` while a figure of it is not measured. */
  readonly measured: (figures: Figures) => number | undefined;
  readonly bound: 'at most' | 'at least';
  readonly limit: number;
  readonly unit: string;
}

export interface Verdict {
  readonly target: Target;
  readonly value: number | undefined;
  /** `undefined`: not measured. */
  readonly met: boolean | undefined;
}

type Corpus = Figure['corpus'];
type Measure = Target['measured'];

const value =
  (peer: Measured, corpus: Corpus, documents: number, figure: string): Measure =>
  (figures) =>
    figures.value(peer, corpus, documents, figure);

const ratio =
  (above: Measure, below: Measure): Measure =>
  (figures) => {
    const [left, right] = [above(figures), below(figures)];
    return left === undefined || right === undefined || right === 0 ? undefined : left / right;
  };

const times = (limit: number): Pick<Target, 'bound' | 'limit' | 'unit'> => ({
  bound: 'at most',
  limit,
  unit: '×',
});
const most = (limit: number, unit: string): Pick<Target, 'bound' | 'limit' | 'unit'> => ({
  bound: 'at most',
  limit,
  unit,
});
const least = (limit: number, unit: string): Pick<Target, 'bound' | 'limit' | 'unit'> => ({
  bound: 'at least',
  limit,
  unit,
});

const K10 = 10_000;
const K100 = 100_000;
const M1 = 1_000_000;
const SINGLE_PUTS = 10_000;
const shown = (documents: number): string => `${documents / 1000}k`;

const FIND: readonly Target[] = [
  ...[K10, K100].flatMap((documents): Target[] => [
    {
      area: 'find',
      title: `real question without function words, ${shown(documents)} documents, p50 beside SQLite FTS5`,
      measured: ratio(
        value('memvid', 'real', documents, 'find_telling_p50'),
        value('sqlite', 'real', documents, 'find_telling_p50'),
      ),
      ...times(0.25),
    },
    {
      area: 'find',
      title: `real question without function words, ${shown(documents)} documents, p50 beside tantivy in its own process`,
      measured: ratio(
        value('memvid', 'real', documents, 'find_telling_p50'),
        value('tantivy', 'real', documents, 'find_telling_p50'),
      ),
      ...times(1),
    },
  ]),
  ...(
    [
      ['rare word', 'rare', 0.1],
      ['3 words', 'words3', 0.6],
      ['8 words', 'words8', 1.5],
    ] as const
  ).map(([title, name, limit]): Target => ({
    area: 'find',
    title: `${title}, 1M documents (synthetic), p50`,
    measured: value('memvid', 'synthetic', M1, `find_${name}_p50`),
    bound: 'at most',
    limit,
    unit: 'ms',
  })),
];

const INGEST: readonly Target[] = [
  ...(['real', 'synthetic'] as const).flatMap((corpus) =>
    [K10, K100].flatMap((documents): Target[] => [
      {
        area: 'bulk ingestion',
        title: `${shown(documents)} documents (${corpus}) in one call`,
        measured: value('memvid', corpus, documents, 'ingest'),
        ...least(20_000, 'documents/s'),
      },
      {
        area: 'bulk ingestion',
        title: `${shown(documents)} documents (${corpus}), time beside SQLite FTS5`,
        measured: ratio(
          value('sqlite', corpus, documents, 'ingest'),
          value('memvid', corpus, documents, 'ingest'),
        ),
        ...times(1),
      },
    ]),
  ),
  {
    area: 'bulk ingestion',
    title: '1M documents (synthetic) in one call',
    measured: ratio(() => M1, value('memvid', 'synthetic', M1, 'ingest')),
    ...most(60, 's'),
  },
  {
    area: 'bulk ingestion',
    title: '1M documents (synthetic) in one call, peak memory of the process',
    measured: value('memvid', 'synthetic', M1, 'ingest_rss'),
    ...most(1000, 'MB'),
  },
  {
    area: 'bulk ingestion',
    title: 'a document at 1M beside one at 10k (synthetic)',
    measured: ratio(value('memvid', 'synthetic', K10, 'ingest'), value('memvid', 'synthetic', M1, 'ingest')),
    ...times(1.5),
  },
];

const PUT: readonly Target[] = [
  {
    area: 'single puts',
    title: 'one durable put, p50, beside one synced record of 2 KiB',
    measured: ratio(value('memvid', 'real', K10, 'put_p50'), value('machine', 'real', K10, 'sync_p50')),
    ...times(2),
  },
  {
    area: 'single puts',
    title: 'one durable put, p50, beside SQLite (WAL, synchronous = FULL)',
    measured: ratio(value('memvid', 'real', K10, 'put_p50'), value('sqlite', 'real', K10, 'put_p50')),
    ...times(0.7),
  },
  {
    area: 'single puts',
    title: 'real question after 10 000 single puts beside the same documents in one batch',
    measured: ratio(
      value('memvid', 'real', SINGLE_PUTS, 'find_question_after_puts_p50'),
      value('memvid', 'real', K10, 'find_question_p50'),
    ),
    ...times(1.5),
  },
  {
    area: 'single puts',
    title: 'a put into 1M documents beside one into an empty file, over 10 000 and closing',
    measured: ratio(
      value('memvid', 'synthetic', M1, 'puts_onto'),
      value('memvid', 'synthetic', SINGLE_PUTS, 'many_puts'),
    ),
    ...times(2),
  },
];

const OPEN: readonly Target[] = [
  ...(['real', 'synthetic'] as const).map((corpus): Target => ({
    area: 'opening',
    title: `100k documents (${corpus}), opening to first hit`,
    measured: value('memvid', corpus, K100, 'first_hit'),
    bound: 'at most',
    limit: 5,
    unit: 'ms',
  })),
  {
    area: 'opening',
    title: '1M documents (synthetic), opening to first hit',
    measured: value('memvid', 'synthetic', M1, 'first_hit'),
    ...most(10, 'ms'),
  },
  {
    area: 'opening',
    title: '1M documents (synthetic), memory added by opening and all questions',
    measured: value('memvid', 'synthetic', M1, 'find_rss'),
    ...most(100, 'MB'),
  },
];

const SIZE: readonly Target[] = [
  ...(['real', 'synthetic'] as const).map((corpus): Target => ({
    area: 'size',
    title: `bytes a document, 100k (${corpus}), beside SQLite FTS5`,
    measured: ratio(value('memvid', corpus, K100, 'size'), value('sqlite', corpus, K100, 'size')),
    bound: 'at most',
    limit: 1,
    unit: '×',
  })),
  {
    area: 'size',
    title: 'dead space of the file, the most after any task from 1 000 documents on',
    measured: ({ all }) => {
      const shares = all
        .filter(({ figure, documents }) => figure.endsWith('_dead') && documents >= 1000)
        .map((figure) => figure.value);
      return shares.length === 0 ? undefined : Math.max(...shares);
    },
    ...most(30, '%'),
  },
];

/** The value of a quality figure, whatever the number of documents. */
const quality =
  (corpus: Corpus, name: string): Measure =>
  ({ all }) =>
    all.find(({ peer, figure, corpus: own }) => peer === 'memvid' && own === corpus && figure === name)
      ?.value;

const QUALITY: readonly Target[] = [
  {
    area: 'quality',
    title: 'LoCoMo (conversations 1–5), recall@10',
    measured: quality('locomo', 'recall10'),
    ...least(0.64, ''),
  },
  {
    area: 'quality',
    title: 'SciFact test, nDCG@10',
    measured: quality('scifact', 'ndcg10'),
    ...least(0.685, ''),
  },
  ...(['locomo', 'scifact'] as const).map((corpus): Target => ({
    area: 'quality',
    title: `${corpus === 'locomo' ? 'LoCoMo' : 'SciFact'}, questions without a hit`,
    measured: quality(corpus, 'empty'),
    bound: 'at most',
    limit: 0,
    unit: '',
  })),
];

const VECTORS: readonly Target[] = [
  {
    area: 'vectors',
    title: '10k real vectors, recall@10',
    measured: value('memvid', 'vectors', K10, 'vector_find_recall'),
    ...least(0.999, ''),
  },
  {
    area: 'vectors',
    title: '10k real vectors, the ten nearest, p50 beside usearch at a recall of 0.99',
    measured: ratio(
      value('memvid', 'vectors', K10, 'vector_find_p50'),
      value('usearch', 'vectors', K10, 'vector_find_p50'),
    ),
    ...times(1),
  },
  {
    area: 'vectors',
    title: '100k mixed vectors, recall@10',
    measured: value('memvid', 'mixtures', K100, 'vector_find_recall'),
    ...least(0.99, ''),
  },
  {
    area: 'vectors',
    title: '100k mixed vectors, the ten nearest, p50 beside LanceDB',
    measured: ratio(
      value('memvid', 'mixtures', K100, 'vector_find_p50'),
      value('lancedb', 'mixtures', K100, 'vector_find_p50'),
    ),
    ...times(0.3),
  },
  {
    area: 'vectors',
    title: '1M mixed vectors, recall@10',
    measured: value('memvid', 'mixtures', M1, 'vector_find_recall'),
    ...least(0.98, ''),
  },
  {
    area: 'vectors',
    title: '1M mixed vectors, the ten nearest, p50',
    measured: value('memvid', 'mixtures', M1, 'vector_find_p50'),
    ...most(5, 'ms'),
  },
  {
    area: 'vectors',
    title: '1M mixed vectors, opening',
    measured: value('memvid', 'mixtures', M1, 'open'),
    ...most(10, 'ms'),
  },
  {
    area: 'vectors',
    title: '10k documents with given vectors in one call, time beside SQLite + sqlite-vec',
    measured: ratio(value('sqlite', 'vectors', K10, 'ingest'), value('memvid', 'vectors', K10, 'ingest')),
    ...times(1),
  },
  {
    area: 'vectors',
    title: 'bytes a document, 10k real vectors, beside LanceDB',
    measured: ratio(value('memvid', 'vectors', K10, 'size'), value('lancedb', 'vectors', K10, 'size')),
    ...times(1),
  },
  {
    area: 'vectors',
    title: 'bytes a document, 100k mixed vectors, beside LanceDB',
    measured: ratio(value('memvid', 'mixtures', K100, 'size'), value('lancedb', 'mixtures', K100, 'size')),
    ...times(1),
  },
  {
    area: 'vectors',
    title: 'what is built before the first query, 1M',
    measured: value('memvid', 'mixtures', M1, 'vector_build'),
    ...most(0, 's'),
  },
];

const HYBRID: readonly Target[] = [
  {
    area: 'words and meaning',
    title: 'LoCoMo (conversations 1–5), recall@10 by words and meaning',
    measured: quality('locomo', 'hybrid_recall10'),
    ...least(0.68, ''),
  },
  {
    area: 'words and meaning',
    title: 'SciFact test, nDCG@10 by words and meaning',
    measured: quality('scifact', 'hybrid_ndcg10'),
    ...least(0.727, ''),
  },
  {
    area: 'words and meaning',
    title: '10k documents, p50 by words and meaning beside SQLite (FTS5 and sqlite-vec)',
    measured: ratio(
      value('memvid', 'vectors', K10, 'hybrid_find_p50'),
      value('sqlite', 'vectors', K10, 'hybrid_find_p50'),
    ),
    ...times(0.15),
  },
  {
    area: 'words and meaning',
    title: '100k documents, p50 by words and meaning beside LanceDB',
    measured: ratio(
      value('memvid', 'mixtures', K100, 'hybrid_find_p50'),
      value('lancedb', 'mixtures', K100, 'hybrid_find_p50'),
    ),
    ...times(0.4),
  },
];

export const TARGETS: readonly Target[] = [
  ...FIND,
  ...INGEST,
  ...PUT,
  ...OPEN,
  ...SIZE,
  ...QUALITY,
  ...VECTORS,
  ...HYBRID,
];

export function verdictOf(target: Target, figures: Figures): Verdict {
  const measured = target.measured(figures);
  if (measured === undefined) return { target, value: undefined, met: undefined };
  const met = target.bound === 'at most' ? measured <= target.limit : measured >= target.limit;
  return { target, value: measured, met };
}
