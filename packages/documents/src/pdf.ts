import { PluginMissingError, UnsupportedOperationError } from '@memvid/core';
import type * as Pdf from '@memvid/pdf';
import type { Draft, Reading } from './reading.js';

/** PDF, by a package of its own: its reader is native, and not everybody wants that. */
export async function read(reading: Reading): Promise<Draft> {
  const { filename, data, maxPages } = reading;
  const { readPdf } = await reader(filename);
  const { info, pageCount, pages, warnings } = await readPdf(data, {
    filename,
    ...(Number.isFinite(maxPages) ? { maxPages } : {}),
    signal: reading.signal,
  });
  for (const warning of warnings) reading.warn(warning);
  const scanned = pages.filter(({ text, images }) => text.trim() === '' && images > 0);
  if (scanned.length > 0) {
    reading.warn(`${scanned.length} of ${pageCount} pages show pictures and no text, as a scan does`);
  }
  // A page that cannot be read is left out there, and counts all the same.
  const texts = new Map(pages.map(({ number, text }) => [number, reading.text(text.trim())]));
  const count = Math.min(pageCount, maxPages);
  return {
    title: info.title,
    author: info.author,
    created: info.created,
    unit: 'page',
    pages: Array.from({ length: count }, (_, at) => ({ number: at + 1, text: texts.get(at + 1) ?? '' })),
  };
}

async function reader(filename: string): Promise<Pick<typeof Pdf, 'readPdf'>> {
  try {
    return await import('@memvid/pdf');
  } catch (error) {
    const { code, message } = error as { code?: unknown; message?: unknown };
    const details = { operation: 'read a document', package: '@memvid/pdf', filename };
    if (code === 'ERR_MODULE_NOT_FOUND' && String(message).includes("'@memvid/pdf'")) {
      throw new PluginMissingError(
        `${filename} is a PDF, which needs the package @memvid/pdf, and that is not installed`,
        { details, cause: error },
      );
    }
    throw new UnsupportedOperationError(
      `${filename} is a PDF, and the package @memvid/pdf cannot be loaded: ${String(message)}`,
      {
        details: { ...details, reason: 'plugin_broken' },
        suggestion: 'Install it again with what it needs: npm install @memvid/pdf',
        cause: error,
      },
    );
  }
}
