import { posix } from 'node:path';
import type { DocumentPage } from '@memvid/core';
import { Archive } from './archive.js';
import { decode } from './encoding.js';
import { damaged, encrypted, notADocument } from './failures.js';
import { htmlEncoding, htmlText } from './html-text.js';
import { attribute, readXml } from './markup.js';
import type { Draft, Reading } from './reading.js';

const CONTAINER = 'META-INF/container.xml';
const ENCRYPTION = 'META-INF/encryption.xml';

interface Item {
  readonly path: string;
  readonly mimeType: string;
}

interface Package {
  title?: string;
  author?: string;
  created?: string;
  readonly items: Map<string, Item>;
  readonly spine: string[];
}

/** EPUB: a page a document of the spine, in the order of reading. */
export async function read(reading: Reading): Promise<Draft> {
  const archive = await Archive.open(reading, 'EPUB');
  if (!archive.has(CONTAINER)) throw notADocument(reading.filename, 'EPUB', `it has no part ${CONTAINER}`);
  const root = await rootOf(reading, archive);
  const { title, author, created, items, spine } = await packageOf(reading, archive, root);
  const locked = await encryptedParts(reading, archive);
  const pages: DocumentPage[] = [];
  for (const id of new Set(spine)) {
    if (pages.length >= reading.maxPages) break;
    const item = items.get(id);
    if (item === undefined || !archive.has(item.path)) {
      reading.warn(`the chapter "${id}" is missing`);
      continue;
    }
    if (locked.has(item.path)) throw encrypted(reading.filename);
    if (!/html|xml/.test(item.mimeType)) {
      reading.warn(`${item.path} is ${item.mimeType}, and left out`);
      continue;
    }
    const number = pages.length + 1;
    const { text, heading } = await htmlText(reading, sourceOf(reading, archive, item.path), number);
    pages.push({ number, title: heading === '' ? undefined : heading, text });
  }
  if (pages.length === 0) throw damaged(reading.filename, root, 'names no chapter');
  return { title, author, created, unit: 'chapter', pages };
}

/** Chapters are looked at whole up to here, to tell what they are encoded in; of larger ones this much is. */
const HEAD = 4 * 1024 * 1024;

/** The HTML of a chapter. It is not held as a whole: one that is packed well may be far larger than the book. */
async function* sourceOf(
  reading: Reading,
  archive: Archive,
  path: string,
): AsyncGenerator<string, void, undefined> {
  const pieces = archive.bytes(path);
  const head: Uint8Array[] = [];
  let length = 0;
  let next = await pieces.next();
  for (; next.done !== true && length < HEAD; next = await pieces.next()) {
    head.push(next.value);
    length += next.value.length;
  }
  const bytes = Buffer.concat(head);
  const known = await decode(bytes, { declared: htmlEncoding(bytes), pause: reading.pauses });
  if (known === undefined) throw damaged(reading.filename, path, 'is no text');
  if (next.done === true) {
    yield known.text;
    return;
  }
  const decoder = new TextDecoder(known.encoding);
  yield decoder.decode(bytes, { stream: true });
  for (; next.done !== true; next = await pieces.next()) {
    yield decoder.decode(next.value, { stream: true });
  }
  yield decoder.decode();
}

/** The part that says what the book consists of. */
async function rootOf(reading: Reading, archive: Archive): Promise<string> {
  let root: string | undefined;
  await readXml(reading, CONTAINER, archive.bytes(CONTAINER), {
    open(name, attributes) {
      if (name === 'rootfile') root ??= attribute(attributes, 'full-path');
    },
  });
  if (root === undefined || !archive.has(root)) throw damaged(reading.filename, CONTAINER, 'names no book');
  return root;
}

async function packageOf(reading: Reading, archive: Archive, root: string): Promise<Package> {
  const found: Package = { items: new Map(), spine: [] };
  const folder = posix.dirname(root);
  let at = '';
  let value = '';
  await readXml(reading, root, archive.bytes(root), {
    open(name, attributes) {
      at = name;
      value = '';
      if (name === 'item') {
        const path = posix.join(folder, decoded(attribute(attributes, 'href') ?? ''));
        const mimeType = attribute(attributes, 'media-type') ?? '';
        found.items.set(attribute(attributes, 'id') ?? '', { path, mimeType });
      } else if (name === 'itemref') {
        found.spine.push(attribute(attributes, 'idref') ?? '');
      }
    },
    text(text) {
      if (value.length < 10_000) value += text;
    },
    close(name) {
      if (name !== at) return;
      if (name === 'title') found.title ??= value;
      if (name === 'creator') found.author = found.author === undefined ? value : `${found.author}, ${value}`;
      if (name === 'date') found.created ??= value;
    },
  });
  return found;
}

/** Parts that only a reader with a key can read. Fonts are often obfuscated, and nobody's concern here. */
async function encryptedParts(reading: Reading, archive: Archive): Promise<ReadonlySet<string>> {
  const parts = new Set<string>();
  if (!archive.has(ENCRYPTION)) return parts;
  await readXml(reading, ENCRYPTION, archive.bytes(ENCRYPTION), {
    open(name, attributes) {
      if (name === 'CipherReference') parts.add(decoded(attribute(attributes, 'URI') ?? ''));
    },
  });
  return parts;
}

function decoded(path: string): string {
  try {
    return decodeURIComponent(path);
  } catch {
    return path;
  }
}
