import PostalMime, { type Address, type Email } from 'postal-mime';
import { damaged, notADocument } from './failures.js';
import { htmlText } from './html-text.js';
import type { Draft, Reading } from './reading.js';

/** Headers of which every message has one. */
const HEADERS: ReadonlySet<string> = new Set([
  'from',
  'to',
  'subject',
  'date',
  'message-id',
  'received',
  'return-path',
  'mime-version',
  'content-type',
]);

/** Mail: who wrote what to whom and when, with the names of what is attached. */
export async function read(reading: Reading): Promise<Draft> {
  const { data, filename } = reading;
  await reading.pause();
  const email = await parsed(reading);
  await reading.pause();
  if (!email.headers.some(({ key }) => HEADERS.has(key))) {
    throw notADocument(filename, 'mail', 'it has no header of a message');
  }
  if (data.length > 0 && email.headers.length === 0) throw notADocument(filename, 'mail', 'it is empty');
  const lines = [
    named('From', email.from === undefined ? [] : [email.from]),
    named('To', email.to),
    named('Cc', email.cc),
    said('Date', email.date),
    said('Subject', email.subject),
  ].filter((line) => line !== undefined);
  const attached = email.attachments
    .filter(({ related, filename: own }) => related !== true || own !== null)
    .map(({ filename: own, mimeType }) => `${own ?? 'unnamed'} (${mimeType})`);
  if (attached.length > 0) {
    lines.push(`Attachments: ${attached.join(', ')}`);
    reading.warn(`attachments are named, and not read: ${attached.join(', ')}`);
  }
  const text = [lines.join('\n'), await bodyOf(reading, email)].filter((part) => part !== '').join('\n\n');
  return {
    title: email.subject,
    author: email.from === undefined ? undefined : mailboxOf(email.from),
    created: email.date,
    pages: [{ number: 1, text }],
  };
}

async function parsed({ data, filename }: Reading): Promise<Email> {
  try {
    return await PostalMime.parse(data, { maxNestingDepth: 64 });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    throw damaged(filename, 'the message', `cannot be read (${why})`, error);
  }
}

/** The body as it was written as text, or what a reader sees of the one in HTML where that says more. */
async function bodyOf(reading: Reading, { text, html }: Email): Promise<string> {
  const plain = (text ?? '').replaceAll('\r\n', '\n').trim();
  if (html === undefined) return reading.text(plain);
  const shown = (await htmlText(reading, html, 1)).text;
  return plain.length * 2 > shown.length ? reading.text(plain) : shown;
}

function named(header: string, addresses: readonly Address[] | undefined): string | undefined {
  return addresses === undefined || addresses.length === 0
    ? undefined
    : `${header}: ${addresses.map(mailboxOf).join(', ')}`;
}

function mailboxOf({ name, address, group }: Address): string {
  if (group !== undefined) return `${name}: ${group.map(mailboxOf).join(', ')}`;
  return name === '' ? (address ?? '') : `${name} <${address}>`;
}

function said(header: string, value: string | undefined): string | undefined {
  return value === undefined || value.trim() === '' ? undefined : `${header}: ${value}`;
}
