import { basename } from 'node:path';
import {
  type ExtractedTable,
  type ExtractTablesResult,
  type Factory,
  isWellFormed,
  MemvidError,
  messageOf,
  type NativeDocument,
  type NativeMemory,
  type Plugin,
  type TableExtractor,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import { isRecord, optionalBoolean, optionalNumber, optionsOf, pathOf } from './check.js';
import { DEFAULT_LEVEL } from './document.js';
import type { VectorRequest } from './embedding/document-vectors.js';
import { aborted, pluginMissing } from './failures.js';
import { readInput } from './file-document.js';
import type { FrameInfo } from './frame-info.js';
import type { Handle, WholeFile } from './handle.js';
import { framesWhere, infoOf, ROW_KIND, TABLE_KIND } from './read-tables.js';
import type { PutPdfTablesOptions, PutPdfTablesResult, TableInfo, WritingSteps } from './tables.js';

const PDF = 'application/pdf';
const TABLES_PACKAGE = '@memvid/tables';
const OPERATION = 'putPdfTables';

export async function putPdfTables(
  handle: Handle,
  path: string,
  rowsOrOptions: boolean | PutPdfTablesOptions | undefined,
  steps: WritingSteps,
): Promise<PutPdfTablesResult> {
  const file = pathOf(path, 'path');
  const options = isRecord(rowsOrOptions)
    ? optionsOf(rowsOrOptions)
    : { embedRows: optionalBoolean(rowsOrOptions, 'embedRows', undefined) };
  const embedRows = optionalBoolean(options['embedRows'], 'embedRows', undefined);
  const maxPages = optionalNumber(options['maxPages'], 'maxPages', { min: 1, integer: true });
  const signal = steps.signalOf(options['signal']);
  if (signal?.aborted === true) throw aborted(OPERATION, signal);
  const request = requestOf(handle, embedRows, steps);
  // Before the file is read: nothing is begun that cannot be ended.
  if (request !== undefined) {
    await steps.documentVectors(handle, OPERATION, request, [], { signal, nameOf: String });
  }
  const { tables, warnings } = await extract(handle, file, { maxPages, signal });
  if (tables.length === 0) {
    return { tables_count: 0, tables: [], tablesCount: 0, ...warned(warnings) };
  }
  const name = basename(file);
  const rows = await embeddedRows(handle, tables, request, signal, steps);
  if (embedRows === undefined && request === undefined) {
    warnings.push('the rows have no vectors: the memory was opened without an embedder');
  }
  const infos = await handle.write(OPERATION, async (native) => {
    if (signal?.aborted === true) throw aborted(OPERATION, signal);
    return store(native, { name, tables, rows, file: handle }, steps);
  });
  return { tables_count: infos.length, tables: infos, tablesCount: infos.length, ...warned(warnings) };
}

function warned(warnings: string[]): { warnings?: string[] } {
  return warnings.length === 0 ? {} : { warnings };
}

function requestOf(
  handle: Handle,
  embedRows: boolean | undefined,
  { vectorRequest }: WritingSteps,
): VectorRequest | undefined {
  if (embedRows === false || (embedRows === undefined && !handle.settings.enableVec)) return undefined;
  const options = embedRows === true ? { enableEmbedding: true } : {};
  return vectorRequest(handle, OPERATION, options, [{}], false);
}

async function extract(
  handle: Handle,
  file: string,
  options: { maxPages: number | undefined; signal: AbortSignal | undefined },
): Promise<Extracted> {
  const data = await readInput(file, 'path');
  const factory = await handle.embedders.search(factoryOf);
  if (factory === undefined) {
    throw pluginMissing(OPERATION, 'it finds tables in PDF', TABLES_PACKAGE, 'tablesPlugin');
  }
  try {
    // It may hang, and must not hold the memory with it.
    return await handle.embedding(OPERATION, 'write', options.signal, async (signal) => {
      const extractor = checkExtractor(await factory());
      const source = { data, filename: basename(file), mimeType: PDF };
      return checkedResult(await extractor.extract(source, { ...options, signal }), extractor.name);
    });
  } catch (error) {
    if (MemvidError.isMemvidError(error)) throw error;
    const name = basename(file);
    throw new UnsupportedOperationError(`${name} cannot be read: ${toMemvidError(error).message}`, {
      details: { operation: OPERATION, filename: name, reason: 'extractor' },
      suggestion: 'Store the text of the table with `put({ text })`.',
      cause: error,
    });
  }
}

/** That for PDF by its name, else the first that any plugin has. */
function factoryOf(plugins: readonly Plugin[]): Factory<TableExtractor> | undefined {
  const all = plugins.flatMap(({ tableExtractors }) => Object.entries(tableExtractors ?? {}));
  return (all.find(([name]) => name === 'pdf-tables') ?? all[0])?.[1];
}

function checkExtractor(extractor: TableExtractor): TableExtractor {
  if (
    isRecord(extractor) &&
    extractor.spec === 'table-extractor/v1' &&
    typeof extractor.extract === 'function' &&
    Array.isArray(extractor.mimeTypes) &&
    extractor.mimeTypes.includes(PDF)
  ) {
    return extractor;
  }
  throw new TypeError(
    'the plugin gives no extractor with spec "table-extractor/v1" that reads application/pdf',
  );
}

interface Table extends ExtractedTable {
  readonly headers: string[];
}

/** What an extractor gave, read once. */
interface Extracted {
  readonly tables: readonly Table[];
  readonly warnings: string[];
}

/** Somebody else may have written the extractor. */
function checkedResult(found: ExtractTablesResult, extractor: string): Extracted {
  if (!isRecord(found) || !Array.isArray(found.tables)) {
    throw new TypeError(`the extractor ${extractor} gives no object with \`tables\``);
  }
  try {
    const warnings: unknown = found.warnings ?? [];
    if (!Array.isArray(warnings) || !warnings.every((warning) => typeof warning === 'string')) {
      throw new TypeError('its `warnings` are no list of strings');
    }
    return { tables: found.tables.map(checked), warnings: [...warnings] };
  } catch (error) {
    const why = `The extractor ${extractor} gives what cannot be used: ${messageOf(error)}`;
    throw new UnsupportedOperationError(why, {
      details: { operation: OPERATION, reason: 'extractor', extractor },
      suggestion: 'Check the plugin with `tableExtractorContract` of `@memvid/plugin-kit`.',
      cause: error,
    });
  }
}

/** Rows are kept by the names of their columns, so each has one of its own. */
function checked(table: ExtractedTable): Table {
  const { headers, rows, pageStart, pageEnd, rowPages, quality, detectionMode } = table;
  const isWhole =
    [headers, rows, ...(Array.isArray(rows) ? rows : [])].every((part) => Array.isArray(part)) &&
    [headers, ...rows].every(
      (row) => row.length === headers.length && row.every((cell) => typeof cell === 'string'),
    ) &&
    [pageStart, pageEnd].every((page) => Number.isSafeInteger(page) && page >= 1) &&
    pageStart <= pageEnd &&
    (rowPages === undefined || (Array.isArray(rowPages) && rowPages.length === rows.length)) &&
    (rowPages ?? []).every((page) => Number.isSafeInteger(page) && page >= pageStart && page <= pageEnd) &&
    Number.isFinite(quality) &&
    typeof detectionMode === 'string' &&
    [detectionMode, ...headers].every(isWellFormed);
  if (!isWhole) {
    throw new TypeError(
      'a table that is none: rows as long as `headers`, pages from 1 in order, those of rows within, headers of whole characters',
    );
  }
  const isBlankOften = headers.filter((header) => header === '').length > 1;
  const taken = new Set<string>();
  const turns = new Map<string, number>();
  const named = headers.map((header, index) => {
    let name = header === '' && isBlankOften ? `Column ${index + 1}` : header;
    let turn = turns.get(header) ?? 2;
    for (; taken.has(name); turn += 1) name = `${header} (${turn})`;
    turns.set(header, turn);
    taken.add(name);
    return name;
  });
  return {
    headers: named,
    rows: rows.map((row) => Array.from(row)),
    pageStart,
    pageEnd,
    rowPages: rowPages && [...rowPages],
    quality,
    detectionMode,
  };
}

/** The rows of each table as documents, without what is known only when the table has its frame. */
async function embeddedRows(
  handle: Handle,
  tables: readonly Table[],
  request: VectorRequest | undefined,
  signal: AbortSignal | undefined,
  { embedded }: WritingSteps,
): Promise<NativeDocument[]> {
  const timestamp = Math.floor(Date.now() / 1000);
  const rows = tables.flatMap((table) =>
    table.rows.map((row): NativeDocument => ({
      searchText: row.filter((cell) => cell !== '').join(' '),
      timestamp,
    })),
  );
  if (request === undefined) return rows;
  return embedded(handle, OPERATION, rows, request, {
    signal,
    nameOf: (index) => `row ${index + 1} of the tables`,
  });
}

/** What is to be stored. */
interface Found {
  readonly name: string;
  readonly tables: readonly Table[];
  /** One behind the other, as far as they are documents already. */
  readonly rows: readonly NativeDocument[];
  /** For numbers that hold in all of it, beyond a scope. */
  readonly file: Pick<Handle, 'nextFrame' | 'wholeFile'>;
}

/**
 * Stores tables with their rows in one transaction, so that no crash leaves a table without them. Rows name the frame of
 * their table, which is known beforehand unless another process comes between. Then all is taken back and stored without:
 * who waits for others once waits for them again, and rows belong to their table by its id.
 */
async function store(native: NativeMemory, found: Found, { storedIds }: WritingSteps): Promise<TableInfo[]> {
  const options = { compressionLevel: DEFAULT_LEVEL, dedupe: 'keep' } as const;
  const { length } = found.tables;
  for (let attempt = 1; ; attempt += 1) {
    const number = nextNumber(found.file.wholeFile, found.name);
    const base = attempt === 1 ? found.file.nextFrame() : undefined;
    const stored = await storedIds(native, documentsOf(found, number, base), options);
    const frames = stored.slice(0, length).map(Number);
    const isAsThought = base === undefined || stored.every((id, index) => Number(id) === base + index);
    if (isAsThought && isFirst(found.file.wholeFile, `${prefixOf(found.name)}${number}`, frames[0])) {
      return frames.map((id) => infoOf(native, JSON.parse(native.frame(id)) as FrameInfo));
    }
    await native.remove(stored.map(Number));
  }
}

/** Whether no other process gave a table of its own the same id before. */
function isFirst(native: WholeFile, tableId: string, frame: number | undefined): boolean {
  return framesWhere(native, { kind: TABLE_KIND, table_id: tableId })[0]?.id === frame;
}

/** Tables in front, then their rows; `base`: the frame of the first, or not to be told. */
function documentsOf(
  { name, tables, rows }: Found,
  first: number,
  base: number | undefined,
): NativeDocument[] {
  const timestamp = Math.floor(Date.now() / 1000);
  const idOf = (index: number): string => `${prefixOf(name)}${first + index}`;
  let at = 0;
  return [
    ...tables.map((table, index) => tableDocument(table, idOf(index), name, timestamp)),
    ...tables.flatMap((table, index) =>
      table.rows.map((row, rowIndex) => {
        const frame = base === undefined ? undefined : base + index;
        const parent = { tableId: idOf(index), frame, name, rowIndex: rowIndex + 1 };
        return rowDocument(table, row, parent, rows[at++] ?? { timestamp });
      }),
    ),
  ];
}

function prefixOf(name: string): string {
  return `tbl_${name.replaceAll('.', '_')}_`;
}

/** Tables of one file are numbered through, however often and in which scope it is stored: an id is one table's. */
function nextNumber(native: WholeFile, name: string): number {
  const prefix = prefixOf(name);
  const numbers = framesWhere(native, { kind: TABLE_KIND }).map(({ metadata }) => {
    const id = String(metadata['table_id'] ?? '');
    return id.startsWith(prefix) ? Number(id.slice(prefix.length)) || 0 : 0;
  });
  return Math.max(0, ...numbers) + 1;
}

function wordOf(quality: number): string {
  if (quality >= 0.8) return 'high';
  return quality >= 0.5 ? 'medium' : 'low';
}

function tableDocument(
  { headers, rows, pageStart, pageEnd, quality, detectionMode }: Table,
  tableId: string,
  name: string,
  timestamp: number,
): NativeDocument {
  const word = wordOf(quality);
  const facts = {
    table_id: tableId,
    n_rows: rows.length,
    n_cols: headers.length,
    page_start: pageStart,
    page_end: pageEnd,
    quality: word,
    detection_mode: detectionMode,
  };
  const payload = {
    ...facts,
    confidence_score: quality,
    extraction_ms: 0,
    headers,
    source_file: name,
    // The path of a file says more of a machine than others are to know.
    source_uri: name,
    warnings: [],
  };
  return {
    text: sorted(payload),
    searchText: [headers, ...rows]
      .flat()
      .filter((cell) => cell !== '')
      .join(' '),
    title: `Table from ${name} (pages ${pageStart}-${pageEnd})`,
    uri: `mv2://tables/${tableId}`,
    kind: TABLE_KIND,
    track: 'tables',
    tags: ['table', name, `${word}_quality`],
    labels: [`${detectionMode}_detected`],
    metadata: JSON.stringify({ ...facts, headers_json: headers }),
    mime: 'application/json',
    timestamp,
  };
}

function rowDocument(
  { headers, pageStart, rowPages }: Table,
  row: readonly string[],
  parent: { tableId: string; frame: number | undefined; name: string; rowIndex: number },
  made: NativeDocument,
): NativeDocument {
  const place = {
    table_id: parent.tableId,
    row_index: parent.rowIndex,
    page: rowPages?.[parent.rowIndex - 1] ?? pageStart,
  };
  const cells = Object.fromEntries(headers.map((header, column) => [header, row[column] ?? '']));
  return {
    ...made,
    text: sorted({ ...place, cells }),
    title: `Row ${parent.rowIndex} of a table from ${parent.name}`,
    uri: `mv2://tables/${parent.tableId}/row/${parent.rowIndex}`,
    kind: ROW_KIND,
    track: 'tables',
    tags: [ROW_KIND, parent.tableId],
    labels: [],
    metadata: JSON.stringify({ ...place, parent_frame: parent.frame }),
    mime: 'application/json',
  };
}

/** JSON with its keys in order, as the reference writes it. */
function sorted(value: Record<string, unknown>): string {
  return JSON.stringify(Object.fromEntries(Object.entries(value).toSorted(([a], [b]) => (a < b ? -1 : 1))));
}
