import { definePlugin, type Factory } from '@memvid/core';
import manifest from '../package.json' with { type: 'json' };
import type { TablesOptions } from './options.js';
import { type PdfTables, pdfTables } from './pdf-tables.js';

/** What `tablesPlugin()` gives. */
export interface TablesPlugin {
  readonly spec: 'plugin/v1';
  readonly name: string;
  readonly version: string;
  readonly tableExtractors: { readonly 'pdf-tables': Factory<PdfTables> };
}

/** Has `putPdfTables` find tables: `open(path, { plugins: [tablesPlugin()] })`. */
export function tablesPlugin(options: TablesOptions = {}): TablesPlugin {
  return definePlugin({
    spec: 'plugin/v1',
    name: manifest.name,
    version: manifest.version,
    tableExtractors: { 'pdf-tables': (given) => pdfTables({ ...options, ...given }) },
  });
}
