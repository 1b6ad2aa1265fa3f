export { findTables } from './find-tables.js';
export type { Grid } from './grid.js';
export type { TablesOptions } from './options.js';
export { type PdfTable, type PdfTables, pdfTables } from './pdf-tables.js';
export { type TablesPlugin, tablesPlugin } from './tables-plugin.js';
