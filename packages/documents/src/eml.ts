import type { Address, Email } from 'postal-mime';
import { damaged, notADocument } from './failures.js';
import { htmlText } from './html-text.js';
import { parseMail } from './mail.js';
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

/** Messages within messages. */
const MOST_FORWARDED = 10;

/** Mail: who wrote what to whom and when, with forwarded messages, and the names of what else is attached. */
export async function read(reading: Reading): Promise<Draft> {
  const email = await parsed(reading, reading.data);
  if (!email.headers.some(({ key }) => HEADERS.has(key))) {
    throw notADocument(reading.filename, 'mail', 'it has no header of a message');
  }
  return {
    title: email.subject,
    author: email.from === undefined ? undefined : mailboxOf(email.from),
    created: email.date,
    pages: [{ number: 1, text: await textOf(reading, email, 0) }],
  };
}

async function textOf(reading: Reading, email: Email, depth: number): Promise<string> {
  const lines = [
    named('From', email.from === undefined ? [] : [email.from]),
    named('To', email.to),
    named('Cc', email.cc),
    said('Date', email.date),
    said('Subject', email.subject),
  ].filter((line) => line !== undefined);
  const forwarded: string[] = [];
  const attached: string[] = [];
  for (const { filename, mimeType, related, content } of email.attachments) {
    // A picture within the text of a message has no name, and is no attachment to who reads it.
    if (related === true && filename === null) continue;
    if (mimeType === 'message/rfc822' && typeof content !== 'string' && depth < MOST_FORWARDED) {
      forwarded.push(await textOf(reading, await parsed(reading, new Uint8Array(content)), depth + 1));
    } else {
      attached.push(`${filename ?? 'unnamed'} (${mimeType})`);
    }
  }
  if (attached.length > 0) {
    lines.push(`Attachments: ${attached.join(', ')}`);
    reading.warn(`attachments are named, and not read: ${attached.join(', ')}`);
  }
  const parts = [reading.text(lines.join('\n')), await bodyOf(reading, email), ...forwarded];
  return parts.filter((part) => part !== '').join('\n\n');
}

async function parsed(reading: Reading, data: Uint8Array): Promise<Email> {
  await reading.pause();
  try {
    return await parseMail(data, reading.signal);
  } catch (error) {
    reading.signal?.throwIfAborted();
    const why = error instanceof Error ? error.message : String(error);
    throw damaged(reading.filename, 'the message', `cannot be read (${why})`, error);
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
