import { signalOf } from './batch-options.js';
import { documentVectors, vectorRequest } from './embedding/document-vectors.js';
import { embedded } from './embedding/put-embedded.js';
import type { Handle } from './handle.js';
import { storedIds } from './write-queue.js';

/** A table of the memory. Every key stands there in the reference's other spelling, too. */
export interface TableInfo {
  table_id: string;
  /** Data rows, without the header. */
  n_rows: number;
  n_cols: number;
  headers: string[];
  /** First and last page, counted from 1. */
  page_start: number;
  page_end: number;
  source_file: string;
  /** `high`, `medium` or `low`: how certain its finder was. */
  quality: string;
  /** `lattice`: found by lines that meet; `stream`: by gaps; or what the plugin says. */
  detection_mode: string;
  /** Of the table itself: `getFrameInfo` and `view` take it. */
  frame_id: number;
  /** How many rows have a frame of their own. */
  row_frame_count: number;
  tableId: string;
  nRows: number;
  nCols: number;
  pageStart: number;
  pageEnd: number;
  sourceFile: string;
  detectionMode: string;
  frameId: number;
  metaFrameId: number;
  rowFrameCount: number;
}

/** A table as data: each row is as long as `headers`. */
export interface TableData {
  headers: string[];
  rows: string[][];
}

export type TableFormat = 'dict' | 'csv' | 'json';

export interface PutPdfTablesOptions {
  /**
   * Make a vector of each row, with the embedder of the memory. `true` given: MV015 when none can be made. Default: where
   * the memory has an embedder.
   */
  embedRows?: boolean | undefined;
  /** Look at no more pages than this. Default: all. */
  maxPages?: number | undefined;
  /** Ends the call before anything is stored: MV018. */
  signal?: AbortSignal | undefined;
}

export interface PutPdfTablesResult {
  tables_count: number;
  tables: TableInfo[];
  /** What could not be read or was not done, in words; absent when there is nothing to be said. */
  warnings?: string[] | undefined;
  tablesCount: number;
}

/**
 * What every write does. Handed to the chunk that stores tables and not imported by it: bundlers that are to write one file
 * fail with a chunk that imports from the one that loads it.
 */
export interface WritingSteps {
  readonly signalOf: typeof signalOf;
  readonly documentVectors: typeof documentVectors;
  readonly vectorRequest: typeof vectorRequest;
  readonly embedded: typeof embedded;
  readonly storedIds: typeof storedIds;
}

/** Finds the tables of a PDF and stores each as a frame of its own and one for every row; all of them or none. */
export async function putPdfTables(
  handle: Handle,
  path: string,
  rowsOrOptions?: boolean | PutPdfTablesOptions,
): Promise<PutPdfTablesResult> {
  handle.assertWritable('putPdfTables');
  const { putPdfTables: put } = await import('./table-frames.js');
  return put(handle, path, rowsOrOptions, { signalOf, documentVectors, vectorRequest, embedded, storedIds });
}

/** The tables of the memory in the order they were stored; `[]` without any. Needs no plugin. */
export async function listTables(handle: Handle): Promise<TableInfo[]> {
  handle.assertOpen('listTables');
  const { listTables: list } = await import('./table-frames.js');
  return list(handle);
}

/** A table as `{ headers, rows }`, or that as CSV or JSON text. MV010 for an id that no table has. */
export async function getTable(
  handle: Handle,
  id: string,
  format?: TableFormat,
): Promise<TableData | string> {
  handle.assertOpen('getTable');
  const { getTable: get } = await import('./table-frames.js');
  return get(handle, id, format);
}
