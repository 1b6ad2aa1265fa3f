import { type AttachedFile, kindOfAttachment, pagesOfFiles } from './attachments.js';
import { damaged, notADocument } from './failures.js';
import { htmlText } from './html-text.js';
import { type Mail, parseMail } from './mail.js';
import { charsetOf } from './mail-parts.js';
import type { Draft, Reading } from './reading.js';

/** Messages within messages. */
const MOST_FORWARDED = 10;

/** Mail: who wrote what to whom and when, with forwarded messages, and a page for each page of what else is attached. */
export async function read(reading: Reading): Promise<Draft> {
  const email = await parsed(reading, reading.data);
  if (!email.isMail) {
    throw notADocument(reading.filename, 'mail', 'it has no header of a message');
  }
  const files: AttachedFile[] = [];
  const text = await textOf(reading, email, 0, files);
  const attached = await pagesOfFiles(reading, files, 1);
  return {
    title: email.subject,
    author: email.from,
    created: email.date,
    ...(attached.length === 0 ? {} : { unit: 'page' }),
    pages: [{ number: 1, text }, ...attached],
  };
}

/** The text of a message and of those in it; `files` takes what else is attached and can be read. */
async function textOf(reading: Reading, email: Mail, depth: number, files: AttachedFile[]): Promise<string> {
  const lines = [
    said('From', email.from),
    said('To', email.to),
    said('Cc', email.cc),
    said('Date', email.date),
    said('Subject', email.subject),
  ].filter((line) => line !== undefined);
  const forwarded: string[] = [];
  const attached: string[] = [];
  const unread: string[] = [];
  for (const attachment of email.attachments) {
    const { filename, mimeType, related, content } = attachment;
    // A picture within the text of a message has no name, and is no attachment to who reads it.
    if (related === true && filename === null) continue;
    const label = `${filename ?? 'unnamed'} (${mimeType})`;
    const kind = kindOfAttachment(attachment);
    const data = typeof content === 'string' ? undefined : new Uint8Array(content);
    if (kind?.type === 'eml' && data !== undefined && depth < MOST_FORWARDED) {
      const inner = await messageOf(reading, data, filename ?? 'unnamed');
      if (inner !== undefined) {
        forwarded.push(await textOf(reading, inner, depth + 1, files));
        continue;
      }
    } else if (kind !== undefined && kind.type !== 'eml' && data !== undefined) {
      files.push({ name: filename ?? 'unnamed', kind, data });
    } else unread.push(label);
    attached.push(label);
  }
  if (attached.length > 0) lines.push(`Attachments: ${attached.join(', ')}`);
  if (unread.length > 0) reading.warn(`attachments are named, and not read: ${unread.join(', ')}`);
  const parts = [reading.text(lines.join('\n')), await bodyOf(reading, email), ...forwarded];
  return parts.filter((part) => part !== '').join('\n\n');
}

/** A message in a message; `undefined`, with a warning, for one that cannot be read. */
async function messageOf(reading: Reading, data: Uint8Array, name: string): Promise<Mail | undefined> {
  try {
    return await parsed(reading, data);
  } catch (error) {
    reading.signal?.throwIfAborted();
    reading.warn(`attachment ${name} is not read: ${error instanceof Error ? error.message : String(error)}`);
    return undefined;
  }
}

async function parsed(reading: Reading, data: Uint8Array): Promise<Mail> {
  await reading.pause();
  try {
    return await parseMail(data, (part) => charsetOf(reading, part), reading.signal);
  } catch (error) {
    reading.signal?.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw damaged(reading.filename, 'the message', `cannot be read (${why})`, error);
  }
}

/** The body as it was written as text, or what a reader sees of the one in HTML where that says more. */
async function bodyOf(reading: Reading, { text, html }: Mail): Promise<string> {
  const plain = (text ?? '').replaceAll('\r\n', '\n').trim();
  if (html === undefined) return reading.text(plain);
  const shown = (await htmlText(reading, html, 1)).text;
  return plain.length * 2 > shown.length ? reading.text(plain) : shown;
}

function said(header: string, value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : `${header}: ${value}`;
}
