import { readdir } from 'node:fs/promises';
import { basename, join } from 'node:path';
import {
  FileNotFoundError,
  fromSystemError,
  invalidInput,
  toMemvidError,
  type NativeDocument,
} from '@memvid/core';
import { optionalNumber, optionalString, optionalStrings, optionsOf, pathOf, type Options } from './check.js';
import {
  DEFAULT_LEVEL,
  fieldsOf,
  switchesOf,
  textDocument,
  type Fields,
  type IngestSwitches,
  type Switches,
} from './document.js';
import {
  documentVectors,
  vectorRequest,
  type VectorInput,
  type VectorRequest,
} from './embedding/document-vectors.js';
import { putEmbedded } from './embedding/put-embedded.js';
import { DOCUMENT_KINDS, extensionOf, readTextFile, TEXT_KINDS, type TextFile } from './file-document.js';
import type { Handle } from './handle.js';
import { store as storeTogether } from './write-queue.js';

export interface PutFileOptions
  extends IngestSwitches, Pick<VectorInput, 'embedder' | 'enableEmbedding' | 'embeddingModel'> {
  /** Default `"document"`. */
  label?: string | undefined;
  metadata?: Readonly<Record<string, unknown>> | undefined;
  /** Cut the text into documents of about this many characters. Default: one document a file. */
  chunkSize?: number | undefined;
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
  const file = pathOf(path, 'path');
  const given = optionsOf(options);
  return storeFile(handle, file, planOf(handle, 'putFile', given));
}

/** Stores every known file of a folder (not of its sub-folders), in the order of their names. */
export async function putFiles(
  handle: Handle,
  dir: string,
  options?: PutFilesOptions,
): Promise<PutFilesResult> {
  handle.assertWritable('putFiles');
  const folder = pathOf(dir, 'dir');
  const given = optionsOf(options);
  const wanted = optionalStrings(given['extensions'], 'extensions');
  const extensions = new Set(
    (wanted ?? [...Object.keys(TEXT_KINDS), ...DOCUMENT_KINDS]).map((name) =>
      name.replace(/^\./, '').toLowerCase(),
    ),
  );
  const plan = planOf(handle, 'putFiles', given);
  // Nothing is read before it is known that its vectors can be made.
  if (plan.vectors !== undefined) await documentVectors(handle, 'putFiles', plan.vectors, [], NAMES);
  const result: PutFilesResult = { filesProcessed: 0, framesAdded: 0, files: [], errors: [] };
  for (const filename of await filesOf(folder)) {
    if (!extensions.has(extensionOf(filename))) continue;
    try {
      const added = await storeFile(handle, join(folder, filename), plan);
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
        suggestion: 'Make the folder first, or correct its path.',
        cause: error,
      });
    }
    if (failure?.code === 'MV019') throw invalidInput('dir', folder, 'the path of a folder');
    throw failure ?? toMemvidError(error);
  }
}

/** How files are stored, checked before the first is read. */
interface Plan {
  readonly chunkSize: number | undefined;
  readonly switches: Switches;
  readonly fields: Fields;
  readonly vectors: VectorRequest | undefined;
}

const NAMES = { nameOf: () => 'the text of the file' } as const;

function planOf(handle: Handle, operation: string, options: Options): Plan {
  const label = optionalString(options['label'], 'label') ?? 'document';
  return {
    chunkSize: optionalNumber(options['chunkSize'], 'chunkSize', { min: 100, integer: true }),
    switches: switchesOf(options),
    fields: fieldsOf({ label, metadata: options['metadata'] }, ''),
    // A file gets its vectors from an embedder, or none.
    vectors: vectorRequest(handle, operation, { ...options, embeddings: undefined }, [{}], false),
  };
}

async function storeFile(handle: Handle, path: string, plan: Plan): Promise<PutFileResult> {
  const store = { compressionLevel: DEFAULT_LEVEL, dedupe: 'keep' } as const;
  if (plan.vectors !== undefined) {
    const ids = await putEmbedded(handle, 'putFile', read(path, plan), plan.vectors, { ...NAMES, store });
    return { framesAdded: ids.length, type: 'text', filename: basename(path) };
  }
  const stored = await handle.write('putFile', async (native) =>
    storeTogether(native, await read(path, plan), store),
  );
  return { framesAdded: stored.length, type: 'text', filename: basename(path) };
}

async function read(path: string, plan: Plan): Promise<NativeDocument[]> {
  return documentsOf(await readTextFile('putFile', path), plan);
}

function documentsOf(file: TextFile, { chunkSize, switches, fields }: Plan): NativeDocument[] {
  const chunks = chunkSize === undefined ? [file.text] : splitAtWords(file.text, chunkSize);
  return chunks.map((text, index) => {
    const split = chunks.length > 1;
    // Parsed anew for each: an object made by JSON has every key as its own, `__proto__` too.
    const metadata = JSON.parse(fields.metadata ?? '{}') as Record<string, unknown>;
    Object.assign(metadata, { doc_name: file.name, doc_type: 'text' });
    if (split) Object.assign(metadata, { chunk_index: index, total_chunks: chunks.length });
    const document = textDocument(
      {
        ...fields,
        title: split ? `${file.name} [Chunk ${index + 1}/${chunks.length}]` : file.name,
        uri: `mv2://files/${file.name}${split ? `#chunk-${index + 1}` : ''}`,
        metadata: JSON.stringify(metadata),
      },
      text,
      switches,
    );
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
