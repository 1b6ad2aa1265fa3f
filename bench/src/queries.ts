import type { Corpus } from './corpus/corpus.ts';
import { trackOf } from './corpus/document.ts';
import { language } from './corpus/synthetic.ts';
import { pick, random, type Random } from './random.ts';

/** In the order the report shows them. */
export const QUERY_CLASSES = [
  'question',
  'telling',
  'rare',
  'words3',
  'words5',
  'words8',
  'phrase',
  'boolean',
  'prefix',
  'filtered',
] as const;
export type QueryClass = (typeof QUERY_CLASSES)[number];

/** Made of what people asked about the real text; the synthetic text has none. */
type RealClass = 'question' | 'telling';

export interface Query {
  readonly class: QueryClass;
  /** As a person would type it: a question, or words between spaces. */
  readonly text: string;
  /** Lower-case words; `prefix`: the one beginning of a word. */
  readonly words: readonly string[];
  /** `filtered`: only documents of this track. */
  readonly track?: string;
}

/** What queries are made from. */
export interface Vocabulary {
  /** Words by falling frequency. */
  readonly ranked: readonly string[];
  /** Ranks of words that stand in few documents, first and last, and of those in the middle. */
  readonly rare: readonly [number, number];
  readonly middle: readonly [number, number];
  /** A word as frequent in the queries as it is in the documents. */
  draw(next: Random): string;
  /** Two words that stand side by side in a document. */
  adjacent(next: Random): readonly [string, string];
}

export const QUERIES_OF_A_CLASS = 100;

/** The queries of every class, the same in every run. */
export function makeQueries(
  vocabulary: Vocabulary,
  questions: readonly string[],
  count: number = QUERIES_OF_A_CLASS,
): Query[] {
  const next = random(20_240_607);
  const { ranked, rare, middle, draw } = vocabulary;
  const of = ([from, to]: readonly [number, number]): string => pick(ranked.slice(from, to), next);
  const several = (length: number, word: () => string): string[] => {
    const words = new Set<string>();
    for (let tries = 0; words.size < length && tries < length * 50; tries += 1) words.add(word());
    return [...words];
  };
  const make: Record<Exclude<QueryClass, RealClass>, (index: number) => Omit<Query, 'class' | 'text'>> = {
    rare: () => ({ words: [of(rare)] }),
    words3: () => ({ words: several(3, () => of(middle)) }),
    words5: () => ({ words: several(5, () => draw(next)) }),
    words8: () => ({ words: several(8, () => draw(next)) }),
    phrase: () => ({ words: vocabulary.adjacent(next) }),
    boolean: () => ({ words: several(2, () => of(middle)) }),
    prefix: () => {
      const long = ranked.slice(...middle).filter((word) => word.length > 4);
      return { words: [pick(long, next).slice(0, 4)] };
    },
    filtered: (index) => ({ words: several(3, () => of(middle)), track: trackOf(index) }),
  };
  const queries: Query[] = questions.flatMap((text) => {
    const words = wordsOf(text);
    const telling = tellingOf(words);
    return [
      { class: 'question', text, words } as const,
      { class: 'telling', text: telling.join(' '), words: telling } as const,
    ];
  });
  for (const [name, one] of Object.entries(make) as [
    Exclude<QueryClass, RealClass>,
    (typeof make)['rare'],
  ][]) {
    for (let index = 0; index < count; index += 1) {
      const query = one(index);
      queries.push({ class: name, text: query.words.join(' '), ...query });
    }
  }
  return queries;
}

/** What the query classes of a corpus of this size are made from. */
export function vocabularyOf(corpus: Corpus, documents: number): Vocabulary {
  return corpus.name === 'synthetic'
    ? syntheticVocabulary(corpus, documents)
    : countedVocabulary(corpus, documents);
}

function syntheticVocabulary(corpus: Corpus, documents: number): Vocabulary {
  const { words, draw } = language();
  return {
    ranked: words,
    rare: [5000, 50_000],
    middle: [100, 2000],
    draw: (next) => words[draw(next)] ?? '',
    adjacent: (next) => {
      const index = Math.floor(next() * documents);
      const [document] = corpus.documents(index, index + 1);
      return adjacentOf((document?.text ?? '').split(' '), next);
    },
  };
}

/** Words that query languages read as operators. */
const OPERATORS: ReadonlySet<string> = new Set(['and', 'or', 'not', 'near', 'to', 'in']);
/** Texts that phrases are taken from. */
const KEPT_TEXTS = 5000;

/** Counted: in how many documents each word stands. */
function countedVocabulary(corpus: Corpus, documents: number): Vocabulary {
  const counts = new Map<string, number>();
  const occurrences: string[] = [];
  const texts: string[][] = [];
  let index = 0;
  const step = Math.max(1, Math.floor(documents / KEPT_TEXTS));
  for (const { text } of corpus.documents(0, documents)) {
    const words = wordsOf(text).filter((word) => /^[a-z]{3,}$/.test(word) && !OPERATORS.has(word));
    for (const word of new Set(words)) counts.set(word, (counts.get(word) ?? 0) + 1);
    if (index % step === 0) {
      occurrences.push(...words);
      const typed = wordsOf(text);
      if (typed.length > 1) texts.push(typed);
    }
    index += 1;
  }
  const ranked = [...counts.entries()]
    .toSorted(([left, most], [right, least]) => least - most || (left < right ? -1 : 1))
    .map(([word]) => word);
  return {
    ranked,
    // The last quarter or so of a vocabulary stands in one document each.
    rare: [Math.min(5000, Math.floor(ranked.length * 0.4)), Math.min(50_000, Math.ceil(ranked.length * 0.8))],
    middle: [Math.min(100, Math.floor(ranked.length / 10)), Math.min(2000, Math.ceil(ranked.length / 2))],
    draw: (next) => pick(occurrences, next),
    adjacent: (next) => adjacentOf(pick(texts, next), next),
  };
}

function adjacentOf(words: readonly string[], next: Random): readonly [string, string] {
  const start = Math.floor(next() * Math.max(1, words.length - 1));
  return [words[start] ?? '', words[start + 1] ?? ''];
}

/** The words of a text as plain tokenizers see them. */
export function wordsOf(text: string): string[] {
  return text.toLowerCase().match(/[\p{L}\p{N}]+/gu) ?? [];
}

const FUNCTION_WORDS: ReadonlySet<string> = new Set(
  (
    'a an and are as at be but by for if in into is it no not of on or such that the their then there these they this to ' +
    'was will with what when where who whom which why how did does do has have had he she his her him i me my you your ' +
    'we our us from about than so can could would should been being were am'
  ).split(' '),
);

/** The words of a question that tell what it is about: how an application helps an index that keeps function words. */
export function tellingOf(words: readonly string[]): readonly string[] {
  const telling = words.filter((word) => !FUNCTION_WORDS.has(word));
  return telling.length > 0 ? telling : words;
}
