import type { DocumentPage } from '@memvid/core';
import type { Archive } from './archive.js';
import { damaged } from './failures.js';
import { attribute } from './markup.js';
import {
  chartTexts,
  commentText,
  drawingText,
  openOffice,
  readPart,
  relationId,
  relationships,
  targets,
  type Relationship,
} from './office.js';
import { Paragraphs } from './paragraphs.js';
import type { Draft, Reading } from './reading.js';

/** Where comments of both kinds (`p:text`, and drawing text) have their text, and where one ends. */
const COMMENT_TEXTS: ReadonlySet<string> = new Set(['t', 'text']);
const COMMENT_ENDS: ReadonlySet<string> = new Set(['text', 'p']);

/** PowerPoint: a page a slide, in the order they are shown, each with its notes and comments. */
export async function read(reading: Reading): Promise<Draft> {
  const older = { program: 'PowerPoint', instead: 'pptx' };
  const { archive, main, properties } = await openOffice(
    reading,
    'PowerPoint',
    older,
    'ppt/presentation.xml',
  );
  const related = await relationships(reading, archive, main);
  const pages: DocumentPage[] = [];
  for (const [index, part] of (await slides(reading, archive, main, related)).entries()) {
    if (pages.length >= reading.maxPages) break;
    const number = index + 1;
    if (!archive.has(part)) throw damaged(reading.filename, part, 'is missing');
    const { title, text, isHidden } = await slideOf(reading, archive, part, number);
    if (isHidden) reading.warn(`slide ${number} is hidden`);
    const beside = await relationships(reading, archive, part);
    const texts = [text];
    for (const diagram of targets(beside, 'diagramData')) {
      if (archive.has(diagram)) texts.push(await drawingText(reading, archive, diagram));
    }
    texts.push(...(await chartTexts(reading, archive, beside)));
    for (const notes of targets(beside, 'notesSlide')) {
      if (archive.has(notes)) texts.push((await slideOf(reading, archive, notes, number)).text);
    }
    for (const comments of targets(beside, 'comments')) {
      if (!archive.has(comments)) continue;
      texts.push(await commentText(reading, archive, comments, COMMENT_TEXTS, COMMENT_ENDS));
    }
    pages.push({ number, title, text: texts.filter((own) => own !== '').join('\n\n') });
  }
  return { ...properties, unit: 'slide', pages };
}

/** The parts of the slides in their order. */
async function slides(
  reading: Reading,
  archive: Archive,
  main: string,
  related: ReadonlyMap<string, Relationship>,
): Promise<string[]> {
  const parts = new Set<string>();
  await readPart(reading, archive, main, {
    open(name, attributes) {
      if (name !== 'sldId') return;
      const slide = related.get(relationId(attributes));
      if (slide === undefined) reading.warn(`slide ${parts.size + 1} is missing`);
      else parts.add(slide.target);
    },
  });
  return [...parts];
}

/** Numbers of slides are not what a slide says, and neither is the picture of it above its notes. */
const NOT_SAID: ReadonlySet<string> = new Set(['sldNum', 'sldImg']);

async function slideOf(
  reading: Reading,
  archive: Archive,
  part: string,
  page: number,
): Promise<{ title: string | undefined; text: string; isHidden: boolean }> {
  const paragraphs = new Paragraphs(reading, page);
  let isHidden = false;
  let isText = false;
  let role = '';
  let title = '';
  await readPart(reading, archive, part, {
    open(name, attributes) {
      isText = name === 't';
      switch (name) {
        case 'sld':
          isHidden = attribute(attributes, 'show') === '0' || attribute(attributes, 'show') === 'false';
          break;
        case 'sp':
          role = '';
          break;
        case 'ph':
          role = attribute(attributes, 'type') ?? '';
          break;
        case 'br':
          paragraphs.add('\n');
          break;
        case 'tbl':
          paragraphs.openTable();
          break;
        case 'tr':
          paragraphs.openRow();
          break;
        case 'tc':
          paragraphs.openCell();
          // What is merged into the cell before is blank, and told as a cell of its own.
          break;
        default:
      }
    },
    text(text) {
      if (!isText || NOT_SAID.has(role)) return;
      paragraphs.add(text);
      if (role === 'title' || role === 'ctrTitle') title += text;
    },
    close(name) {
      isText = false;
      switch (name) {
        case 'p':
          paragraphs.end();
          if (title !== '' && !title.endsWith(' ')) title += ' ';
          break;
        case 'sp':
          role = '';
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
  });
  return { title: title.trim() === '' ? undefined : title.trim(), text: paragraphs.text(), isHidden };
}
