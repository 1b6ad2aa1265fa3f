import type { DocumentParser, Factory, Plugin } from '@memvid/core';
import type { Handle } from './handle.js';
import type { FileToParse, ParsedFile } from './parsed-file.js';

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
    return this.extensions.includes(extension);
  }

  /** What its parser reads in a file; `undefined` when no plugin reads such files. */
  async parse(file: FileToParse): Promise<ParsedFile | undefined> {
    const { extension } = file;
    const factory = await this.#handle.embedders.search((plugins) => factoryOf(plugins, extension));
    if (factory === undefined) return undefined;
    // Most memories read no document, and do without its code.
    const { parseFile } = await import('./parsed-file.js');
    // It may hang, and must not hold the memory with it.
    return this.#handle.embedding(file.operation, 'write', file.signal, (signal) =>
      parseFile({ ...file, signal }, () => {
        const made = this.#made.get(extension) ?? Promise.resolve(factory());
        this.#made.set(extension, made);
        return made;
      }),
    );
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
