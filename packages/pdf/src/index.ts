export type { PdfDocument, PdfFill, PdfInfo, PdfPage, PdfRuling, PdfWord } from './document.js';
export { isScanned } from './document.js';
export { readPdf, type ReadPdfOptions } from './read-pdf.js';
