import { isAscii } from 'node:buffer';
import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Address, default as PostalMime, Email } from 'postal-mime';
import type { TextPart } from './mail-parts.js';

/** Messages in messages are left to ours, which counts how deep they are: each costs the time of all that is in it. */
const OPTIONS = { maxNestingDepth: 64, forceRfc822Attachments: true } as const;

/** Larger messages go to a thread: the library takes some 13 microseconds a line, without a stop. */
const INLINE_BYTES = 128 * 1024;
const INLINE_LINES = 2000;

/** What is used of a message. What else there is of it, many headers above all, is not to be copied out of the thread. */
export interface Mail extends Pick<Email, 'date' | 'subject' | 'text' | 'html' | 'attachments'> {
  /** Whether it has a header that is usual in messages. */
  readonly isMail: boolean;
  /** As they are written in a header; `undefined` where there are none. */
  readonly from: string | undefined;
  readonly to: string | undefined;
  readonly cc: string | undefined;
}

/** Headers of which every message has one. */
const HEADERS: readonly string[] = [
  'from',
  'to',
  'subject',
  'date',
  'message-id',
  'received',
  'return-path',
  'mime-version',
  'content-type',
];

/** It uses nothing from outside, since it goes to the thread as text, and neither does `mailboxesOf`. */
function mailOf(email: Email, usual: readonly string[], listed: typeof mailboxesOf): Mail {
  const { from, to, cc, date, subject, text, html, attachments, headers } = email;
  const isMail = headers.some(({ key }) => usual.includes(key));
  const addresses = { from: listed(from === undefined ? [] : [from]), to: listed(to), cc: listed(cc) };
  return { ...addresses, date, subject, text, html, attachments, isMail };
}

function mailboxesOf(addresses: readonly Address[] | undefined): string | undefined {
  if (addresses === undefined || addresses.length === 0) return undefined;
  return addresses
    .map(({ name, address, group }) => {
      if (group !== undefined) return `${name}: ${mailboxesOf(group) ?? ''}`;
      return name === '' ? (address ?? '') : `${name} <${address}>`;
    })
    .join(', ');
}

/** Runs as a script of its own. The bytes of attachments come back as they are, uncopied. */
const THREAD = `
const { isAscii } = require('node:buffer');
const { parentPort, workerData } = require('node:worker_threads');
const library = require(workerData.path);
const parser = new (library.default ?? library)(workerData.options);
(${asksForCharsets.toString()})(parser, isAscii, (part) => new Promise((resolve) => {
  parentPort.once('message', resolve);
  parentPort.postMessage({ part });
}));
parser.parse(workerData.data).then(
  (email) => {
    const contents = email.attachments.map(({ content }) => content);
    const mail = (${mailOf.toString()})(email, workerData.usual, ${mailboxesOf.toString()});
    parentPort.postMessage({ mail }, [...new Set(contents.filter((content) => content instanceof ArrayBuffer))]);
  },
  (error) => parentPort.postMessage({ failure: String(error?.message ?? error) }),
);
`;

/** What a text in a message is decoded from; `undefined`: nothing says it. */
type CharsetOf = (part: TextPart) => Promise<string | undefined>;

/** Of a part of a message that the library reads, what is read and written here. Its types do not have it. */
interface Node {
  readonly content: ArrayBuffer | null;
  readonly contentType: {
    readonly parsed: { readonly value: string; readonly params: { charset?: string | undefined } };
  };
}

interface Collecting {
  isInlineTextNode(node: Node): boolean;
  collectNode(node: Node, ...rest: unknown[]): Promise<void>;
}

/**
 * Has a parser ask what each text in a message is decoded from: by itself it believes what the message says, and takes what
 * it does not know for windows-1252. It uses nothing from outside, since it goes to the thread as text.
 */
function asksForCharsets(
  parser: PostalMime,
  isPlain: (content: ArrayBuffer) => boolean,
  charsetFor: CharsetOf,
): void {
  const collecting = parser as unknown as Collecting;
  const collect = collecting.collectNode;
  collecting.collectNode = async function (node, ...rest) {
    const { value: type, params } = node.contentType.parsed;
    // ASCII is in nearly all of them, and what is not (UTF-16, ISO-2022-JP, UTF-7) is known by its name alone.
    if (node.content !== null && !isPlain(node.content) && collecting.isInlineTextNode(node)) {
      params.charset = await charsetFor({ content: node.content, charset: params.charset, type });
    }
    return collect.call(collecting, node, ...rest);
  };
}

/** Takes a message apart. */
export async function parseMail(
  data: Uint8Array,
  charsetOf: CharsetOf,
  signal: AbortSignal | undefined,
): Promise<Mail> {
  const isLarge = data.length > INLINE_BYTES || linesOf(data) > INLINE_LINES;
  const path = isLarge ? libraryPath() : undefined;
  if (path !== undefined) return inThread(path, data, charsetOf, signal);
  const { default: Parser } = await import('postal-mime');
  const parser = new Parser(OPTIONS);
  asksForCharsets(parser, isAscii, charsetOf);
  return mailOf(await parser.parse(data), HEADERS, mailboxesOf);
}

function linesOf(data: Uint8Array): number {
  let lines = 1;
  for (let at = data.indexOf(0x0a); at >= 0; at = data.indexOf(0x0a, at + 1)) lines += 1;
  return lines;
}

/** Where the library is; `undefined` in a bundle that holds it. */
function libraryPath(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('postal-mime');
  } catch {
    return undefined;
  }
}

/** What comes from the thread. */
interface Message {
  readonly mail?: Mail;
  readonly failure?: string;
  readonly part?: TextPart;
}

async function inThread(
  path: string,
  data: Uint8Array,
  charsetOf: CharsetOf,
  signal: AbortSignal | undefined,
): Promise<Mail> {
  const worker = new Worker(THREAD, {
    eval: true,
    name: 'memvid-mail',
    // The application's flags are not for it.
    execArgv: [],
    workerData: { path, data, options: OPTIONS, usual: HEADERS },
  });
  try {
    return await new Promise<Mail>((resolve, reject) => {
      const abort = (): void => reject(signal?.reason as Error);
      if (signal?.aborted === true) abort();
      signal?.addEventListener('abort', abort, { once: true });
      const answer = (part: TextPart): void => {
        charsetOf(part).then((charset) => worker.postMessage(charset, []), reject);
      };
      worker.on('message', ({ mail, failure, part }: Message) => {
        if (part !== undefined) return answer(part);
        signal?.removeEventListener('abort', abort);
        if (mail === undefined) reject(new Error(failure));
        else resolve(mail);
      });
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new Error(`the thread that reads mail ended with ${code}`)));
    });
  } finally {
    await worker.terminate();
  }
}
