import type {
  ExtractedTable,
  ExtractTablesOptions,
  ExtractTablesResult,
  TableExtractor,
  TableSource,
} from '@memvid/core';
import {
  checkInteger,
  checkObject,
  checkOptional,
  invalidInput,
  UnsupportedOperationError,
} from '@memvid/core';
import { findTables } from './find-tables.js';
import type { Grid } from './grid.js';
import { mergePages, type PageGrid, type Table } from './merge-pages.js';
import { settingsOf, type TablesOptions, type TablesSettings } from './options.js';

/** A table with what is known of it beyond the interface. */
export interface PdfTable extends ExtractedTable {
  readonly rowPages: readonly number[];
  /** As it stands on its pages, header rows included, a cell over several rows or columns in the first of them. */
  readonly parts: readonly {
    readonly page: number;
    readonly rows: readonly (readonly string[])[];
    readonly headerRows: number;
  }[];
}

/** Finds the tables of PDF. */
export interface PdfTables extends TableExtractor {
  readonly name: 'pdf-tables';
  extract(
    source: TableSource,
    options?: ExtractTablesOptions,
  ): Promise<Omit<ExtractTablesResult, 'tables'> & { readonly tables: readonly PdfTable[] }>;
}

/**
 * Finds the tables of PDF by ruling lines and by the places of text. A document that is encrypted, damaged, a scan, or no
 * PDF is MV018 with the reason, never an empty list.
 */
export function pdfTables(options: TablesOptions = {}): PdfTables {
  const settings = settingsOf(options);
  return {
    spec: 'table-extractor/v1',
    name: 'pdf-tables',
    mimeTypes: ['application/pdf'],
    extract: (source, call = {}) => extract(source, call, settings),
  };
}

async function extract(
  source: TableSource,
  call: ExtractTablesOptions,
  settings: TablesSettings,
): Promise<{ tables: PdfTable[]; warnings: string[] }> {
  checkObject('source', source, 'an object { data, filename }');
  if (!(source.data instanceof Uint8Array)) throw invalidInput('source.data', source.data, 'a Uint8Array');
  const { signal } = checkObject('options', call) as ExtractTablesOptions;
  const asked = checkOptional('maxPages', call.maxPages, (argument, value) =>
    checkInteger(argument, value, { min: 1 }),
  );
  signal?.throwIfAborted();
  // With the first document: applications that read none do without.
  const { isScanned, readPdf } = await import('@memvid/pdf');
  const { maxPages = asked, timeoutMs, mode } = settings;
  const document = await readPdf(source.data, {
    layout: true,
    filename: source.filename,
    maxPages: asked === undefined ? maxPages : Math.min(asked, maxPages ?? asked),
    timeoutMs,
    signal,
  });
  if (isScanned(document)) throw scanned(source.filename);
  const grids: PageGrid[] = [];
  for (const page of document.pages) {
    const wanted = findTables(page).filter((grid) => mode === 'both' || grid.mode === mode);
    for (const grid of wanted) grids.push({ grid, page: page.number, pageHeight: page.height });
    // A page takes milliseconds; others have their turn between two.
    await new Promise((resolve) => setImmediate(resolve));
    signal?.throwIfAborted();
  }
  const warnings = [...document.warnings];
  const pictures = document.pages.filter(({ text, images }) => text === '' && images > 0);
  if (pictures.length > 0) {
    warnings.push(
      `without text, so that tables on them are not seen: pages ${pictures.map(({ number }) => number).join(', ')}`,
    );
  }
  return { tables: mergePages(grids, settings.mergePages).map(extracted), warnings };
}

function extracted({ parts, headers, rows, rowPages }: Table): PdfTable {
  const pages = parts.map(({ page }) => page);
  return {
    headers,
    rows,
    pageStart: Math.min(...pages),
    pageEnd: Math.max(...pages),
    rowPages,
    quality: Math.min(...parts.map(({ grid }) => qualityOf(grid))),
    detectionMode: parts[0]?.grid.mode ?? 'stream',
    parts: parts.map(({ page, grid }) => ({ page, rows: grid.rows, headerRows: grid.headerRows })),
  };
}

/** Lines are surer than gaps, full tables than those with holes, many rows than few. */
function qualityOf({ mode, rows }: Grid): number {
  const cells = rows.flat();
  const filled = cells.filter((text) => text !== '').length / cells.length;
  const base = mode === 'lattice' ? 0.85 : 0.6;
  const certain = base + 0.15 * Math.min(1, filled) + (rows.length >= 5 ? 0.05 : 0);
  return Math.round(Math.min(1, certain - (filled < 0.5 ? 0.15 : 0)) * 100) / 100;
}

function scanned(filename: string): UnsupportedOperationError {
  return new UnsupportedOperationError(
    `${filename} has pictures of its pages and no text, so that no table can be read`,
    {
      details: { operation: 'read tables', reason: 'scanned', filename },
      suggestion: 'Have a program for text recognition add the text to the PDF, and pass it again.',
    },
  );
}
