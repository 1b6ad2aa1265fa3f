import type { DocumentPage } from '@memvid/core';
import type { Archive } from './archive.js';
import { builtInFormat, type CellFormat, customFormat, shownNumber } from './cell-format.js';
import {
  chartTexts,
  commentText,
  drawingText,
  isSet,
  openOffice,
  readPart,
  relationId,
  relationships,
  targets,
  type Relationship,
} from './office.js';
import type { Draft, Reading } from './reading.js';

/** Where comments and those of threads have their text, and where one ends. */
const COMMENT_TEXTS: ReadonlySet<string> = new Set(['t']);
const THREAD_TEXTS: ReadonlySet<string> = new Set(['t', 'text']);
const COMMENT_ENDS: ReadonlySet<string> = new Set(['comment', 'threadedComment']);

interface Sheet {
  readonly name: string;
  readonly id: string;
  readonly isHidden: boolean;
}

/** Excel: a page a sheet, a line a row, the values of cells as they are shown. */
export async function read(reading: Reading): Promise<Draft> {
  const older = { program: 'Excel', instead: 'xlsx' };
  const { archive, main, properties } = await openOffice(reading, 'Excel', older, 'xl/workbook.xml');
  const related = await relationships(reading, archive, main);
  const { sheets, is1904 } = await workbook(reading, archive, main);
  const strings = await sharedStrings(reading, archive, targets(related, 'sharedStrings')[0]);
  const formats = await cellFormats(reading, archive, targets(related, 'styles')[0]);
  const pages: DocumentPage[] = [];
  for (const [index, sheet] of sheets.entries()) {
    if (pages.length >= reading.maxPages) break;
    const part = related.get(sheet.id);
    if (part === undefined || !archive.has(part.target)) {
      reading.warn(`the sheet "${sheet.name}" is missing`);
      continue;
    }
    if (sheet.isHidden) reading.warn(`the sheet "${sheet.name}" is hidden`);
    const number = index + 1;
    const book = { strings, formats, is1904 };
    const rows = part.type === 'worksheet' ? await rowsOf(reading, archive, part.target, book) : [];
    const notes = await textsBeside(reading, archive, part);
    const table = asTable(rows, reading.limits.maxCells);
    reading.table(number, table.rows, table.width);
    const lines = rows.map(({ cells }) => cells.join('\t'));
    const text = [lines.join('\n'), ...notes].filter((block) => block !== '').join('\n\n');
    pages.push({ number, name: sheet.name, text });
  }
  return { ...properties, unit: 'sheet', pages };
}

async function workbook(
  reading: Reading,
  archive: Archive,
  part: string,
): Promise<{ sheets: Sheet[]; is1904: boolean }> {
  const sheets = new Map<string, Sheet>();
  let is1904 = false;
  await readPart(reading, archive, part, {
    open(name, attributes) {
      if (name === 'workbookPr') is1904 = isSet(attributes['date1904']);
      const id = relationId(attributes);
      // No sheet is there twice.
      if (name !== 'sheet' || sheets.has(id)) return;
      sheets.set(id, {
        name: attributes['name'] ?? `Sheet${sheets.size + 1}`,
        id,
        isHidden: /^(very)?hidden$/i.test(attributes['state'] ?? ''),
      });
    },
  });
  return { sheets: [...sheets.values()], is1904 };
}

/** The texts that cells refer to by number; readings of characters are left out. */
async function sharedStrings(
  reading: Reading,
  archive: Archive,
  part: string | undefined,
): Promise<string[]> {
  const strings: string[] = [];
  if (part === undefined || !archive.has(part)) return strings;
  let text = '';
  let isText = false;
  await readPart(
    reading,
    archive,
    part,
    {
      open(name) {
        if (name === 'si') text = '';
        isText = name === 't';
      },
      text(piece) {
        if (isText) text += piece;
      },
      close(name) {
        isText = false;
        if (name === 'si') strings.push(reading.text(text));
      },
    },
    READINGS,
  );
  return strings;
}

const READINGS: ReadonlySet<string> = new Set(['rPh', 'phoneticPr']);

/** How the cells of each style are shown. */
async function cellFormats(
  reading: Reading,
  archive: Archive,
  part: string | undefined,
): Promise<CellFormat[]> {
  const own = new Map<number, CellFormat>();
  const styles: CellFormat[] = [];
  if (part === undefined || !archive.has(part)) return styles;
  let isOfCells = false;
  await readPart(reading, archive, part, {
    open(name, { numFmtId = '0', formatCode = '' }) {
      if (name === 'cellXfs') isOfCells = true;
      if (name === 'numFmt') own.set(Number(numFmtId), customFormat(formatCode));
      if (name !== 'xf' || !isOfCells) return;
      styles.push(own.get(Number(numFmtId)) ?? builtInFormat(Number(numFmtId)));
    },
    close(name) {
      if (name === 'cellXfs') isOfCells = false;
    },
  });
  return styles;
}

