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

const ours = (corpus: Corpus, documents: number, figure: string): Measure =>
  value('memvid', corpus, documents, figure);

/** What is ours beside the same of another. */
const beside = (peer: Measured, corpus: Corpus, documents: number, figure: string): Measure =>
  ratio(ours(corpus, documents, figure), value(peer, corpus, documents, figure));

/** The time that storing took us beside that of another; their figures are documents a second. */
const timeBeside = (peer: Measured, corpus: Corpus, documents: number): Measure =>
  ratio(value(peer, corpus, documents, 'ingest'), ours(corpus, documents, 'ingest'));

type Bound = Pick<Target, 'bound' | 'limit' | 'unit'>;

const most = (limit: number, unit: string): Bound => ({ bound: 'at most', limit, unit });
const least = (limit: number, unit: string): Bound => ({ bound: 'at least', limit, unit });
const times = (limit: number): Bound => most(limit, '×');

type Row = Omit<Target, 'area'>;

const row = (title: string, measured: Measure, bound: Bound): Row => ({ title, measured, ...bound });

const inArea = (area: string, rows: readonly Row[]): Target[] => rows.map((own) => ({ area, ...own }));

const K10 = 10_000;
const K100 = 100_000;
const M1 = 1_000_000;
const SINGLE_PUTS = 10_000;
const shown = (documents: number): string => `${documents / 1000}k`;

const FIND = inArea('find', [
  ...[K10, K100].flatMap((documents) => [
    row(
      `real question without function words, ${shown(documents)} documents, p50 beside SQLite FTS5`,
      beside('sqlite', 'real', documents, 'find_telling_p50'),
      times(0.25),
    ),
    row(
      `real question without function words, ${shown(documents)} documents, p50 beside tantivy in its own process`,
      beside('tantivy', 'real', documents, 'find_telling_p50'),
      times(1),
    ),
  ]),
  ...(
    [
      ['rare word', 'rare', 0.1],
      ['3 words', 'words3', 0.6],
      ['8 words', 'words8', 1.5],
    ] as const
  ).map(([title, name, limit]) =>
    row(
      `${title}, 1M documents (synthetic), p50`,
      ours('synthetic', M1, `find_${name}_p50`),
      most(limit, 'ms'),
    ),
  ),
]);

const INGEST = inArea('bulk ingestion', [
  ...(['real', 'synthetic'] as const).flatMap((corpus) =>
    [K10, K100].flatMap((documents) => [
      row(
        `${shown(documents)} documents (${corpus}) in one call`,
        ours(corpus, documents, 'ingest'),
        least(20_000, 'documents/s'),
      ),
      row(
        `${shown(documents)} documents (${corpus}), time beside SQLite FTS5`,
        timeBeside('sqlite', corpus, documents),
        times(1),
      ),
    ]),
  ),
  row(
    '1M documents (synthetic) in one call',
    ratio(() => M1, ours('synthetic', M1, 'ingest')),
    most(60, 's'),
  ),
  row(
    '1M documents (synthetic) in one call, peak memory of the process',
    ours('synthetic', M1, 'ingest_rss'),
    most(1000, 'MB'),
  ),
  row(
    'a document at 1M beside one at 10k (synthetic)',
    ratio(ours('synthetic', K10, 'ingest'), ours('synthetic', M1, 'ingest')),
    times(1.5),
  ),
]);

const PUT = inArea('single puts', [
  row(
    'one durable put, p50, beside one synced record of 2 KiB',
    ratio(ours('real', K10, 'put_p50'), value('machine', 'real', K10, 'sync_p50')),
    times(2),
  ),
  row(
    'one durable put, p50, beside SQLite (WAL, synchronous = FULL)',
    beside('sqlite', 'real', K10, 'put_p50'),
    times(0.7),
  ),
  row(
    'real question after 10 000 single puts beside the same documents in one batch',
    ratio(ours('real', SINGLE_PUTS, 'find_question_after_puts_p50'), ours('real', K10, 'find_question_p50')),
    times(1.5),
  ),
  row(
    'a put into 1M documents beside one into an empty file, over 10 000 and closing',
    ratio(ours('synthetic', M1, 'puts_onto'), ours('synthetic', SINGLE_PUTS, 'many_puts')),
    times(2),
  ),
]);

