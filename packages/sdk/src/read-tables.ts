import { FrameNotFoundError, type NativeMemory, toMemvidError } from '@memvid/core';
import { filledString, optionalOneOf } from './check.js';
import type { FrameInfo } from './frame-info.js';
import type { Handle, WholeFile } from './handle.js';
import type { TableData, TableFormat, TableInfo } from './tables.js';

export const TABLE_KIND = 'table_meta';
export const ROW_KIND = 'table_row';

export async function listTables(handle: Handle): Promise<TableInfo[]> {
  return handle.read('listTables', (native) =>
    framesWhere(native, { kind: TABLE_KIND }).map((frame) => infoOf(native, frame)),
  );
}

export async function getTable(
  handle: Handle,
  id: string,
  format?: TableFormat,
): Promise<TableData | string> {
  const tableId = filledString(id, 'id');
  const wanted = optionalOneOf(format, 'format', ['dict', 'csv', 'json']) ?? 'dict';
  const data = await handle.read('getTable', (native) => {
    const [frame] = framesWhere(native, { kind: TABLE_KIND, table_id: tableId });
    if (frame === undefined) throw noTable(tableId);
    const { headers } = infoOf(native, frame);
    return { headers, rows: rowsOf(native, tableId, headers) };
  });
  if (wanted === 'dict') return data;
  return wanted === 'json' ? JSON.stringify(data) : csvOf(data);
}

export function framesWhere(native: WholeFile, where: Record<string, unknown>): FrameInfo[] {
  const ids = JSON.parse(native.selectWhere(JSON.stringify({ where }))) as number[];
  return ids.flatMap((id) => frameOf(native, id)).toSorted((a, b) => a.id - b.id);
}

/** None, when another process removed it since it was selected. */
function frameOf(native: WholeFile, id: number): FrameInfo[] {
  try {
    return [JSON.parse(native.frame(id)) as FrameInfo];
  } catch (error) {
    if (toMemvidError(error).code === 'MV010') return [];
    throw error;
  }
}

/** What a frame of a table says. The reference writes the same, so nothing is taken for granted. */
export function infoOf(native: NativeMemory, frame: FrameInfo): TableInfo {
  const said = { ...frame.metadata, ...payloadOf(native, frame.id) };
  const text = (name: string): string => (typeof said[name] === 'string' ? said[name] : '');
  const count = (name: string): number => Math.max(0, Math.trunc(Number(said[name])) || 0);
  const headers = Array.isArray(said['headers']) ? said['headers'].map(String) : [];
  const tableId = text('table_id');
  const request = JSON.stringify({ where: { kind: ROW_KIND, table_id: tableId } });
  const rows = (JSON.parse(native.selectWhere(request)) as number[]).length;
  return spelt({
    table_id: tableId,
    n_rows: count('n_rows'),
    n_cols: count('n_cols'),
    headers,
    page_start: count('page_start'),
    page_end: count('page_end'),
    source_file: text('source_file'),
    quality: text('quality'),
    detection_mode: text('detection_mode'),
    frame_id: frame.id,
    row_frame_count: rows,
  });
}

type Snake = Pick<
  TableInfo,
  | 'table_id'
  | 'n_rows'
  | 'n_cols'
  | 'headers'
  | 'page_start'
  | 'page_end'
  | 'source_file'
  | 'quality'
  | 'detection_mode'
  | 'frame_id'
  | 'row_frame_count'
>;

function spelt(info: Snake): TableInfo {
  return {
    ...info,
    tableId: info.table_id,
    nRows: info.n_rows,
    nCols: info.n_cols,
    pageStart: info.page_start,
    pageEnd: info.page_end,
    sourceFile: info.source_file,
    detectionMode: info.detection_mode,
    frameId: info.frame_id,
    metaFrameId: info.frame_id,
    rowFrameCount: info.row_frame_count,
  };
}

function payloadOf(native: NativeMemory, frame: number): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(native.text(frame));
    return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
  } catch (error) {
    // Something else stands there. What the file cannot give is told.
    if (error instanceof SyntaxError) return {};
    throw error;
  }
}

function rowsOf(native: NativeMemory, tableId: string, headers: readonly string[]): string[][] {
  const rows = framesWhere(native, { kind: ROW_KIND, table_id: tableId }).map(({ id }) => {
    const { row_index: index, cells } = payloadOf(native, id);
    return { index: Number(index) || 0, cells: (cells ?? {}) as Record<string, unknown> };
  });
  return rows
    .toSorted((a, b) => a.index - b.index)
    .map(({ cells }) =>
      headers.map((header) => (Object.hasOwn(cells, header) ? String(cells[header] ?? '') : '')),
    );
}

/** RFC 4180: what holds a comma, a quote or a line break stands in quotes. */
function csvOf({ headers, rows }: TableData): string {
  const cell = (text: string): string => (/[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text);
  return [headers, ...rows].map((row) => `${row.map(cell).join(',')}\n`).join('');
}

function noTable(tableId: string): FrameNotFoundError {
  return new FrameNotFoundError(`There is no table ${JSON.stringify(tableId)} in this memory`, {
    details: { table_id: tableId, uri: `mv2://tables/${tableId}` },
  });
}
