import {
  type DocumentPage,
  type DocumentParser,
  type DocumentSource,
  type DocumentTable,
  invalidInput,
  isWellFormed,
  MemvidError,
  type ParsedDocument,
  type ParseDocumentOptions,
} from '@memvid/core';
import { damaged, tooLarge } from './failures.js';
import type { Kind } from './kinds.js';
import type { Settings } from './limits.js';
import { type Draft, Reading } from './reading.js';
import { replaceAll } from './replace-all.js';

/** The parser of a kind. Its code is loaded with the first document. */
export function parserOf(kind: Kind, limits: Settings): DocumentParser {
  return {
    spec: 'document-parser/v1',
    name: `documents:${kind.type}`,
    mimeTypes: kind.mimeTypes,
    async parse(source, options = {}) {
      checkSource(source, options);
      options.signal?.throwIfAborted();
      const { read } = await kind.load();
      const reading = new Reading(source, options, limits);
      try {
        return await finished(kind.type, await read(reading), reading);
      } catch (error) {
        options.signal?.throwIfAborted();
        if (MemvidError.isMemvidError(error)) throw error;
        // The engine of JavaScript cannot hold a longer text.
        if (error instanceof RangeError && /string length/i.test(error.message)) {
          throw tooLarge(source.filename, 'maxCharacters', limits.maxCharacters, 'characters');
        }
        throw damaged(source.filename, 'it', `cannot be read as ${kind.type}`, error);
      }
    },
  };
}

function checkSource(source: DocumentSource, { maxPages }: ParseDocumentOptions): void {
  if (!(source?.data instanceof Uint8Array)) throw invalidInput('source.data', source?.data, 'a Uint8Array');
  if (typeof source.filename !== 'string') throw invalidInput('source.filename', source.filename, 'a string');
  if (maxPages !== undefined && !(Number.isSafeInteger(maxPages) && maxPages >= 1)) {
    throw invalidInput('maxPages', maxPages, 'a whole number from 1');
  }
}

/** How many rows are cleaned in one go. */
const ROWS = 1000;

async function finished(type: string, draft: Draft, reading: Reading): Promise<ParsedDocument> {
  const pages: DocumentPage[] = [];
  for (const { number, name, title, text } of draft.pages) {
    pages.push({
      number,
      ...(name === undefined ? {} : { name: clean(name) }),
      ...optional('title', title),
      text: await cleaned(reading, text),
    });
  }
  const tables: DocumentTable[] = [];
  for (const { headers, rows, page } of reading.tables) {
    const own: string[][] = [];
    for (const row of [headers, ...rows]) {
      if (own.length % ROWS === 0) await reading.pause();
      own.push(
        row.some(({ length }) => length > LONG_CELL) ? await cleanedRow(reading, row) : row.map(clean),
      );
    }
    const [first = [], ...others] = own;
    tables.push({ headers: first, rows: others, page });
  }
  return {
    type,
    ...optional('mimeType', draft.mimeType),
    ...optional('title', draft.title),
    ...optional('author', draft.author),
    ...optional('created', isoOf(draft.created)),
    text: pages.map(({ text }) => text).join('\n\n'),
    ...(draft.unit === undefined ? {} : { unit: draft.unit }),
    pages,
    tables,
    warnings: reading.warnings,
  };
}

/** Whole characters, and none that ends a text for other programs. */
function clean(text: string): string {
  const whole = text.includes('\r') ? text.replaceAll(/\r\n?/g, '\n') : text;
  const own = whole.includes('\0') ? whole.replaceAll('\0', '') : whole;
  return isWellFormed(own) ? own : own.replaceAll(LONE_SURROGATES, '\ufffd');
}

/** The same of a text that may be long. */
async function cleaned(reading: Reading, text: string): Promise<string> {
  const whole = text.includes('\r') ? await replaceAll(reading, text, /\r\n?/g, () => '\n') : text;
  const own = whole.includes('\0') ? await replaceAll(reading, whole, /\0/g, () => '') : whole;
  return isWellFormed(own) ? own : replaceAll(reading, own, LONE_SURROGATES, () => '\ufffd');
}

const LONE_SURROGATES = /\p{Surrogate}/gu;
/** Cells that are longer are seldom. */
const LONG_CELL = 1024;

async function cleanedRow(reading: Reading, row: readonly string[]): Promise<string[]> {
  const cells: string[] = [];
  for (const cell of row) cells.push(await cleaned(reading, cell));
  return cells;
}

function optional<Name extends string>(name: Name, value: string | undefined): { [Key in Name]?: string } {
  const own = value === undefined ? '' : clean(value).replaceAll(/\s+/g, ' ').trim();
  return own === '' ? {} : ({ [name]: own } as { [Key in Name]?: string });
}

/** A date in whatever form the document has it, as ISO 8601; one without a time stays without. */
function isoOf(value: string | undefined): string | undefined {
  const given = value?.trim() ?? '';
  if (/^\d{4}(-\d{2}(-\d{2})?)?$/.test(given)) return Number.isNaN(Date.parse(given)) ? undefined : given;
  const moment = given === '' ? Number.NaN : Date.parse(given);
  return Number.isNaN(moment) ? undefined : new Date(moment).toISOString();
}
