import { readFile, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import {
  checkInteger,
  checkString,
  type DocumentPage,
  type DocumentSource,
  FileNotFoundError,
  fromSystemError,
  invalidInput,
  isPlainObject,
  type ParsedDocument,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import { tooLarge } from './failures.js';
import { type Kind, KINDS } from './kinds.js';
import { type DocumentsOptions, settingsOf } from './limits.js';
import { parserOf } from './parser.js';

export interface ParseOptions extends DocumentsOptions {
  /** Read no more pages, sheets, slides or chapters than this, the first ones. Default: all. */
  maxItems?: number | undefined;
  /** Give the tables. Default `true`. */
  extractTables?: boolean | undefined;
  /** Text in pictures is not read: `true` is MV018. */
  ocr?: boolean | undefined;
  /** Ends the reading when aborted. */
  signal?: AbortSignal | undefined;
}

/** A document, with the names that the reference gives to its parts. */
export interface ParseResult extends ParsedDocument {
  filename: string;
  /** How many pages there are in `pages`. */
  totalItems: number;
  /** The same as `pages`. */
  items: readonly DocumentPage[];
}

/** Reads a file, or bytes that come with the name of their file. */
export async function parse(
  source: string | DocumentSource,
  options: ParseOptions = {},
): Promise<ParseResult> {
  if (!isPlainObject(options as unknown)) throw invalidInput('options', options, 'an object with options');
  const limits = settingsOf(options);
  const maxPages =
    options.maxItems === undefined ? undefined : checkInteger('maxItems', options.maxItems, { min: 1 });
  if (options.ocr === true) {
    throw new UnsupportedOperationError('parse reads no text in pictures: `ocr` is not available', {
      details: { operation: 'parse', reason: 'ocr' },
      suggestion: 'Leave `ocr` out, and recognise the text with another program before.',
    });
  }
  if (typeof source !== 'string' && (typeof source !== 'object' || source === null)) {
    throw invalidInput('source', source, 'the path of a file, or an object { data, filename }');
  }
  const given = typeof source === 'string' ? await sourceOf(source, limits.maxBytes) : source;
  const filename = checkString('source.filename', given.filename, { maxLength: MOST_NAME_CHARACTERS });
  const kind = kindOf(filename);
  const { signal } = options;
  const parsed = await parserOf(kind, limits).parse(given, { maxPages, signal });
  const tables = options.extractTables === false ? [] : parsed.tables;
  return { ...parsed, tables, filename, totalItems: parsed.pages.length, items: parsed.pages };
}

/** Longest name of a file, of any system. */
const MOST_NAME_CHARACTERS = 4096;

function endingOf(path: string): string {
  return extname(path).slice(1).toLowerCase();
}

function kindOf(filename: string): Kind {
  const ending = endingOf(filename);
  const kind = Object.hasOwn(KINDS, ending) ? KINDS[ending] : undefined;
  if (kind !== undefined) return kind;
  const known = Object.keys(KINDS).map((name) => `.${name}`);
  throw new UnsupportedOperationError(
    `${filename} is of a type that is not read (known types: ${known.join(' ')})`,
    {
      details: { operation: 'parse', filename, reason: 'unknown_type' },
      suggestion: 'Convert the file to one of the known types, or give it the ending of what it is.',
    },
  );
}

/** The file of a path. What it is by its ending is looked at before it is read. */
async function sourceOf(path: string, maxBytes: number): Promise<DocumentSource> {
  checkString('path', path, { notBlank: true });
  const filename = basename(path);
  try {
    const found = await stat(path);
    if (!found.isFile()) {
      const kind = found.isDirectory() ? 'a folder' : 'a pipe, a socket or a device';
      throw invalidInput('path', path, `the path of a file, not of ${kind}`);
    }
    kindOf(filename);
    if (found.size > maxBytes) throw tooLarge(filename, 'maxBytes', maxBytes, 'bytes');
    return { data: await readFile(path), filename };
  } catch (error) {
    const failure = fromSystemError(error, path) ?? toMemvidError(error);
    if (!(failure instanceof FileNotFoundError)) throw failure;
    throw new FileNotFoundError(`There is no file ${path}`, {
      details: { path, reason: 'input' },
      cause: error,
    });
  }
}

/** What a file is by its ending: `docx`, `text` …; `undefined` for types that are not read. */
export function getDocumentType(path: string): string | undefined {
  const ending = endingOf(checkString('path', path));
  return Object.hasOwn(KINDS, ending) ? KINDS[ending]?.type : undefined;
}

/** Whether files with this ending are read. Those of Office before 2007 are known, and refused. */
export function isSupportedFormat(path: string): boolean {
  const type = getDocumentType(path);
  return type !== undefined && !['doc', 'xls', 'ppt'].includes(type);
}
