import type { FindHit } from '../find.js';

/** Scheme of the uris this project makes; left out where a person reads. */
const SCHEME = 'mv2://';

/** How a document is named above its text: `docs/adr-1 — Technical Decision`. */
function headingOf(hit: { readonly uri: string; readonly title: string }): string {
  const place = hit.uri.startsWith(SCHEME) ? hit.uri.slice(SCHEME.length) : hit.uri;
  return `${place} — ${hit.title === '' ? hit.uri : hit.title}`;
}

/** Numbered blocks of stored text, one a hit, with nothing in them but that text and its place. */
export function contextOf(hits: readonly FindHit[], textOf: (hit: FindHit) => string): string {
  return hits.map((hit, index) => `### [${index + 1}] ${headingOf(hit)}\n${textOf(hit)}`).join('\n\n');
}

/** A text cut to at most `most` characters, at a word boundary where one is near. */
export function shorten(text: string, most: number): string {
  if (text.length <= most) return text;
  const head = text.slice(0, most);
  const boundary = head.lastIndexOf(' ');
  const cut = boundary > most * 0.6 ? head.slice(0, boundary) : head;
  return cut.replace(/[\uD800-\uDBFF]$/, '');
}