const OPEN = inArea('opening', [
  ...(['real', 'synthetic'] as const).map((corpus) =>
    row(`100k documents (${corpus}), opening to first hit`, ours(corpus, K100, 'first_hit'), most(5, 'ms')),
  ),
  row('1M documents (synthetic), opening to first hit', ours('synthetic', M1, 'first_hit'), most(10, 'ms')),
  row(
    '1M documents (synthetic), memory added by opening and all questions',
    ours('synthetic', M1, 'find_rss'),
    most(100, 'MB'),
  ),
]);

const SIZE = inArea('size', [
  ...(['real', 'synthetic'] as const).map((corpus) =>
    row(
      `bytes a document, 100k (${corpus}), beside SQLite FTS5`,
      beside('sqlite', corpus, K100, 'size'),
      times(1),
    ),
  ),
  row(
    'dead space of the file, the most after any task from 1 000 documents on',
    ({ all }) => {
      const shares = all
        .filter(({ figure, documents }) => figure.endsWith('_dead') && documents >= 1000)
        .map((figure) => figure.value);
      return shares.length === 0 ? undefined : Math.max(...shares);
    },
    most(30, '%'),
  ),
]);

/** The value of a quality figure, whatever the number of documents. */
const quality =
  (corpus: Corpus, name: string): Measure =>
  ({ all }) =>
    all.find(({ peer, figure, corpus: own }) => peer === 'memvid' && own === corpus && figure === name)
      ?.value;

const QUALITY = inArea('quality', [
  row('LoCoMo (conversations 1–5), recall@10', quality('locomo', 'recall10'), least(0.64, '')),
  row('SciFact test, nDCG@10', quality('scifact', 'ndcg10'), least(0.685, '')),
  ...(['locomo', 'scifact'] as const).map((corpus) =>
    row(
      `${corpus === 'locomo' ? 'LoCoMo' : 'SciFact'}, questions without a hit`,
      quality(corpus, 'empty'),
      most(0, ''),
    ),
  ),
]);

const VECTORS = inArea('vectors', [
  row('10k real vectors, recall@10', ours('vectors', K10, 'vector_find_recall'), least(0.999, '')),
  row(
    '10k real vectors, the ten nearest, p50 beside usearch at a recall of 0.99',
    beside('usearch', 'vectors', K10, 'vector_find_p50'),
    times(1),
  ),
  row('100k mixed vectors, recall@10', ours('mixtures', K100, 'vector_find_recall'), least(0.99, '')),
  row(
    '100k mixed vectors, the ten nearest, p50 beside LanceDB',
    beside('lancedb', 'mixtures', K100, 'vector_find_p50'),
    times(0.3),
  ),
  row('1M mixed vectors, recall@10', ours('mixtures', M1, 'vector_find_recall'), least(0.98, '')),
  row('1M mixed vectors, the ten nearest, p50', ours('mixtures', M1, 'vector_find_p50'), most(5, 'ms')),
  row('1M mixed vectors, opening', ours('mixtures', M1, 'open'), most(10, 'ms')),
  row(
    '10k documents with given vectors in one call, time beside SQLite + sqlite-vec',
    timeBeside('sqlite', 'vectors', K10),
    times(1),
  ),
  row(
    'bytes a document, 10k real vectors, beside LanceDB',
    beside('lancedb', 'vectors', K10, 'size'),
    times(1),
  ),
  row(
    'bytes a document, 100k mixed vectors, beside LanceDB',
    beside('lancedb', 'mixtures', K100, 'size'),
    times(1),
  ),
  row('what is built before the first query, 1M', ours('mixtures', M1, 'vector_build'), most(0, 's')),
]);

const HYBRID = inArea('words and meaning', [
  row(
    'LoCoMo (conversations 1–5), recall@10 by words and meaning',
    quality('locomo', 'hybrid_recall10'),
    least(0.68, ''),
  ),
  row('SciFact test, nDCG@10 by words and meaning', quality('scifact', 'hybrid_ndcg10'), least(0.727, '')),
  row(
    '10k documents, p50 by words and meaning beside SQLite (FTS5 and sqlite-vec)',
    beside('sqlite', 'vectors', K10, 'hybrid_find_p50'),
    times(0.15),
  ),
  row(
    '100k documents, p50 by words and meaning beside LanceDB',
    beside('lancedb', 'mixtures', K100, 'hybrid_find_p50'),
    times(0.4),
  ),
]);

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
