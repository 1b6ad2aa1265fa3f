/** A document to look for tables in. */
export interface TableSource {
  data: Uint8Array;
  filename: string;
  mimeType?: string | undefined;
}

/** A table as it stands in the document. */
export interface ExtractedTable {
  headers: readonly string[];
  /** Data rows without the header, each as long as `headers`. */
  rows: readonly (readonly string[])[];
  /** First and last page, counted from 1. */
  pageStart: number;
  pageEnd: number;
  /** The page of each row. Absent: `pageStart`. */
  rowPages?: readonly number[] | undefined;
  /** How certain the extractor is, 0 to 1. */
  quality: number;
  /** How it was found: `lattice` by ruled lines, `stream` by gaps. */
  detectionMode: string;
}

/** What comes with a request to a table extractor. */
export interface ExtractTablesOptions {
  /** Look at no more pages than this. */
  maxPages?: number | undefined;
  /** Ends the request when aborted. */
  signal?: AbortSignal | undefined;
}

/** What was found, and what could not be read. */
export interface ExtractTablesResult {
  tables: readonly ExtractedTable[];
  warnings?: readonly string[] | undefined;
}

/** Finds tables in documents. A document that cannot be read is an error, never an empty list. */
export interface TableExtractor {
  readonly spec: 'table-extractor/v1';
  readonly name: string;
  /** Media types it reads. */
  readonly mimeTypes: readonly string[];
  extract(source: TableSource, options?: ExtractTablesOptions): Promise<ExtractTablesResult>;
}
