export { documentsPlugin, type DocumentsPlugin } from './documents-plugin.js';
export type { DocumentsOptions, Limits } from './limits.js';
export { getDocumentType, isSupportedFormat, parse, type ParseOptions, type ParseResult } from './parse.js';
