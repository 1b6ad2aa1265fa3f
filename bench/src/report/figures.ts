import { QUERY_CLASSES, type QueryClass } from '../queries.ts';

type Group =
  | 'Writing'
  | 'Finding'
  | 'Finding by meaning'
  | 'Opening'
  | 'Size and memory'
  | 'Quality'
  | 'Installing';

/** A row of the tables. */
export interface Row {
  readonly figure: string;
  readonly title: string;
  readonly group: Group;
  readonly unit: string;
  readonly better: 'lower' | 'higher';
  /** Show the processor time in a row of its own. */
  readonly cpu?: boolean;
  /** Shown, but nothing that is won or lost. */
  readonly neutral?: boolean;
}

export const CLASS_TITLES: Record<QueryClass, string> = {
  question: 'real question',
  telling: 'real question without function words',
  rare: 'rare word',
  words3: '3 words',
  words5: '5 words',
  words8: '8 words',
  phrase: 'phrase of 2 words',
  boolean: 'a AND b',
  prefix: 'prefix of 4 letters',
  filtered: '3 words, filter for a tenth',
};

const lower = (group: Group, figure: string, title: string, unit: string): Row => ({
  group,
  figure,
  title,
  unit,
  better: 'lower',
});

const higher = (group: Group, figure: string, title: string): Row => ({
  group,
  figure,
  title,
  unit: '',
  better: 'higher',
});

export const ROWS: readonly Row[] = [
  {
    group: 'Writing',
    figure: 'ingest',
    title: 'all documents in one call',
    unit: 'documents/s',
    better: 'higher',
    cpu: true,
  },
  lower('Writing', 'vector_build', 'built besides, before the first query', 's'),
  {
    ...higher('Writing', 'hybrid_ingest', 'all documents in one call, with an index of words'),
    unit: 'documents/s',
    cpu: true,
  },
  { ...lower('Writing', 'put_p50', 'one durable put, p50', 'ms'), cpu: true },
  lower('Writing', 'put_p99', 'one durable put, p99', 'ms'),
  { ...lower('Writing', 'session_p50', 'open, put one, close, p50', 'ms'), cpu: true },
  { ...lower('Writing', 'session_left_p50', 'open, put one, close without sealing, p50', 'ms'), cpu: true },
  { ...lower('Writing', 'many_puts', 'filled by single puts instead, each', 'us'), cpu: true },
  lower('Writing', 'many_puts_p99', 'filled by single puts instead, p99', 'ms'),
  { ...lower('Writing', 'puts_onto', '10 000 more single puts, each', 'us'), cpu: true },
  lower('Writing', 'puts_onto_p99', '10 000 more single puts, p99', 'ms'),
  ...QUERY_CLASSES.flatMap((name): Row[] => [
    { ...lower('Finding', `find_${name}_p50`, `${CLASS_TITLES[name]}, p50`, 'ms'), cpu: true },
    lower('Finding', `find_${name}_p99`, `${CLASS_TITLES[name]}, p99`, 'ms'),
  ]),
  lower('Finding', 'find_question_empty', 'real questions without a hit', '%'),
  lower('Finding', 'find_question_after_puts_p50', 'real question after single puts, p50', 'ms'),
  lower('Finding', 'find_words8_after_puts_p50', '8 words after single puts, p50', 'ms'),
  lower('Finding', 'timeline_p50', 'the newest 50, p50', 'ms'),
  lower('Finding', 'stats_p50', 'counts, p50', 'ms'),
  { ...lower('Finding by meaning', 'vector_find_p50', 'the ten nearest, p50', 'ms'), cpu: true },
  lower('Finding by meaning', 'vector_find_p99', 'the ten nearest, p99', 'ms'),
  higher('Finding by meaning', 'vector_find_recall', 'recall@10 of it'),
  { ...lower('Finding by meaning', 'vector_filtered_p50', 'filter for a tenth, p50', 'ms'), cpu: true },
  lower('Finding by meaning', 'vector_filtered_p99', 'filter for a tenth, p99', 'ms'),
  higher('Finding by meaning', 'vector_filtered_recall', 'recall@10 of it, with the filter'),
  { ...lower('Finding by meaning', 'vector_effort', 'effort that it took', ''), neutral: true },
  { ...lower('Finding by meaning', 'hybrid_find_p50', 'words and meaning, p50', 'ms'), cpu: true },
  lower('Finding by meaning', 'hybrid_find_p99', 'words and meaning, p99', 'ms'),
  lower('Opening', 'load', 'loading the library, native part included', 'ms'),
  lower('Opening', 'open', 'opening', 'ms'),
  { ...lower('Opening', 'first_hit', 'opening to first hit', 'ms'), cpu: true },
  lower('Size and memory', 'size', 'bytes a document', 'bytes'),
  lower('Size and memory', 'hybrid_size', 'bytes a document, with an index of words', 'bytes'),
  lower('Size and memory', 'session_growth', 'growth of the file by open, put one, close', 'bytes'),
  lower(
    'Size and memory',
    'hybrid_ingest_rss',
    'peak memory while storing all, with an index of words',
    'MB',
  ),
  lower('Size and memory', 'ingest_rss', 'peak memory while storing all', 'MB'),
  lower('Size and memory', 'find_rss', 'memory added by opening and all questions', 'MB'),
  { ...lower('Size and memory', 'find_rss_anonymous', 'of it not backed by a file', 'MB'), neutral: true },
  higher('Quality', 'ndcg10', 'nDCG@10'),
  higher('Quality', 'recall10', 'recall@10'),
  higher('Quality', 'recall5', 'recall@5'),
  ...(
    [
      ['hybrid', 'words and meaning'],
      ['hybrid_rrf', 'words and meaning, fused by ranks'],
      ['meaning', 'meaning alone'],
    ] as const
  ).flatMap(([way, title]): Row[] => [
    higher('Quality', `${way}_ndcg10`, `${title}: nDCG@10`),
    higher('Quality', `${way}_recall10`, `${title}: recall@10`),
    higher('Quality', `${way}_recall5`, `${title}: recall@5`),
  ]),
  lower('Quality', 'empty', 'questions without a hit', ''),
  lower('Installing', 'install_bytes', '`node_modules`', 'MB'),
  lower('Installing', 'install_seconds', '`npm install` into an empty folder', 's'),
];