interface Book {
  readonly strings: readonly string[];
  readonly formats: readonly CellFormat[];
  readonly is1904: boolean;
}

/** The cells of a row that have a value, and the columns they stand in. */
interface Row {
  readonly columns: number[];
  readonly cells: string[];
}

/** The rows of a sheet that have a value. */
async function rowsOf(reading: Reading, archive: Archive, part: string, book: Book): Promise<Row[]> {
  const rows: Row[] = [];
  let row: Row = { columns: [], cells: [] };
  let column = 0;
  let type = '';
  let format: CellFormat = 'number';
  let value = '';
  let isValue = false;
  let isFormula = false;
  let withoutValue = 0;
  await readPart(
    reading,
    archive,
    part,
    {
      open(name, attributes) {
        isValue = name === 'v' || name === 't';
        isFormula ||= name === 'f';
        if (name === 'row') {
          row = { columns: [], cells: [] };
          column = 0;
        } else if (name === 'c') {
          column = columnOf(attributes['r']) ?? column;
          type = attributes['t'] ?? 'n';
          format = book.formats[Number(attributes['s'] ?? -1)] ?? 'number';
          value = '';
        }
      },
      text(text) {
        if (isValue) value += text;
      },
      close(name) {
        isValue = false;
        if (name === 'c') {
          const shown = shownValue(value, type, format, book);
          if (isFormula && value === '') withoutValue += 1;
          isFormula = false;
          if (shown !== '') {
            row.columns.push(column);
            row.cells.push(reading.text(shown));
          }
          column += 1;
        } else if (name === 'row' && row.cells.length > 0) {
          rows.push(row);
        }
      },
    },
    READINGS,
  );
  if (withoutValue > 0) reading.warn(`${withoutValue} formulas have no result: no program has computed them`);
  return rows;
}

/** The column of `BC12`, from 0. */
function columnOf(reference: string | undefined): number | undefined {
  const letters = /^[A-Z]{1,3}/.exec(reference ?? '')?.[0];
  if (letters === undefined) return undefined;
  let column = 0;
  for (const letter of letters) column = column * 26 + letter.charCodeAt(0) - 64;
  return column - 1;
}

function shownValue(value: string, type: string, format: CellFormat, { strings, is1904 }: Book): string {
  // A cell without a value is blank whatever its type: as a number, nothing would be the first shared text.
  if (value.trim() === '') return '';
  switch (type) {
    case 's':
      return strings[Number(value)] ?? '';
    case 'b':
      return value === '1' ? 'TRUE' : 'FALSE';
    case 'n':
      return shownNumber(value, format, is1904);
    default:
      return value;
  }
}

/** Rows of equal length without the columns that are blank in all of them; as they are where that is too much. */
function asTable(rows: readonly Row[], maxCells: number): { rows: string[][]; width: number } {
  const used = new Set<number>();
  for (const { columns } of rows) for (const column of columns) used.add(column);
  const places = new Map([...used].toSorted((left, right) => left - right).map((column, at) => [column, at]));
  const width = places.size;
  // Refused by who keeps it, with a word.
  if (rows.length * width > maxCells) return { rows: rows.map(({ cells }) => cells), width };
  const whole = rows.map(({ columns, cells }) => {
    const row = Array.from<string>({ length: width }).fill('');
    for (const [at, column] of columns.entries()) row[places.get(column) ?? 0] = cells[at] ?? '';
    return row;
  });
  return { rows: whole, width };
}

/** Comments on cells, and the texts of boxes and shapes. */
async function textsBeside(reading: Reading, archive: Archive, sheet: Relationship): Promise<string[]> {
  const related = await relationships(reading, archive, sheet.target);
  const texts: string[] = [];
  for (const type of ['comments', 'threadedComment', 'drawing']) {
    for (const part of targets(related, type)) {
      if (!archive.has(part)) continue;
      const text =
        type === 'drawing'
          ? await drawingText(reading, archive, part)
          : await commentText(
              reading,
              archive,
              part,
              part.includes('threaded') ? THREAD_TEXTS : COMMENT_TEXTS,
              COMMENT_ENDS,
            );
      if (text !== '' && !texts.includes(text)) texts.push(text);
      if (type !== 'drawing') continue;
      texts.push(...(await chartTexts(reading, archive, await relationships(reading, archive, part), true)));
    }
  }
  return texts;
}
