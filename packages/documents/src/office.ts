import { posix } from 'node:path';
import { Archive } from './archive.js';
import { damaged, notADocument } from './failures.js';
import { readXml, type XmlEvents } from './markup.js';
import type { Draft, Reading } from './reading.js';

/** What the documents of Office have in common: parts that point at each other, and properties. */

export interface Relationship {
  /** The last word of its type: `slide`, `notesSlide`, `header`. */
  readonly type: string;
  /** The part it points at, by its name in the archive. */
  readonly target: string;
}

/** The relationships of a part by their id; of the whole document for `""`. */
export async function relationships(
  reading: Reading,
  archive: Archive,
  part: string,
): Promise<ReadonlyMap<string, Relationship>> {
  const folder = posix.dirname(part);
  const name = posix.join(part === '' ? '' : folder, '_rels', `${posix.basename(part)}.rels`);
  const found = new Map<string, Relationship>();
  if (!archive.has(name)) return found;
  await readXml(reading, name, archive.bytes(name), {
    open(element, { Id = '', Type = '', Target = '', TargetMode }) {
      if (element !== 'Relationship' || TargetMode === 'External') return;
      const target = Target.startsWith('/') ? Target.slice(1) : posix.join(part === '' ? '' : folder, Target);
      found.set(Id, { type: Type.slice(Type.lastIndexOf('/') + 1), target });
    },
  });
  return found;
}

/** The parts of a type that a part points at, each once. */
export function targets(related: ReadonlyMap<string, Relationship>, type: string): string[] {
  const names = [...related.values()].filter((other) => other.type === type).map(({ target }) => target);
  return [...new Set(names)];
}

/** An Office document, the name of its main part, and what it says about itself. */
export interface OfficeFile {
  readonly archive: Archive;
  readonly main: string;
  readonly properties: Pick<Draft, 'title' | 'author' | 'created'>;
}

/** `usual`: the name its main part usually has; it stands in the same folder in all of them. */
export async function openOffice(
  reading: Reading,
  kind: string,
  older: { readonly program: string; readonly instead: string },
  usual: string,
): Promise<OfficeFile> {
  const archive = await Archive.open(reading, kind, older);
  const related = await relationships(reading, archive, '');
  const main = targets(related, 'officeDocument')[0] ?? usual;
  const folder = `${posix.dirname(usual)}/`;
  if (!archive.has(main)) {
    const isOther = !archive.has('[Content_Types].xml');
    throw isOther
      ? notADocument(reading.filename, kind, `it has no part ${main}`)
      : damaged(reading.filename, main, 'is missing');
  }
  if (!main.startsWith(folder)) {
    throw notADocument(reading.filename, kind, `its main part is ${main}`);
  }
  const core = targets(related, 'core-properties')[0] ?? 'docProps/core.xml';
  return { archive, main, properties: archive.has(core) ? await propertiesOf(reading, archive, core) : {} };
}

/** Title, author and date out of Dublin Core elements. */
async function propertiesOf(
  reading: Reading,
  archive: Archive,
  part: string,
): Promise<Pick<Draft, 'title' | 'author' | 'created'>> {
  const values = new Map<string, string>();
  let at: string | undefined;
  const names = new Set(['title', 'creator', 'created']);
  await readXml(reading, part, archive.bytes(part), {
    open(name) {
      if (names.has(name) && !values.has(name)) values.set(name, '');
      at = names.has(name) ? name : at;
    },
    text(text) {
      if (at !== undefined) values.set(at, `${values.get(at) ?? ''}${text}`.slice(0, 10_000));
    },
    close(name) {
      if (name === at) at = undefined;
    },
  });
  return { title: values.get('title'), author: values.get('creator'), created: values.get('created') };
}

/**
 * Reads a part without the elements of `skipped`. Where it offers several versions of the same thing (a drawing, and the
 * same for older programs), the first is taken.
 */
