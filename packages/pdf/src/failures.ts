import { UnsupportedOperationError } from '@memvid/core';

/** Why a document could not be read. */
export type Reason = 'not_a_pdf' | 'encrypted' | 'damaged' | 'too_long' | 'too_large';

const WHY: Readonly<Record<Reason, { what: string; suggestion: string }>> = {
  not_a_pdf: {
    what: 'is not a PDF',
    suggestion:
      'Pass a PDF, which starts with `%PDF-`, by its path or bytes; put a text file with `put({ file })`.',
  },
  encrypted: {
    what: 'is encrypted and needs a password',
    suggestion: 'Remove the password with the program that set it, and pass the document again.',
  },
  damaged: {
    what: 'is damaged: nothing of it can be read',
    suggestion: 'Open it in a viewer and save or print it as a new PDF, and pass that.',
  },
  too_long: {
    what: 'takes too long to read',
    suggestion: 'Raise `timeoutMs`, or lower `maxPages`.',
  },
  too_large: {
    what: 'needs more memory than reading a document may take',
    suggestion: 'Split it into smaller documents, or lower `maxPages`.',
  },
};

/** What the process that reads calls a document it refuses. */
export function isReason(text: string): text is Reason {
  return Object.hasOwn(WHY, text);
}

/** MV018 for a document. `more` says what is known beyond the reason. */
export function unreadable(
  reason: Reason,
  filename: string | undefined,
  more = '',
  cause?: unknown,
): UnsupportedOperationError {
  const { what, suggestion } = WHY[reason];
  return new UnsupportedOperationError(`${filename ?? 'The document'} ${what}${more}`, {
    details: { operation: 'read a PDF', reason, ...(filename === undefined ? {} : { filename }) },
    suggestion,
    cause,
  });
}
