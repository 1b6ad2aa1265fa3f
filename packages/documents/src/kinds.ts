import type { Draft, Reading } from './reading.js';

type Read = (reading: Reading) => Promise<Draft> | Draft;

/** A kind of files: what it is called, its media types, and the module that reads it, which is loaded with the first file. */
export interface Kind {
  readonly type: string;
  readonly mimeTypes: readonly [string, ...string[]];
  readonly load: () => Promise<{ readonly read: Read }>;
}

const text = (...mimeTypes: [string, ...string[]]): Kind => ({
  type: 'text',
  mimeTypes,
  load: async () => import('./text.js'),
});

const OFFICE = 'application/vnd.openxmlformats-officedocument';
const TEXT = text('text/plain');
const MARKDOWN = text('text/markdown');
const JSON_TEXT = text('application/json');
const YAML = text('application/yaml');
const CSV: Kind = {
  type: 'csv',
  mimeTypes: ['text/csv', 'text/tab-separated-values'],
  load: async () => import('./csv.js'),
};
const HTML: Kind = {
  type: 'html',
  mimeTypes: ['text/html', 'application/xhtml+xml'],
  load: async () => import('./html.js'),
};
const DOCX: Kind = {
  type: 'docx',
  mimeTypes: [`${OFFICE}.wordprocessingml.document`],
  load: async () => import('./docx.js'),
};
const XLSX: Kind = {
  type: 'xlsx',
  mimeTypes: [`${OFFICE}.spreadsheetml.sheet`],
  load: async () => import('./xlsx.js'),
};
const PPTX: Kind = {
  type: 'pptx',
  mimeTypes: [`${OFFICE}.presentationml.presentation`],
  load: async () => import('./pptx.js'),
};

/** By the ending of the file. */
export const KINDS: Readonly<Record<string, Kind>> = {
  txt: TEXT,
  text: TEXT,
  log: TEXT,
  rst: TEXT,
  md: MARKDOWN,
  markdown: MARKDOWN,
  mdx: MARKDOWN,
  json: JSON_TEXT,
  jsonl: JSON_TEXT,
  yaml: YAML,
  yml: YAML,
  toml: text('application/toml'),
  csv: CSV,
  tsv: { ...CSV, mimeTypes: ['text/tab-separated-values', 'text/csv'] },
  html: HTML,
  htm: HTML,
  xhtml: HTML,
  xml: { type: 'xml', mimeTypes: ['application/xml', 'text/xml'], load: async () => import('./xml.js') },
  pdf: { type: 'pdf', mimeTypes: ['application/pdf'], load: async () => import('./pdf.js') },
  docx: DOCX,
  docm: DOCX,
  xlsx: XLSX,
  xlsm: XLSX,
  pptx: PPTX,
  pptm: PPTX,
  ppsx: PPTX,
  epub: { type: 'epub', mimeTypes: ['application/epub+zip'], load: async () => import('./epub.js') },
  rtf: { type: 'rtf', mimeTypes: ['application/rtf', 'text/rtf'], load: async () => import('./rtf.js') },
  eml: { type: 'eml', mimeTypes: ['message/rfc822'], load: async () => import('./eml.js') },
  doc: { type: 'doc', mimeTypes: ['application/msword'], load: async () => import('./legacy.js') },
  xls: { type: 'xls', mimeTypes: ['application/vnd.ms-excel'], load: async () => import('./legacy.js') },
  ppt: { type: 'ppt', mimeTypes: ['application/vnd.ms-powerpoint'], load: async () => import('./legacy.js') },
};
