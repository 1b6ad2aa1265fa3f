/** Everything about tables, loaded with the first call: most memories have none. */
export { putPdfTables } from './put-tables.js';
export { getTable, listTables } from './read-tables.js';
