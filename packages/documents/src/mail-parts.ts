import { decode } from './encoding.js';
import { labelOf } from './encoding-label.js';
import { htmlEncoding } from './html-text.js';
import type { Reading } from './reading.js';
import { warnOfReplaced } from './text.js';

/** A text in a message, as its bytes are when nothing is encoded for the way any more. */
export interface TextPart {
  readonly content: ArrayBuffer;
  /** As the message names it. */
  readonly charset: string | undefined;
  /** `text/plain` or `text/html`. */
  readonly type: string;
}

/**
 * What a text in mail is decoded from. Programs that send it often say something else than what it is, or nothing: it is
 * told as for any other file, and a warning says so.
 */
export async function charsetOf(
  reading: Reading,
  { content, charset, type }: TextPart,
): Promise<string | undefined> {
  const bytes = new Uint8Array(content);
  const said = charset?.trim() ?? '';
  const declared = said === '' && type === 'text/html' ? htmlEncoding(bytes) : said;
  const decoded = await decode(bytes, { declared, usual: reading.limits.encoding, pause: reading.pauses });
  // The library knows what `TextDecoder` does.
  if (decoded === undefined || labelOf(decoded.encoding) === undefined) return charset;
  const { encoding, isGuessed } = decoded;
  if (said !== '' && labelOf(said) !== encoding) {
    reading.warn(`the message says that it is in ${said}; read as ${encoding}`);
  } else if (isGuessed) reading.warn(`read as ${encoding}, which nothing in the message says`);
  warnOfReplaced(reading, decoded);
  return encoding;
}
