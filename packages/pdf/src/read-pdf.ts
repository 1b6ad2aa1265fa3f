import {
  checkBoolean,
  checkInteger,
  checkObject,
  checkOptional,
  checkString,
  invalidInput,
} from '@memvid/core';
import type { PdfDocument } from './document.js';
import { Reader } from './reader.js';

export interface ReadPdfOptions {
  /** Look at no more pages than this, the first ones. Default: all. */
  maxPages?: number | undefined;
  /** Longest time for the document, in milliseconds. Default: 60,000. */
  timeoutMs?: number | undefined;
  /** Hand over words, rulings and fills, and not text alone. Default: `false`. */
  layout?: boolean | undefined;
  /** What messages of errors call the document. */
  filename?: string | undefined;
  /** Ends the reading at once: the call rejects with the signal's reason. */
  signal?: AbortSignal | undefined;
}

const DEFAULT_TIMEOUT = 60_000;
/** Longest that a timer of Node can wait, in milliseconds. */
const LONGEST_TIMEOUT = 2 ** 31 - 1;
/** Most pages that are looked at. */
const MOST_PAGES = 2 ** 31 - 1;

/**
 * Reads a PDF in a process of its own, so that a broken or malicious one can neither crash, block nor fill the
 * application. Fails with MV018 whose `details.reason` says why: `not_a_pdf`, `encrypted`, `damaged`, `too_long`,
 * `too_large`, or `native_engine` where the addon is missing. A document without text is none of these: see `isScanned`.
 * One of which damage leaves text or pictures has `warnings`; one of which it leaves neither is `damaged`.
 */
export async function readPdf(data: Uint8Array, options: ReadPdfOptions = {}): Promise<PdfDocument> {
  if (!(data instanceof Uint8Array)) throw invalidInput('data', data, 'a Uint8Array with the bytes of a PDF');
  checkObject('options', options);
  const { signal } = options;
  const whole = (argument: string, most: number): number | undefined =>
    checkOptional(argument, options[argument as 'maxPages' | 'timeoutMs'], (name, value) =>
      checkInteger(name, value, { min: 1, max: most }),
    );
  const order = {
    layout: checkOptional('layout', options.layout, checkBoolean) ?? false,
    maxPages: whole('maxPages', MOST_PAGES) ?? MOST_PAGES,
    timeoutMs: whole('timeoutMs', LONGEST_TIMEOUT) ?? DEFAULT_TIMEOUT,
    filename: checkOptional('filename', options.filename, checkString),
    signal,
  };
  signal?.throwIfAborted();
  return Reader.read(data, order);
}
