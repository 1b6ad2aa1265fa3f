import { notADocument } from './failures.js';
import { htmlEncoding, htmlText } from './html-text.js';
import type { Draft, Reading } from './reading.js';
import { textOf } from './text.js';

/** HTML: what a reader sees, without scripts, styles and markup. */
export async function read(reading: Reading): Promise<Draft> {
  const source = await textOf(reading, htmlEncoding(reading.data));
  if (!/<[a-zA-Z!?][^<>]*>/.test(source)) {
    throw notADocument(reading.filename, 'HTML', 'there is no element in it');
  }
  const { text, title, author, created } = await htmlText(reading, source, 1);
  return { title, author, created, pages: [{ number: 1, text }] };
}
