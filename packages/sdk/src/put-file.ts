import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  FileNotFoundError,
  fromSystemError,
  invalidInput,
  toMemvidError,
  type NativeDocument,
} from '@memvid/core';
import {
  filledString,
  optionalNumber,
  optionalString,
  optionalStrings,
  optionsOf,
  type Options,
} from './check.js';
import { DEFAULT_LEVEL, metadataOf, switchesOf, textDocument, type IngestSwitches } from './document.js';
import { DOCUMENT_KINDS, extensionOf, readTextFile, TEXT_KINDS, type TextFile } from './file-document.js';
import type { Handle } from './handle.js';
import { checkVectors, vectorRequest, type EmbeddingProvider } from './vectors.js';
import { store } from './write-queue.js';

export interface PutFileOptions extends IngestSwitches {
  /** Default `"document"`. */
  label?: string | undefined;
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Cut the text into documents of about this many characters. Default: one document a file. */
  chunkSize?: number | undefined;
  embedder?: EmbeddingProvider | object | undefined;
  enableEmbedding?: boolean | undefined;
  embeddingModel?: string | undefined;
  enableEnrichment?: boolean | undefined;
  vectorCompression?: boolean | undefined;
}

export interface PutFilesOptions extends PutFileOptions {
  /** File endings to take, with or without the dot. Default: every known one. */
  extensions?: readonly string[] | undefined;
}

export interface PutFileResult {
  framesAdded: number;
  type: string;
  filename: string;
}

export interface PutFilesResult {
  filesProcessed: number;
  framesAdded: number;
  files: { filename: string; framesAdded: number; type: string }[];
  /** Files that were left out, and why; the others are stored. */
  errors: { filename: string; code: string; message: string }[];
}

/** Stores a text file as a document, or as several when `chunkSize` is given. */
export async function putFile(
  handle: Handle,
  path: string,
  options?: PutFileOptions,
): Promise<PutFileResult> {
  handle.assertWritable('putFile');
  const file = filledString(path, 'path');
  const given = optionsOf(options);
  await refuseVectors(handle, 'putFile', given);
  return storeFile(handle, file, given);
}

/** Stores every known file of a folder (not of its sub-folders), in the order of their names. */
export async function putFiles(
  handle: Handle,
  dir: string,
  options?: PutFilesOptions,
): Promise<PutFilesResult> {
  handle.assertWritable('putFiles');
  const folder = filledString(dir, 'dir');
  const given = optionsOf(options);
  const wanted = optionalStrings(given['extensions'], 'extensions');
  const extensions = new Set(
    (wanted ?? [...Object.keys(TEXT_KINDS), ...DOCUMENT_KINDS]).map((name) =>
      name.replace(/^\./, '').toLowerCase(),
    ),
  );
  await refuseVectors(handle, 'putFiles', given);
  const result: PutFilesResult = { filesProcessed: 0, framesAdded: 0, files: [], errors: [] };
  for (const filename of await filesOf(folder)) {
    if (!extensions.has(extensionOf(filename))) continue;
    try {
      const added = await storeFile(handle, join(folder, filename), given);
      result.filesProcessed += 1;
      result.framesAdded += added.framesAdded;
      result.files.push({ filename, framesAdded: added.framesAdded, type: added.type });
    } catch (error) {
      const { code, message } = toMemvidError(error);
      result.errors.push({ filename, code, message });
    }
  }
  return result;
}

async function filesOf(folder: string): Promise<string[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true });
    return entries
      .filter((entry) => entry.isFile())
      .map((entry) => entry.name)
      .toSorted();
  } catch (error) {
    const failure = fromSystemError(error, folder);
    if (failure instanceof FileNotFoundError) {
      throw new FileNotFoundError(`There is no folder ${folder}`, {
        details: { path: folder, reason: 'input' },
        cause: error,
      });
    }
    if (failure?.code === 'MV019') throw invalidInput('dir', folder, 'the path of a folder');
    throw failure ?? toMemvidError(error);
  }
}

async function refuseVectors(handle: Handle, operation: string, options: Options): Promise<void> {
  const request = vectorRequest(options, [{}], false);
  if (request !== undefined) await checkVectors(handle, operation, request);
}

async function storeFile(handle: Handle, path: string, options: Options): Promise<PutFileResult> {
  const chunkSize = optionalNumber(options['chunkSize'], 'chunkSize', { min: 100, integer: true });
  const stored = await handle.write('putFile', async (native) => {
    const documents = documentsOf(await readTextFile('putFile', path), options, chunkSize);
    return store(native, documents, { compressionLevel: DEFAULT_LEVEL, dedupe: 'keep' });
  });
  return { framesAdded: stored.length, type: 'text', filename: basename(path) };
}

function documentsOf(file: TextFile, options: Options, chunkSize: number | undefined): NativeDocument[] {
  const switches = switchesOf(options);
  const label = optionalString(options['label'], 'label') ?? 'document';
  metadataOf(options['metadata'], 'metadata');
  const chunks = chunkSize === undefined ? [file.text] : splitAtWords(file.text, chunkSize);
  return chunks.map((text, index) => {
    const split = chunks.length > 1;
    const own: Record<string, unknown> = Object.assign({}, options['metadata'], {
      doc_name: file.name,
      doc_type: 'text',
    });
    if (split) Object.assign(own, { chunk_index: index, total_chunks: chunks.length });
    const title = split ? `${file.name} [Chunk ${index + 1}/${chunks.length}]` : file.name;
    const uri = `mv2://files/${file.name}${split ? `#chunk-${index + 1}` : ''}`;
    const document = textDocument({ title, uri, label, metadata: own }, '', text, switches);
    return Object.assign(document, { mime: file.mime }, split ? {} : { filename: file.name });
  });
}

/** Pieces of at most `size` characters that together are the text, cut behind white space where there is any. */
export function splitAtWords(text: string, size: number): string[] {
  const pieces: string[] = [];
  let rest = text;
  while (rest.length > size) {
    const head = rest.slice(0, size);
    const boundary = /^[\s\S]*\s/.exec(head)?.[0].length ?? 0;
    // Never between the halves of one character that takes two code units.
    const whole = /[\uD800-\uDBFF]$/.test(head) ? size - 1 : size;
    const end = boundary > 0 ? boundary : whole;
    pieces.push(rest.slice(0, end));
    rest = rest.slice(end);
  }
  if (rest !== '' || pieces.length === 0) pieces.push(rest);
  return pieces;
}
