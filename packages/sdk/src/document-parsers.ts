import {
  type DocumentParser,
  type Factory,
  MemvidError,
  type ParsedDocument,
  type Plugin,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import { isRecord } from './check.js';
import { aborted } from './failures.js';
import type { Handle } from './handle.js';

/** A file, read by the parser of its kind. */
export interface ParsedFile extends ParsedDocument {
  /** Media type of the file. */
  readonly fileMime: string;
}

/** The parsers of one call, by the endings of files. Each is made when the first of its files comes. */
export class DocumentParsers {
  readonly #handle: Handle;
  readonly #made = new Map<string, Promise<DocumentParser>>();

  constructor(handle: Handle) {
    this.#handle = handle;
  }

  /** The endings that plugins have registered. */
  get extensions(): string[] {
    return this.#handle.embedders.plugins.flatMap(({ documentParsers }) =>
      Object.keys(documentParsers ?? {}).map((name) => name.toLowerCase()),
    );
  }

  /** Whether a plugin that is known reads files with this ending. It may take its time. */
  has(extension: string): boolean {
    return factoryOf(this.#handle.embedders.plugins, extension) !== undefined;
  }

  /** What is called when a file with this ending is to be read; `undefined` when no plugin reads such files. */
  async find(extension: string): Promise<Factory<DocumentParser> | undefined> {
    return this.#handle.embedders.search((plugins) => factoryOf(plugins, extension));
  }

  /** Reads a file. MV018 or MV012 with the reason when that cannot be done. */
  async parse(
    operation: string,
    factory: Factory<DocumentParser>,
    { name, extension, data }: { name: string; extension: string; data: Uint8Array },
    signal: AbortSignal | undefined,
  ): Promise<ParsedFile> {
    try {
      const parser = await this.#make(extension, factory);
      const parsed = await parser.parse({ data, filename: name }, { signal });
      checkParsed(parsed);
      if (parsed.warnings.length > 0 && parsed.text.trim() === '') {
        throw unreadable(operation, name, `there is no text in it: ${parsed.warnings.join('; ')}`, 'no_text');
      }
      return { ...parsed, fileMime: parser.mimeTypes[0] ?? 'application/octet-stream' };
    } catch (error) {
      if (signal?.aborted === true) throw aborted(operation, signal);
      if (MemvidError.isMemvidError(error)) throw error;
      throw unreadable(operation, name, toMemvidError(error).message, 'parser', error);
    }
  }

  #make(extension: string, factory: Factory<DocumentParser>): Promise<DocumentParser> {
    const made = this.#made.get(extension) ?? Promise.resolve(factory()).then(checkParser);
    this.#made.set(extension, made);
    return made;
  }
}

function factoryOf(plugins: readonly Plugin[], extension: string): Factory<DocumentParser> | undefined {
  for (const { documentParsers } of plugins) {
    for (const [name, factory] of Object.entries(documentParsers ?? {})) {
      if (name.toLowerCase() === extension) return factory;
    }
  }
  return undefined;
}

function checkParser(parser: DocumentParser): DocumentParser {
  if (isRecord(parser) && parser.spec === 'document-parser/v1' && typeof parser.parse === 'function') {
    return parser;
  }
  throw new TypeError('the plugin gives no parser with spec "document-parser/v1"');
}

/** Somebody else wrote the parser. */
function checkParsed({ text, pages, warnings }: ParsedDocument): void {
  const isWhole =
    typeof text === 'string' &&
    Array.isArray(warnings) &&
    Array.isArray(pages) &&
    pages.every((page) => typeof page?.text === 'string' && Number.isSafeInteger(page.number));
  if (!isWhole) throw new TypeError('the parser gives no document with `text`, `pages` and `warnings`');
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
