import type { Archive } from './archive.js';
import { attribute } from './markup.js';
import { chartTexts, drawingText, openOffice, readPart, relationships, targets } from './office.js';
import { Paragraphs } from './paragraphs.js';
import type { Draft, Reading } from './reading.js';

/** What is not said by the document: removed text, instructions of fields, pictures as bytes, styles. */
const SKIPPED: ReadonlySet<string> = new Set([
  'del',
  'moveFrom',
  'delText',
  'instrText',
  'fldData',
  'sdtPr',
  'binData',
  // How characters are read, between them and the next.
  'rt',
]);

/** Stands for the charts among the parts. */
const CHARTS = '';

/** Word: the body with its tables and boxes, between headers and footers, and notes and comments at the end. */
export async function read(reading: Reading): Promise<Draft> {
  const older = { program: 'Word', instead: 'docx' };
  const { archive, main, properties } = await openOffice(reading, 'Word', older, 'word/document.xml');
  const related = await relationships(reading, archive, main);
  const parts = [
    ...targets(related, 'header'),
    main,
    ...targets(related, 'diagramData'),
    CHARTS,
    ...targets(related, 'footer'),
    ...targets(related, 'footnotes'),
    ...targets(related, 'endnotes'),
    ...targets(related, 'comments'),
  ];
  const texts = new Set<string>();
  for (const part of parts) {
    if (part === CHARTS) {
      for (const text of await chartTexts(reading, archive, related)) texts.add(text);
      continue;
    }
    if (!archive.has(part)) {
      reading.warn(`${part} is missing`);
      continue;
    }
    const isDrawing = part.includes('diagrams/');
    texts.add(isDrawing ? await drawingText(reading, archive, part) : await storyOf(reading, archive, part));
  }
  texts.delete('');
  return { ...properties, pages: [{ number: 1, text: [...texts].join('\n\n') }] };
}

/** The text of a part that consists of paragraphs. */
async function storyOf(reading: Reading, archive: Archive, part: string): Promise<string> {
  const paragraphs = new Paragraphs(reading, 1);
  let isText = false;
  /** Within runs; a `tab` elsewhere says where the tabs of a paragraph are. */
  let runs = 0;
  /** Lines that part notes from the text are no notes. */
  let isSeparator = false;
  await readPart(
    reading,
    archive,
    part,
    {
      open(name, attributes) {
        isText = false;
        switch (name) {
          case 't':
            isText = true;
            break;
          case 'r':
            runs += 1;
            break;
          case 'tab':
          case 'ptab':
            if (runs > 0) paragraphs.add('\t');
            break;
          case 'br':
          case 'cr':
            paragraphs.add('\n');
            break;
          case 'noBreakHyphen':
            paragraphs.add('-');
            break;
          case 'sym':
            paragraphs.add(symbolOf(attribute(attributes, 'char')));
            break;
          case 'footnote':
          case 'endnote':
            isSeparator = /eparator/.test(attribute(attributes, 'type') ?? '');
            break;
          case 'txbxContent':
            paragraphs.openBox();
            break;
          case 'tbl':
            paragraphs.openTable();
            break;
          case 'tr':
            paragraphs.openRow();
            break;
          case 'tc':
            paragraphs.openCell();
            break;
          case 'gridSpan':
            paragraphs.span(Number(attribute(attributes, 'val')));
            break;
          default:
        }
      },
      text(text) {
        if (isText && !isSeparator) paragraphs.add(text);
      },
      close(name) {
        isText = false;
        switch (name) {
          case 'r':
            runs -= 1;
            break;
          case 'p':
            paragraphs.end();
            break;
          case 'txbxContent':
            paragraphs.closeBox();
            break;
          case 'tbl':
            paragraphs.closeTable();
            break;
          case 'tc':
            paragraphs.closeCell();
            break;
          default:
        }
      },
    },
    SKIPPED,
  );
  return paragraphs.text();
}

/** A sign of a symbol font has no meaning beyond that font. */
function symbolOf(hexadecimal: string | undefined): string {
  const point = Number.parseInt(hexadecimal ?? '', 16);
  return point >= 0x20 && point < 0xd800 ? String.fromCodePoint(point) : '';
}
