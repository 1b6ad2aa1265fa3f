import type { Span } from '../span.js';

/** What a label says of a token: its part in a name, and the name's label. */
export interface Tag {
  /** B begins a name, I goes on, L (or E) ends it, U (or S) is one by itself, O is none. */
  readonly part: 'B' | 'I' | 'L' | 'U' | 'O';
  readonly label: string;
}

/** A word with what was decided about it. */
export interface TaggedWord {
  readonly start: number;
  readonly end: number;
  readonly tag: Tag;
  /** Of the tag, 0 to 1. */
  readonly confidence: number;
}

const SCHEME = /^([BILESUO])[-_](.+)$/i;
const PARTS: Readonly<Record<string, Tag['part']>> = {
  B: 'B',
  I: 'I',
  L: 'L',
  E: 'L',
  U: 'U',
  S: 'U',
};

/** Reads a label of BIO, BILOU or BIOES; one without a prefix goes on where it stands beside its like. */
export function tagOf(label: string): Tag {
  if (label === 'O') return { part: 'O', label: '' };
  const [, prefix = '', rest = ''] = SCHEME.exec(label) ?? [];
  const part = PARTS[prefix.toUpperCase()];
  return part === undefined ? { part: 'I', label } : { part, label: rest };
}

/**
 * Joins the tags of words to names. What goes on or ends where no name of its label is open begins one: a model that
 * decides about each token alone says such things. A name is as certain as its words are on average.
 */
export function spansOf(words: Iterable<TaggedWord>): Span[] {
  const spans: Span[] = [];
  let open: { label: string; start: number; end: number; sum: number; count: number } | undefined;
  const close = (): void => {
    if (open === undefined) return;
    const { label, start, end, sum, count } = open;
    spans.push({ start, end, label, confidence: Math.min(1, sum / count) });
    open = undefined;
  };
  for (const { start, end, tag, confidence } of words) {
    const { part, label } = tag;
    const goesOn = (part === 'I' || part === 'L') && open?.label === label;
    if (!goesOn) close();
    if (part === 'O') continue;
    open = {
      label,
      start: open?.start ?? start,
      end,
      sum: (open?.sum ?? 0) + confidence,
      count: (open?.count ?? 0) + 1,
    };
    if (part === 'L' || part === 'U') close();
  }
  close();
  return spans;
}
