import { dayToSeconds, monthNumber } from './timestamps.js';

/** How many different dates one document may carry; a calendar export has thousands, nobody reads them. */
const MOST_DATES = 64;
/** Dates are looked for in the beginning of a text; a book is not scanned to its end on every put. */
const SCANNED_CHARACTERS = 100_000;

/** A year from 1000 to 2999. */
const YEAR = /(?<!\d)[12]\d{3}(?!\d)/;
const YEAR_FIRST = /(?<![\d/-])(\d{4})[-/](\d{1,2})[-/](\d{1,2})(?![\d/-])/g;
const SLASHES = /(?<![\d/])(\d{1,2})\/(\d{1,2})\/(\d{4})(?![\d/])/g;
const MONTH =
  '(?:Jan|Feb|Mar|Apr|May|Jun|Jul|Aug|Sep|Sept|Oct|Nov|Dec|January|February|March|April|June|July|August|September|October|November|December)';
const MONTH_FIRST = new RegExp(String.raw`\b(${MONTH})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})\b`, 'gi');
const DAY_FIRST = new RegExp(
  String.raw`\b(\d{1,2})(?:st|nd|rd|th)?\s+(?:of\s+)?(${MONTH})\.?,?\s+(\d{4})\b`,
  'gi',
);

/**
 * The calendar days a text speaks of, as `YYYY-MM-DD`, in the order in which they appear, each once.
 * Days that do not exist (30 February) and years outside 1000 to 2999 are left out.
 */
export function contentDates(text: string): string[] {
  const scanned = text.length > SCANNED_CHARACTERS ? text.slice(0, SCANNED_CHARACTERS) : text;
  // Every form has a year of four digits, and two have strokes: cheap looks spare most texts the searches.
  if (!YEAR.test(scanned)) return [];
  const hasSlash = scanned.includes('/');
  const found: { at: number; day: string }[] = [];
  const add = (at: number, year: number, month: number, day: number): void => {
    if (year < 1000 || year > 2999 || dayToSeconds(year, month, day) === undefined) return;
    found.push({ at, day: `${year}-${String(month).padStart(2, '0')}-${String(day).padStart(2, '0')}` });
  };
  if (hasSlash || scanned.includes('-')) {
    for (const match of matches(YEAR_FIRST, scanned)) {
      add(match.index, Number(match[1]), Number(match[2]), Number(match[3]));
    }
  }
  if (hasSlash) {
    for (const match of matches(SLASHES, scanned)) {
      add(match.index, Number(match[3]), Number(match[1]), Number(match[2]));
    }
  }
  for (const match of matches(MONTH_FIRST, scanned)) {
    add(match.index, Number(match[3]), monthNumber(match[1] ?? ''), Number(match[2]));
  }
  for (const match of matches(DAY_FIRST, scanned)) {
    add(match.index, Number(match[3]), monthNumber(match[2] ?? ''), Number(match[1]));
  }
  found.sort((left, right) => left.at - right.at);
  return [...new Set(found.map(({ day }) => day))].slice(0, MOST_DATES);
}

/**
 * `text.matchAll(pattern)` without making the pattern, which must be a global one, anew: most texts have no match, and every
 * put asks four times.
 */
function matches(pattern: RegExp, text: string): RegExpExecArray[] {
  const found: RegExpExecArray[] = [];
  pattern.lastIndex = 0;
  for (let match = pattern.exec(text); match !== null; match = pattern.exec(text)) found.push(match);
  return found;
}
