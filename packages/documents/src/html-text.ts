import { Parser } from 'htmlparser2';
import { Paragraphs } from './paragraphs.js';
import type { Reading } from './reading.js';

/** Elements that no reader sees. */
const UNSEEN: ReadonlySet<string> = new Set([
  'script',
  'style',
  'template',
  'noscript',
  'iframe',
  'object',
  'svg',
  'math',
  'select',
  'textarea',
  'head',
  'title',
  // How characters are read, between them and the next.
  'rt',
  'rp',
]);

/** Elements behind which a new line begins. */
const BLOCKS: ReadonlySet<string> = new Set(
  (
    'address article aside blockquote body center dd details dialog div dl dt fieldset figcaption figure footer form h1 h2 h3 ' +
    'h4 h5 h6 header hgroup hr html li main menu nav ol p pre search section summary ul caption option legend'
  ).split(' '),
);

/** A document of HTML as a reader sees it. */
export interface HtmlText {
  readonly text: string;
  readonly title: string | undefined;
  readonly author: string | undefined;
  readonly created: string | undefined;
  /** The first heading. */
  readonly heading: string | undefined;
}

/** How much is given to the parser at a time. */
const PIECE = 65_536;

/** The text of HTML, whole or as it comes, without what is not seen. `page`: where its tables are said to stand. */
export async function htmlText(
  reading: Reading,
  source: string | AsyncIterable<string>,
  page: number,
): Promise<HtmlText> {
  const paragraphs = new Paragraphs(reading, page);
  const said = new Map<string, string>();
  let title: string | undefined;
  let heading: string | undefined;
  let depth = 0;
  let unseen = 0;
  let preformatted = 0;
  let isTitle = false;
  let isHeading = false;
  /** White space is one blank, and none at the beginning of a line. */
  let isBlank = true;
  const newLine = (): void => {
    paragraphs.end();
    isBlank = true;
  };
  const parser = new Parser({
    onopentag(name, attributes) {
      depth += 1;
      reading.depth(depth);
      if (name === 'title' && title === undefined && unseen <= 1) {
        isTitle = true;
        title = '';
      } else if (name === 'meta') {
        const key = (attributes['name'] ?? attributes['property'] ?? '').toLowerCase();
        if (attributes['content'] !== undefined && !said.has(key)) said.set(key, attributes['content']);
      }
      if (unseen > 0 || UNSEEN.has(name)) {
        unseen += 1;
        return;
      }
      if (BLOCKS.has(name)) newLine();
      if (name === 'br') {
        paragraphs.add('\n');
        isBlank = true;
      } else if (name === 'img') {
        const alt = (attributes['alt'] ?? '').trim();
        if (alt !== '') addText(` ${alt} `);
      } else if (name === 'pre') {
        preformatted += 1;
      } else if (/^h[1-6]$/.test(name)) {
        isHeading = heading === undefined;
      } else if (name === 'table') {
        paragraphs.openTable();
      } else if (name === 'tr') {
        paragraphs.openRow();
      } else if (name === 'td' || name === 'th') {
        paragraphs.openCell();
        paragraphs.span(Number(attributes['colspan']));
        isBlank = true;
      }
    },
    ontext(text) {
      if (isTitle) title = `${title ?? ''}${text}`.slice(0, 10_000);
      if (unseen === 0) addText(text);
    },
    onclosetag(name) {
      depth -= 1;
      if (name === 'title') isTitle = false;
      if (unseen > 0) {
        unseen -= 1;
        return;
      }
      if (name === 'pre') preformatted -= 1;
      if (/^h[1-6]$/.test(name)) isHeading = false;
      if (name === 'td' || name === 'th') {
        paragraphs.closeCell();
        isBlank = true;
      } else if (name === 'table') {
        paragraphs.closeTable();
        isBlank = true;
      } else if (BLOCKS.has(name)) {
        newLine();
      }
    },
  });
  function addText(text: string): void {
    if (isHeading) heading = `${heading ?? ''}${text}`.slice(0, 1000);
    if (preformatted > 0) {
      paragraphs.add(text);
      isBlank = false;
      return;
    }
    // A blank that may not be broken is not one of them.
    const even = text.replaceAll(/[ \t\r\n\f]+/g, ' ');
    const own = isBlank && even.startsWith(' ') ? even.slice(1) : even;
    if (own === '') return;
    paragraphs.add(own);
    isBlank = own.endsWith(' ');
  }
  for await (const part of typeof source === 'string' ? [source] : source) {
    for (let at = 0; at < part.length; at += PIECE) {
      parser.write(part.slice(at, at + PIECE));
      await reading.pause();
    }
  }
  parser.end();
  return {
    text: paragraphs.text(),
    title: title ?? said.get('og:title'),
    author: said.get('author') ?? said.get('dc.creator'),
    created: said.get('article:published_time') ?? said.get('date') ?? said.get('dc.date'),
    heading: heading?.replaceAll(/\s+/g, ' ').trim(),
  };
}

/** The encoding that HTML says it is in. */
export function htmlEncoding(bytes: Uint8Array): string | undefined {
  const head = Buffer.from(bytes.buffer, bytes.byteOffset, Math.min(bytes.byteLength, 4096)).toString(
    'latin1',
  );
  return (
    /^\s*<\?xml[^>]*?encoding\s*=\s*["']([\w.:-]+)["']/.exec(head)?.[1] ??
    /<meta[^>]+charset\s*=\s*["']?\s*([\w.:-]+)/i.exec(head)?.[1]
  );
}
