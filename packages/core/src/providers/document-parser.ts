/** A file to be read. */
export interface DocumentSource {
  data: Uint8Array;
  /** Its ending says what it is. */
  filename: string;
  mimeType?: string | undefined;
}

/**
 * A part of a document that is found by itself: a page, a sheet, a slide, a chapter. A document without such parts is one
 * page.
 */
export interface DocumentPage {
  /** From 1, in the order of the document. */
  number: number;
  /** Of a sheet. */
  name?: string | undefined;
  /** Of a slide or a chapter. */
  title?: string | undefined;
  /** Lines end with `\n`; paragraphs are apart by an empty line. */
  text: string;
}

/** A table of a document, its cells as they are shown. */
export interface DocumentTable {
  /** The first row. */
  headers: readonly string[];
  /** The other rows, each as long as `headers`. */
  rows: readonly (readonly string[])[];
  /** `number` of the page it stands on. */
  page: number;
}

/** What a document says. */
export interface ParsedDocument {
  /** What was read: `docx`, `pdf`, `text`. */
  type: string;
  /** Media type of the texts. Default: `text/plain`. */
  mimeType?: string | undefined;
  /** As the document itself says. */
  title?: string | undefined;
  author?: string | undefined;
  /** ISO 8601. */
  created?: string | undefined;
  /** All of its text, in the order in which a reader meets it: that of every page stands in it. */
  text: string;
  /** What its pages are. Absent: it has no such parts, and is one. */
  unit?: 'page' | 'sheet' | 'slide' | 'chapter' | undefined;
  pages: readonly DocumentPage[];
  /** Their text is part of the page they stand on, too. */
  tables: readonly DocumentTable[];
  /** What could not be read, or is not seen by who opens the document, in words. */
  warnings: readonly string[];
}

/** What comes with a request to a document parser. */
export interface ParseDocumentOptions {
  /** Read no more pages than this, the first ones. Default: all. */
  maxPages?: number | undefined;
  /** Ends the reading when aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * Reads files of a kind. A plain object; anyone may write one. A plugin offers it under the endings of its files:
 * `documentParsers: { odt: () => odtParser() }`.
 *
 * Must: give all of the text, obey `signal`, leave `data` as it is, and take any bytes: what cannot be read is an error
 * with the reason, never an empty document. Bounded: a small file that unpacks into a huge one is an error, too.
 */
export interface DocumentParser {
  readonly spec: 'document-parser/v1';
  readonly name: string;
  /** Media types of the files it reads, the usual one first. */
  readonly mimeTypes: readonly string[];
  parse(source: DocumentSource, options?: ParseDocumentOptions): Promise<ParsedDocument>;
}
