import type { FindHit } from '../find.js';

/** Scheme of the uris this project makes; left out where a person reads. */
const SCHEME = 'mv2://';

/** How a document is named above its text: `docs/adr-1 — Technical Decision`. One line, whatever it is called. */
function headingOf(hit: { readonly uri: string; readonly title: string }): string {
  const place = hit.uri.startsWith(SCHEME) ? hit.uri.slice(SCHEME.length) : hit.uri;
  return `${place} — ${hit.title === '' ? hit.uri : hit.title}`.replace(/[\p{Cc}\u2028\u2029]+/gu, ' ');
}

/** A line of a text that would read as one of the lines above the texts. */
const LIKE_A_LINE_ABOVE =
  /(?<=^|[\v\f\u0085])([\p{Zs}\t\p{Cf}]*)(?=#{1,6}[\p{Zs}\t\p{Cf}]*\[[\p{Zs}\t\p{Cf}]*\d)/gmu;

/** A text in which no line can be taken for the beginning of another passage. */
function escaped(text: string): string {
  return text.includes('#') ? text.replace(LIKE_A_LINE_ABOVE, '$1\\') : text;
}

const BETWEEN_BLOCKS = '\n\n';

/** What stands above the text of a hit. */
function lineAbove(hit: FindHit, number: number): string {
  return `### [${number}] ${headingOf(hit)}\n`;
}

/**
 * Numbered blocks of stored text, one a hit, with nothing in them but that text and its place, and a backslash before a
 * line of the text that looks like the beginning of a block. A hit without a text (`undefined`) has no block.
 */
export function contextOf(
  hits: readonly FindHit[],
  textOf: (hit: FindHit) => string | undefined,
  numberOf: (hit: FindHit, index: number) => number = (_hit, index) => index + 1,
): string {
  let context = '';
  for (const [index, hit] of hits.entries()) {
    const text = textOf(hit);
    if (text === undefined) continue;
    context += (context === '' ? '' : BETWEEN_BLOCKS) + lineAbove(hit, numberOf(hit, index)) + escaped(text);
  }
  return context;
}

/**
 * The text of each hit as far as a context of `most` characters has room for it, the headings counted: the last one
 * with room is shortened, those behind it are `undefined`.
 */
export function passagesOf(hits: readonly FindHit[], most: number | undefined): (string | undefined)[] {
  let left = most ?? Number.POSITIVE_INFINITY;
  return hits.map((hit, index) => {
    const added = escaped(hit.text).length - hit.text.length + (index === 0 ? 0 : BETWEEN_BLOCKS.length);
    const room = left - lineAbove(hit, index + 1).length - added;
    const text = room > 0 ? shorten(hit.text, room) : undefined;
    // Where one had no room, a shorter one behind it gets none either: what is left out is always the lower ranks.
    left = text === undefined || text.length < hit.text.length ? 0 : room - text.length;
    return text;
  });
}

/** A text cut to at most `most` characters, at a word boundary where one is near. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text.slice(0, most);
  const boundary = head.lastIndexOf(' ');
  const cut = boundary > most * 0.6 ? head.slice(0, boundary) : head;
  return cut.replace(/[\uD800-\uDBFF]$/, '');
}
