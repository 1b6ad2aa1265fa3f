import { STOP_WORDS } from './stop-words.js';

const MOST_TAGS = 6;
const SCANNED_CHARACTERS = 20_000;
const WORD = /[\p{L}\p{N}][\p{L}\p{N}'’-]*/gu;

/**
 * Keywords of a text for `autoTag: true`: its most frequent words of four letters and more that are not
 * function words, lower case, most frequent first and earliest first among equals.
 */
export function derivedTags(text: string, given: readonly string[]): string[] {
  const counts = new Map<string, number>();
  for (const [match] of text.slice(0, SCANNED_CHARACTERS).toLowerCase().matchAll(WORD)) {
    const word = match.replace(/['’]s$/u, '');
    if (word.length < 4 || STOP_WORDS.has(word) || /^\d+$/.test(word)) continue;
    counts.set(word, (counts.get(word) ?? 0) + 1);
  }
  const present = new Set(given.map((tag) => tag.toLowerCase()));
  return [...counts]
    .filter(([word]) => !present.has(word))
    .toSorted((left, right) => right[1] - left[1])
    .slice(0, MOST_TAGS)
    .map(([word]) => word);
}
