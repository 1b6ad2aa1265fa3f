import {
  type DocumentParser,
  isWellFormed,
  MemvidError,
  type ParsedDocument,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import { isRecord } from './check.js';
import { failureOfDocument } from './failures.js';

export interface FileToParse {
  readonly operation: string;
  readonly name: string;
  readonly extension: string;
  readonly data: Uint8Array;
  readonly signal: AbortSignal | undefined;
}

/** A page of a file, or all of it. */
export interface Part {
  readonly text: string;
  /** Behind the name of the file, in titles and in uris. */
  readonly named: string;
  readonly anchor: string;
  readonly metadata: Readonly<Record<string, unknown>>;
}

/** A file as its parser read it, on its way into the memory. */
export interface ParsedFile {
  readonly type: string;
  readonly text: string;
  /** Media type of the texts, and of the file. */
  readonly mime: string;
  readonly fileMime: string;
  readonly parts: readonly Part[];
  /** What the document says about itself, for the metadata of its frames. */
  readonly said: Readonly<Record<string, string>>;
  readonly warnings: readonly string[];
}

/** Reads a file. MV018 or MV012 with the reason when that cannot be done. */
export async function parseFile(
  { operation, name, data, signal }: FileToParse,
  make: () => Promise<DocumentParser>,
): Promise<ParsedFile> {
  try {
    const parser = checkParser(await make());
    const parsed = checkedDocument(await parser.parse({ data, filename: name }, { signal }));
    const { type, text, warnings, mimeType = 'text/plain' } = parsed;
    if (warnings.length > 0 && text.trim() === '') {
      throw unreadable(operation, name, `there is no text in it: ${warnings.join('; ')}`, 'no_text');
    }
    const fileMime = parser.mimeTypes[0] ?? 'application/octet-stream';
    return { type, text, warnings, mime: mimeType, fileMime, parts: partsOf(parsed), said: saidOf(parsed) };
  } catch (error) {
    if (MemvidError.isMemvidError(error)) throw failureOfDocument(name, error);
    throw unreadable(operation, name, toMemvidError(error).message, 'parser', error);
  }
}

/** The pages that have text; one that is blank when none has. */
function partsOf({ unit, pages, text: whole }: Document): Part[] {
  if (unit === undefined) return [{ text: whole, named: '', anchor: '', metadata: {} }];
  const filled = pages.filter(({ text }) => text.trim() !== '');
  return (filled.length === 0 ? pages.slice(0, 1) : filled).map(({ number, name, title, text }) => {
    const isSheet = unit === 'sheet';
    const place = isSheet
      ? { sheet_name: name ?? String(number), sheet_index: number - 1 }
      : { [`${unit}_number`]: number };
    const titled = title === undefined ? {} : { [`${unit}_title`]: title };
    return {
      text,
      named: isSheet
        ? ` [Sheet: ${name ?? number}]`
        : ` [${unit[0]?.toUpperCase()}${unit.slice(1)} ${number}]`,
      anchor: `#${unit}-${number}`,
      metadata: { ...place, ...titled, [`total_${unit}s`]: pages.length },
    };
  });
}

/** Pieces of at most `size` characters that together are the text, cut behind white space where there is any. */
export function splitAtWords(text: string, size: number): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > size) {
    const head = rest.slice(0, size);
    const boundary = /^[\s\S]*\s/.exec(head)?.[0].length ?? 0;
    // Never between the halves of one character that takes two code units.
    const whole = /[\uD800-\uDBFF]$/.test(head) ? size - 1 : size;
    const end = boundary > 0 ? boundary : whole;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  if (rest !== '' || pieces.length === 0) pieces.push(rest);
  return pieces;
}

function saidOf({ title, author, created }: Document): Record<string, string> {
  return {
    ...(title === undefined ? {} : { doc_title: title }),
    ...(author === undefined ? {} : { doc_author: author }),
    ...(created === undefined ? {} : { doc_created: created }),
  };
}

function checkParser(parser: DocumentParser): DocumentParser {
  if (isRecord(parser) && parser.spec === 'document-parser/v1' && typeof parser.parse === 'function') {
    return parser;
  }
  throw new TypeError('the plugin gives no parser with spec "document-parser/v1"');
}

type Document = Omit<ParsedDocument, 'tables'>;

/** Somebody else wrote the parser: what it gives is checked, and read once. */
function checkedDocument(given: ParsedDocument): Document {
  const { text, pages, warnings, unit } = given;
  const isWhole =
    typeof text === 'string' &&
    Array.isArray(warnings) &&
    warnings.every((warning) => typeof warning === 'string') &&
    Array.isArray(pages) &&
    pages.every((page) => typeof page?.text === 'string' && Number.isSafeInteger(page.number));
  if (!isWhole) throw new TypeError('the parser gives no document with `text`, `pages` and `warnings`');
  return {
    type: said('type', given.type) ?? 'text',
    mimeType: said('mimeType', given.mimeType),
    title: said('title', given.title),
    author: said('author', given.author),
    created: said('created', given.created),
    text,
    unit: said('unit', unit) as Document['unit'],
    pages: pages.map((page) => ({
      number: page.number,
      name: said('name', page.name),
      title: said('title', page.title),
      text: page.text,
    })),
    warnings: [...warnings],
  };
}

/** What a document says about itself goes into its metadata, which hold whole characters only. */
function said(field: string, value: unknown): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string' && isWellFormed(value)) return value;
  throw new TypeError(`the parser gives a \`${field}\` that is no string of whole characters`);
}

function unreadable(
  operation: string,
  name: string,
  why: string,
  reason: string,
  cause?: unknown,
): UnsupportedOperationError {
  return new UnsupportedOperationError(`${name} cannot be read: ${why}`, {
    details: { operation, filename: name, reason },
    suggestion:
      'Store what it says with `put({ text })`, or the file with a description: `put({ file, searchText })`.',
    cause,
  });
}
