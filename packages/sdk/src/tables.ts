import type { Handle } from './handle.js';

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

/** Finds the tables of a PDF and stores each as a frame of its own and one for every row; all of them or none. */
export async function putPdfTables(
  handle: Handle,
  path: string,
  rowsOrOptions?: boolean | PutPdfTablesOptions,
): Promise<PutPdfTablesResult> {
  handle.assertWritable('putPdfTables');
  return (await import('./table-frames.js')).putPdfTables(handle, path, rowsOrOptions);
}

/** The tables of the memory in the order they were stored; `[]` without any. Needs no plugin. */
export async function listTables(handle: Handle): Promise<TableInfo[]> {
  handle.assertOpen('listTables');
  return (await import('./table-frames.js')).listTables(handle);
}

/** A table as `{ headers, rows }`, or that as CSV or JSON text. MV010 for an id that no table has. */
export async function getTable(
  handle: Handle,
  id: string,
  format?: TableFormat,
): Promise<TableData | string> {
  handle.assertOpen('getTable');
  return (await import('./table-frames.js')).getTable(handle, id, format);
}
