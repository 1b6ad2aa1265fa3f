import { notADocument } from './failures.js';
import { localName, readXml, xmlEncoding } from './markup.js';
import type { Draft, Reading } from './reading.js';
import { textOf } from './text.js';

const encoder = new TextEncoder();

/** XML of any kind: its texts, a line each, and the values of attributes. */
export async function read(reading: Reading): Promise<Draft> {
  const source = await textOf(reading, xmlEncoding(reading.data));
  if (!/<[\p{L}_][^<>]*>/u.test(source)) {
    throw notADocument(reading.filename, 'XML', 'there is no element in it');
  }
  const lines: string[] = [];
  let line = '';
  let endsInBlank = false;
  const flush = (): void => {
    const even = line.trim();
    if (even !== '') lines.push(reading.text(even));
    line = '';
    endsInBlank = false;
  };
  await readXml(
    reading,
    'the document',
    pieces(withoutDeclarations(reading, source)),
    {
      open(_, attributes) {
        flush();
        for (const [name, value] of Object.entries(attributes)) {
          // Names of vocabularies, and where they are described, are nobody's words.
          if (/^xmlns\b/.test(name) || /schemaLocation$/i.test(name) || value.trim() === '') continue;
          lines.push(reading.text(`${localName(name)}: ${value}`));
        }
      },
      text(text) {
        // Piece by piece: of a long text it would be one long turn.
        const even = text.replaceAll(/\s+/g, ' ');
        line += endsInBlank && even.startsWith(' ') ? even.slice(1) : even;
        if (even !== '') endsInBlank = even.endsWith(' ');
      },
      close: flush,
    },
    true,
  );
  return { pages: [{ number: 1, text: lines.join('\n') }] };
}

/** The text without a word on its encoding, which has been told by now, and without what declares elements and entities. */
function withoutDeclarations(reading: Reading, source: string): string {
  const body = source.replace(/^\s*<\?xml[^>]*\?>/, '');
  const start = body.indexOf('<!DOCTYPE');
  if (start < 0 || body.slice(0, start).search(/<[\p{L}_]/u) >= 0) return body;
  const subset = body.slice(start).search(/[[>]/) + start;
  const end = body[subset] === '[' ? body.indexOf(']', subset) : subset;
  if (end > subset && body.slice(subset, end).includes('<!ENTITY')) {
    reading.warn('entities that it declares itself stand as they are written');
  }
  const close = end < 0 ? -1 : body.indexOf('>', end);
  return close < 0 ? body : body.slice(0, start) + body.slice(close + 1);
}

/** The text as UTF-8. */
function* pieces(body: string): Generator<Uint8Array, void, undefined> {
  const size = 65_536;
  for (let at = 0; at < body.length;) {
    // Never between the halves of a character.
    const end = at + size + (/[\uD800-\uDBFF]/.test(body[at + size - 1] ?? '') ? 1 : 0);
    yield encoder.encode(body.slice(at, end));
    at = end;
  }
}
