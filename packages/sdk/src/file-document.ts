import { constants, type Stats } from 'node:fs';
import { open, stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import {
  FileNotFoundError,
  fromSystemError,
  invalidInput,
  toMemvidError,
  type NativeDocument,
  UnsupportedOperationError,
} from '@memvid/core';
import { coverageOf } from './ask/coverage.js';
import { ownValue } from './check.js';
import type { DocumentParsers } from './document-parsers.js';
import { textDocument, type Fields, type Switches } from './document.js';
import { extensionOf } from './extension.js';
import { pluginMissing } from './failures.js';
import { PICTURE_KINDS } from './image.js';
import type { ParsedFile } from './parsed-file.js';

/** File kinds the core reads by itself, and the media type each is stored with. */
export const TEXT_KINDS: Readonly<Record<string, string>> = {
  txt: 'text/plain',
  text: 'text/plain',
  log: 'text/plain',
  rst: 'text/plain',
  md: 'text/markdown',
  markdown: 'text/markdown',
  mdx: 'text/markdown',
  json: 'application/json',
  jsonl: 'application/json',
  csv: 'text/csv',
  tsv: 'text/tab-separated-values',
  html: 'text/html',
  htm: 'text/html',
  xml: 'application/xml',
  yaml: 'application/yaml',
  yml: 'application/yaml',
  toml: 'application/toml',
};

/** File kinds that the documents package takes apart into pages, sheets and slides. */
export const DOCUMENT_KINDS: readonly string[] = [
  'pdf',
  'xlsx',
  'xls',
  'pptx',
  'ppt',
  'docx',
  'doc',
  'epub',
  'rtf',
  'eml',
];
export const DOCUMENTS_PACKAGE = '@memvid/documents';
const TEXT = 'text/plain';

export interface TextFile {
  readonly name: string;
  /** Lower case, without the dot; empty when the name has none. */
  readonly extension: string;
  /** Of `text`. */
  readonly mime: string;
  readonly text: string;
  /** What its parser says, where a plugin has one for its kind. */
  readonly parsed?: ParsedFile | undefined;
}

/** The bytes of an input file. Missing: MV013; a folder, a pipe, a device, a socket: MV019. */
export async function readInput(path: string, argument = 'file'): Promise<Uint8Array> {
  try {
    // Looked at before it is opened, since opening a device may do something; and again, since it may have changed.
    requireFile(await stat(path), path, argument);
    // A pipe that nobody writes to must not be waited for. Windows has no such flag, and needs none.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      requireFile(await file.stat(), path, argument);
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (error) {
    const failure = fromSystemError(error, path);
    if (failure instanceof FileNotFoundError) {
      throw new FileNotFoundError(`There is no file ${path}`, {
        details: { path, reason: 'input' },
        cause: error,
      });
    }
    throw failure ?? toMemvidError(error);
  }
}

function requireFile(found: Stats, path: string, argument: string): void {
  if (found.isFile()) return;
  const kind = found.isDirectory() ? 'a folder' : 'a pipe, a socket or a device';
  throw invalidInput(argument, path, `the path of a file, not of ${kind}`);
}

/** The text of UTF-8 bytes, a byte-order mark included so that the bytes can be given back; `undefined` for others. */
function textOf(bytes: Uint8Array): string | undefined {
  try {
    const text = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    return text.includes('\0') ? undefined : text;
  } catch {
    return undefined;
  }
}

/**
 * A file of a kind that a plugin or the core reads. MV018 for the others, with the package that is missing; nothing is
 * stored.
 */
export async function readFile(
  operation: string,
  path: string,
  parsers: DocumentParsers,
  signal?: AbortSignal,
): Promise<TextFile & { readonly data: Uint8Array }> {
  const data = await readInput(path);
  const [name, extension] = [basename(path), extensionOf(path)];
  const parsed = await parsers.parse({ operation, name, extension, data, signal });
  if (parsed !== undefined) return { name, extension, mime: parsed.mime, text: parsed.text, parsed, data };
  const text = DOCUMENT_KINDS.includes(extension) ? undefined : textOf(data);
  // Source code and the like: no known kind, but text all the same.
  if (text !== undefined) return { name, extension, mime: mimeOf(extension), text, data };
  if (PICTURE_KINDS.includes(extension)) {
    throw new UnsupportedOperationError(
      `${operation}: ${name} is a picture, and has no text to be found by`,
      {
        details: { operation, path },
        suggestion: 'Store it with `put({ image })`, or with the words it is to be found by: `searchText`.',
      },
    );
  }
  const known = [...new Set([...Object.keys(TEXT_KINDS), ...DOCUMENT_KINDS, ...parsers.extensions])];
  const what = Object.hasOwn(TEXT_KINDS, extension)
    ? `${name} is not UTF-8 text, and the plugin reads other encodings too`
    : `${name} is not a text file (known types with it: ${known.map((kind) => `.${kind}`).join(' ')})`;
  throw pluginMissing(operation, what, DOCUMENTS_PACKAGE, 'documentsPlugin');
}

function mimeOf(extension: string): string {
  return ownValue(TEXT_KINDS, extension) ?? TEXT;
}

/** What is longer is no title, and so far words are looked through for it: both come from anybody. */
const MOST_TITLE = 1000;
const LOOKED_THROUGH = 20_000;

/**
 * The words of a document with its own title above them, where these do not hold it (the title of a web page stands in its
 * head); `undefined` where they do. `name`: what it is found by as well.
 */
export function withTitle(words: string, parsed: ParsedFile | undefined, name: string): string | undefined {
  const title = parsed?.said['doc_title'] ?? '';
  if (title.length > MOST_TITLE) return undefined;
  const { missing } = coverageOf(title, `${name}\n${words.slice(0, LOOKED_THROUGH)}`);
  return missing.length === 0 ? undefined : `${title}\n${words}`;
}

/** The label of a file's document when none is given: its ending. */
export function fileLabel(path: string): string {
  return extensionOf(path) || 'file';
}

/**
 * The document `put({ file })` stores: the file's bytes, found by its text, by what its parser reads in it, or by the
 * `searchText` given with it.
 */
export async function readFileDocument(
  fields: Fields,
  operation: string,
  path: string,
  switches: Switches,
  parsers: DocumentParsers,
  signal?: AbortSignal,
): Promise<NativeDocument> {
  const name = basename(path);
  const extension = extensionOf(path);
  const defaults = {
    title: fields.title ?? name.slice(0, name.length - extname(name).length),
    uri: fields.uri ?? `mv2://files/${name}`,
    labels: fields.labels ?? [fileLabel(path)],
    filename: name,
  };
  // The caller's words describe it, so bytes of any kind may be kept.
  const isDescribed = fields.searchText !== undefined;
  const file = isDescribed ? undefined : await readFile(operation, path, parsers, signal);
  const bytes = file?.data ?? (await readInput(path));
  const text = file?.parsed === undefined ? (file?.text ?? textOf(bytes)) : textOf(bytes);
  const said = fields.searchText ?? file?.text ?? '';
  // Of bytes that are no text, what is searched is what `view` gives.
  const words = text === undefined ? said : (withTitle(said, file?.parsed, defaults.title) ?? said);
  const described = { ...textDocument(fields, words, switches), ...defaults };
  if (text !== undefined) {
    const searched = text === words ? {} : { searchText: words };
    return { ...described, ...searched, text, mime: mimeOf(extension) };
  }
  delete described.text;
  return {
    ...described,
    searchText: words,
    bytes,
    mime: file?.parsed?.fileMime ?? 'application/octet-stream',
  };
}