export async function readPart(
  reading: Reading,
  archive: Archive,
  part: string,
  events: XmlEvents,
  skipped: ReadonlySet<string> = new Set(),
): Promise<void> {
  /** Of each choice that is open: whether a version was taken. */
  const choices: boolean[] = [];
  let hidden = 0;
  await readXml(reading, part, archive.bytes(part), {
    open(name, attributes) {
      if (hidden > 0 || skipped.has(name)) {
        hidden += 1;
      } else if (name === 'AlternateContent') {
        choices.push(false);
      } else if (name === 'Choice' || name === 'Fallback') {
        if (choices.at(-1) === true) hidden += 1;
        else if (choices.length > 0) choices[choices.length - 1] = true;
      } else {
        events.open?.(name, attributes);
      }
    },
    text(text) {
      if (hidden === 0) events.text?.(text);
    },
    close(name) {
      if (hidden > 0) hidden -= 1;
      else if (name === 'AlternateContent') choices.pop();
      else if (name !== 'Choice' && name !== 'Fallback') events.close?.(name);
    },
  });
}

/** Whether an attribute of the kind `on`, `1`, `true` is set. */
export function isSet(value: string | undefined): boolean {
  return value === '1' || value === 'true' || value === 'on';
}

/** The texts of drawings (`a:t`) in a part, a paragraph each. */
export async function drawingText(reading: Reading, archive: Archive, part: string): Promise<string> {
  const lines: string[] = [];
  let line = '';
  let isText = false;
  await readPart(reading, archive, part, {
    open(name) {
      isText = name === 't';
    },
    text(text) {
      if (isText) line += text;
    },
    close(name) {
      isText = false;
      if (name !== 'p') return;
      if (line.trim() !== '') lines.push(reading.text(line));
      line = '';
    },
  });
  return lines.join('\n');
}

/**
 * The words of the charts that a part shows: their titles, and the names of their series and categories. `isOfCells`: the
 * names stand in the sheet already.
 */
export async function chartTexts(
  reading: Reading,
  archive: Archive,
  related: ReadonlyMap<string, Relationship>,
  isOfCells: boolean = false,
): Promise<string[]> {
  const texts: string[] = [];
  for (const part of targets(related, 'chart')) {
    if (!archive.has(part)) continue;
    const words = new Set<string>();
    let word = '';
    let isNames = false;
    let isText = false;
    await readPart(reading, archive, part, {
      open(name) {
        if (name === 'strCache') isNames = true;
        isText = name === 't' || (name === 'v' && isNames && !isOfCells);
      },
      text(text) {
        if (isText) word += text;
      },
      close(name) {
        isText = false;
        if (name === 'strCache') isNames = false;
        if (name !== 'p' && name !== 'v') return;
        if (word.trim() !== '') words.add(reading.text(word));
        word = '';
      },
    });
    if (words.size > 0) texts.push([...words].join('\n'));
  }
  return texts;
}

/** The `r:id` of an element, which may have an `id` of its own beside it. */
export function relationId(attributes: Readonly<Record<string, string>>): string {
  const entry = Object.entries(attributes).find(([name]) => name.endsWith(':id'));
  return entry?.[1] ?? attributes['id'] ?? '';
}

/** The comments of a part, one a line: the text inside of `texts`, each comment ending with one of `ends`. */
export async function commentText(
  reading: Reading,
  archive: Archive,
  part: string,
  texts: ReadonlySet<string>,
  ends: ReadonlySet<string>,
): Promise<string> {
  const comments: string[] = [];
  let comment = '';
  let isText = false;
  await readPart(reading, archive, part, {
    open(name) {
      isText = texts.has(name);
    },
    text(text) {
      if (isText) comment += text;
    },
    close(name) {
      isText = false;
      if (!ends.has(name)) return;
      if (comment.trim() !== '') comments.push(reading.text(comment));
      comment = '';
    },
  });
  return comments.join('\n');
}
