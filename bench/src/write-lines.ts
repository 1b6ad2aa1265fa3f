import { closeSync, openSync, writeSync } from 'node:fs';
import type { Document } from './corpus/document.ts';

/** One line: uri, title, track, timestamp and text between tabs. White space within is a blank. */
function lineOf(document: Document): string {
  const fields = [document.uri, document.title, document.track, String(document.timestamp), document.text];
  return `${fields.map((field) => field.replaceAll(/\s+/g, ' ')).join('\t')}\n`;
}

const AT_ONCE = 1 << 20;

/** Writes documents for a program that is not Node. */
export function writeLines(path: string, documents: Iterable<Document>): void {
  const file = openSync(path, 'w');
  try {
    let held = '';
    for (const document of documents) {
      held += lineOf(document);
      if (held.length > AT_ONCE) {
        writeSync(file, held);
        held = '';
      }
    }
    writeSync(file, held);
  } finally {
    closeSync(file);
  }
}
