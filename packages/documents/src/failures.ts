import { CorruptFileError, type MemvidError, UnsupportedOperationError } from '@memvid/core';

/** Why a document cannot be read. The same words for every kind. */

const operation = 'read a document';

/** MV018: the file is something else than its ending says. */
export function notADocument(filename: string, kind: string, why: string): MemvidError {
  return new UnsupportedOperationError(`${filename} is no ${kind} document: ${why}`, {
    details: { operation, filename, reason: 'not_a_document' },
    suggestion: 'Give the file the ending of what it is, or leave it out.',
  });
}

/** MV012: the file is of its kind, and broken. */
export function damaged(filename: string, where: string, why: string, cause?: unknown): MemvidError {
  return new CorruptFileError(`${filename} is damaged: ${where} ${why}`, {
    details: { path: filename, section: where, reason: 'document' },
    suggestion: 'Restore the file from a copy, or open and save it again with the program that made it.',
    cause,
  });
}

/** MV018: the file can be read with a password only. */
export function encrypted(filename: string): MemvidError {
  return new UnsupportedOperationError(`${filename} is encrypted`, {
    details: { operation, filename, reason: 'encrypted' },
    suggestion: 'Save the document without a password, and read that.',
  });
}

/** MV018: one of the limits was passed. */
export function tooLarge(filename: string, limit: string, value: number, what: string): MemvidError {
  return new UnsupportedOperationError(`${filename} has more than ${value} ${what}`, {
    details: { operation, filename, reason: 'too_large', limit, value },
    suggestion: `If the file is to be trusted, raise \`${limit}\`: documentsPlugin({ ${limit}: … }).`,
  });
}

/** MV018: a kind that is not read; the way to one that is. */
export function legacy(filename: string, kind: string, instead: string): MemvidError {
  return new UnsupportedOperationError(
    `${filename} is in the format of ${kind} from before 2007, which is not read`,
    {
      details: { operation, filename, reason: 'legacy_format', convert_to: instead },
      suggestion: `Save it as .${instead}: with the program itself, or with \`soffice --headless --convert-to ${instead} ${filename}\`.`,
    },
  );
}
