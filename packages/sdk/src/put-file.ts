import { readdir, stat } from 'node:fs/promises';
import { basename, join, relative, sep } from 'node:path';
import {
  FileNotFoundError,
  fromSystemError,
  invalidInput,
  type MemvidError,
  reportProgress,
  toMemvidError,
  type NativeDocument,
  type NativePutOptions,
} from '@memvid/core';
import { signalOf } from './batch-options.js';
import {
  optionalBoolean,
  optionalFunction,
  optionalNumber,
  optionalString,
  optionalStrings,
  optionsOf,
  pathOf,
  refuseOptions,
  type Options,
} from './check.js';
import { DocumentParsers } from './document-parsers.js';
import {
  storageOf,
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
  eachDocumentVector,
  type MadeVectors,
  textToEmbed,
  vectorRequest,
  type VectorInput,
  type VectorRequest,
  withVector,
} from './embedding/document-vectors.js';
import { putEmbedded, putMade } from './embedding/put-embedded.js';
import { aborted, ended, isEnvironmental } from './failures.js';
import { extensionOf } from './extension.js';
import { DOCUMENT_KINDS, readFile, TEXT_KINDS, type TextFile } from './file-document.js';
import type { Handle } from './handle.js';
import type { Part } from './parsed-file.js';
import { storedIds, store as storeTogether } from './write-queue.js';

export interface PutFileOptions
  extends IngestSwitches, Pick<VectorInput, 'embedder' | 'enableEmbedding' | 'embeddingModel'> {
  /** Default `"document"`. */
  label?: string | undefined;
  metadata?: object | undefined;
  /** Cut the text into documents of about this many characters. Default: one document a file. */
  chunkSize?: number | undefined;
  /** Ends the call before the file is stored; of a folder, the files that are stored stay. */
  signal?: AbortSignal | undefined;
  enableEnrichment?: boolean | undefined;
  /** `true`: sets the memory to keep vectors product-quantised, as `setVectorCompression(true)` does. */
  vectorCompression?: boolean | undefined;
}

export interface PutFilesOptions extends PutFileOptions {
  /** File endings to take, with or without the dot. Default: every known one. */
  extensions?: readonly string[] | undefined;
  /** Take the files of sub-folders too; they are named by their path in the folder. Default `false`. */
  recursive?: boolean | undefined;
  /** Called behind each file, and waited for. When it throws, the files behind it are left out, with that error. */
  onProgress?: ((progress: PutFilesProgress) => unknown) | undefined;
}

export interface PutFilesProgress {
  /** Files that are done, of `total`: stored or left out. */
  readonly processed: number;
  readonly total: number;
  readonly stored: number;
  readonly failed: number;
  /** Of the file that was read last. */
  readonly filename: string;
}

export interface PutFileResult {
  framesAdded: number;
  /** `text`, or what the parser of a plugin calls it. */
  type: string;
  filename: string;
  /** What could not be read of it, in words; absent when there is nothing to be said. */
  warnings?: string[] | undefined;
}

export interface PutFilesResult {
  filesProcessed: number;
  framesAdded: number;
  files: PutFileResult[];
  /** Files that were left out, and why; the others are stored. */
  errors: { filename: string; code: string; message: string }[];
}

/**
 * Stores a file: a text file as a document, or as several when `chunkSize` is given; what a plugin reads as a document a
 * page, sheet, slide or chapter.
 */
export async function putFile(
  handle: Handle,
  path: string,
  options?: PutFileOptions,
): Promise<PutFileResult> {
  handle.assertWritable('putFile');
  const file = pathOf(path, 'path');
  const plan = planOf(handle, 'putFile', optionsOf(options));
  const { signal, vectors, parsers } = plan;
  if (signal?.aborted === true) throw aborted('putFile', signal);
  let told: FileDocuments | undefined;
  const read = async (): Promise<readonly NativeDocument[]> => {
    told = await readDocuments('putFile', file, basename(file), plan);
    return told.documents;
  };
  let stored: { readonly length: number };
  if (vectors !== undefined) {
    stored = await putEmbedded(handle, 'putFile', read(), vectors, {
      store: plan.store,
      signal,
      nameOf: () => 'the text of the file',
    });
  } else if (parsers.has(extensionOf(file))) {
    stored = await putMade(handle, 'putFile', read(), signal, (native, documents) =>
      storedIds(native, documents, plan.store),
    );
  } else {
    stored = await handle.write('putFile', async (native) => {
      const documents = await read();
      if (signal?.aborted === true) throw aborted('putFile', signal);
      return storeTogether(native, documents, plan.store);
    });
  }
  return {
    framesAdded: stored.length,
    type: told?.type ?? 'text',
    filename: basename(file),
    ...told?.warned,
  };
}

/** Stores every known file of a folder, in the order of their names; a bad one does not stop the others. */
export async function putFiles(
  handle: Handle,
  dir: string,
  options?: PutFilesOptions,
): Promise<PutFilesResult> {
  handle.assertWritable('putFiles');
  const folder = pathOf(dir, 'dir');
  const given = optionsOf(options);
  const wanted = optionalStrings(given['extensions'], 'extensions');
  const recursive = optionalBoolean(given['recursive'], 'recursive', false);
  const onProgress: PutFilesOptions['onProgress'] = optionalFunction(given['onProgress'], 'onProgress');
  const plan = planOf(handle, 'putFiles', given);
  const { signal, vectors, parsers } = plan;
  if (signal?.aborted === true) throw aborted('putFiles', signal);
  // Nothing is read before it is known that its vectors can be made.
  if (vectors !== undefined) {
    await documentVectors(handle, 'putFiles', vectors, [], { signal, nameOf: String });
  }
  const names = wanted ?? [...Object.keys(TEXT_KINDS), ...DOCUMENT_KINDS, ...parsers.extensions];
  const extensions = new Set(names.map((name) => name.replace(/^\./, '').toLowerCase()));
  const found = (await foundIn(folder, recursive)).filter(({ name, link }) =>
    link === 'folder' ? recursive : extensions.has(extensionOf(name)),
  );
  const files = new Files(handle, plan);
  for (const { name, link } of found) {
    if (link === undefined) await files.add(name, join(folder, name));
    else files.refuse(name, NOT_FOLLOWED);
    await files.report(onProgress, name, found.length);
  }
  return files.result();
}

/** Files that are embedded together: most documents, and most characters of them. */
const MOST_DOCUMENTS = 256;
const MOST_CHARACTERS = 4 * 1024 * 1024;

/** The files of a folder on their way into the memory: embedded together, stored each for itself. */
class Files {
  readonly #handle: Handle;
  readonly #plan: Plan;
  readonly #result: PutFilesResult = { filesProcessed: 0, framesAdded: 0, files: [], errors: [] };
  #gathered: (FileDocuments & { readonly filename: string })[] = [];
  #documents = 0;
  #characters = 0;
  /** What would meet every other file too: a refused key, a locked memory. The rest is not tried. */
  #fatal: MemvidError | undefined;

  constructor(handle: Handle, plan: Plan) {
    this.#handle = handle;
    this.#plan = plan;
  }

  async add(filename: string, path: string): Promise<void> {
    const { signal, vectors } = this.#plan;
    if (signal?.aborted === true) this.#fatal ??= ended('putFiles', signal);
    if (this.#fatal !== undefined) {
      this.refuse(filename, this.#fatal);
      return;
    }
    try {
      const read = await readDocuments('putFiles', path, filename, this.#plan);
      const { documents } = read;
      this.#gathered.push({ ...read, filename });
      this.#documents += documents.length;
      for (const document of documents) this.#characters += textToEmbed(document).length;
    } catch (error) {
      this.refuse(filename, toMemvidError(error));
    }
    const isFull = this.#documents >= MOST_DOCUMENTS || this.#characters >= MOST_CHARACTERS;
    if (vectors === undefined || isFull) await this.#flush();
  }

  async report(onProgress: PutFilesOptions['onProgress'], filename: string, total: number): Promise<void> {
    const { filesProcessed: stored, errors } = this.#result;
    const progress = { processed: stored + errors.length, total, stored, failed: errors.length, filename };
    const failure = await reportProgress(onProgress, progress);
    this.#fatal ??= failure;
  }

  async result(): Promise<PutFilesResult> {
    await this.#flush();
    this.#result.errors.sort((left, right) => (left.filename < right.filename ? -1 : 1));
    return this.#result;
  }

  async #flush(): Promise<void> {
    const gathered = this.#gathered;
    this.#gathered = [];
    this.#documents = 0;
    this.#characters = 0;
    const documents = gathered.flatMap((file) => file.documents);
    let made: MadeVectors | undefined;
    /** What meets all files of this turn that are still to be stored. */
    let fault: MemvidError | undefined;
    try {
      made = await this.#vectorsOf(documents);
      this.#fatal ??= made?.fatal;
    } catch (error) {
      fault = toMemvidError(error);
    }
    let first = 0;
    for (const file of gathered) {
      const places = file.documents.map((_, at) => first + at);
      first += places.length;
      const failed = places.find((place) => made?.errors.has(place));
      const error = fault ?? (failed === undefined ? undefined : made?.errors.get(failed));
      const whole = file.documents.map((document, at) =>
        withVector(document, made?.vectors[places[at] ?? 0]),
      );
      if (error === undefined) fault = await this.#store(file, whole);
      else this.refuse(file.filename, error);
    }
    this.#fatal ??= fault;
  }

  async #vectorsOf(documents: readonly NativeDocument[]): Promise<MadeVectors | undefined> {
    const { vectors, signal } = this.#plan;
    if (vectors === undefined || documents.length === 0) return undefined;
    return eachDocumentVector(this.#handle, 'putFiles', vectors, documents.map(textToEmbed), {
      signal,
      nameOf: (index) => `the text of ${documents[index]?.title}`,
    });
  }

  /** Gives the error that would meet every other file too. */
  async #store(
    { filename, type, warned }: FileDocuments & { readonly filename: string },
    documents: readonly NativeDocument[],
  ): Promise<MemvidError | undefined> {
    try {
      const stored = await this.#handle.write('putFiles', (native) =>
        storeTogether(native, documents, this.#plan.store),
      );
      this.#result.filesProcessed += 1;
      this.#result.framesAdded += stored.length;
      this.#result.files.push({ filename, framesAdded: stored.length, type, ...warned });
      return undefined;
    } catch (thrown) {
      const error = toMemvidError(thrown);
      this.refuse(filename, error);
      return isEnvironmental(error) ? error : undefined;
    }
  }

  refuse(
    filename: string,
    { code, message }: Pick<MemvidError, 'message'> & { readonly code: string },
  ): void {
    this.#result.errors.push({ filename, code, message });
  }
}

/** A folder that somebody else filled may hold a link to anything. */
const NOT_FOLLOWED = {
  code: 'MV018',
  message: 'A symbolic link is not followed: give what it leads to to putFile or putFiles',
};

/** What stands in a folder. */
interface Found {
  /** Its path in the folder. */
  readonly name: string;
  /** Of a symbolic link, where it leads. */
  readonly link?: 'folder' | 'file' | undefined;
}

/** All but folders, in the order of their names. */
async function foundIn(folder: string, recursive: boolean): Promise<Found[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive });
    const found = entries
      .filter((entry) => !entry.isDirectory())
      .map(async (entry): Promise<Found> => {
        const path = join(entry.parentPath, entry.name);
        const name = relative(folder, path).replaceAll(sep, '/');
        if (!entry.isSymbolicLink()) return { name };
        const target = await stat(path).catch(() => undefined);
        return { name, link: target?.isDirectory() === true ? 'folder' : 'file' };
      });
    return (await Promise.all(found)).toSorted((left, right) => (left.name < right.name ? -1 : 1));
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
  readonly parsers: DocumentParsers;
  readonly signal: AbortSignal | undefined;
  readonly store: NativePutOptions;
}

/** A file becomes as many documents as its text has pieces, and no vector fits all of them. */
const FOR_PUT = {
  embedding: '`put({ file, embedding })` stores a file with a vector',
  embeddings: '`put({ file, embedding })` stores a file with a vector',
  embeddingIdentity: '`put({ file, embedding, embeddingIdentity })` stores a file with a vector',
  dedupe: '`put({ file, dedupe })` looks for equal documents',
} as const;

function planOf(handle: Handle, operation: string, options: Options): Plan {
  refuseOptions(options, '', FOR_PUT);
  const label = optionalString(options['label'], 'label') ?? 'document';
  return {
    chunkSize: optionalNumber(options['chunkSize'], 'chunkSize', { min: 100, integer: true }),
    switches: switchesOf(options),
    fields: fieldsOf({ label, metadata: options['metadata'] }, ''),
    // A file gets its vectors from an embedder, or none.
    vectors: vectorRequest(handle, operation, options, [{}], false),
    parsers: new DocumentParsers(handle),
    signal: signalOf(options['signal']),
    store: { compressionLevel: DEFAULT_LEVEL, dedupe: 'keep', ...storageOf(options) },
  };
}

/** The documents of a file. */
interface FileDocuments {
  readonly documents: readonly NativeDocument[];
  readonly type: string;
  /** For the result. */
  readonly warned: { warnings?: string[] };
}

async function readDocuments(
  operation: string,
  path: string,
  filename: string,
  plan: Plan,
): Promise<FileDocuments> {
  const file = await readFile(operation, path, plan.parsers, plan.signal);
  const {
    type = 'text',
    warnings = [],
    said,
    parts = [{ ...ONE_PIECE, text: file.text }],
  } = file.parsed ?? {};
  const warned = warnings.length === 0 ? {} : { warnings: [...warnings] };
  const about = { doc_name: filename, doc_type: type, ...said };
  const documents = parts.flatMap((part) => documentsOf({ ...file, name: filename }, part, about, plan));
  return { documents, type, warned };
}

const ONE_PIECE = { named: '', anchor: '', metadata: {} };

function documentsOf(
  file: TextFile,
  { text, named, anchor, metadata: place }: Part,
  about: Record<string, unknown>,
  { chunkSize, switches, fields }: Plan,
): NativeDocument[] {
  const chunks = chunkSize === undefined ? [text] : splitAtWords(text, chunkSize);
  return chunks.map((chunk, index) => {
    const split = chunks.length > 1;
    // Parsed anew for each: an object made by JSON has every key as its own, `__proto__` too.
    const metadata = JSON.parse(fields.metadata ?? '{}') as Record<string, unknown>;
    Object.assign(metadata, about, place);
    if (split) Object.assign(metadata, { chunk_index: index, total_chunks: chunks.length });
    const fragment = split ? `${anchor === '' ? '#' : `${anchor}-`}chunk-${index + 1}` : anchor;
    const document = textDocument(
      {
        ...fields,
        title: `${file.name}${named}${split ? ` [Chunk ${index + 1}/${chunks.length}]` : ''}`,
        uri: `mv2://files/${file.name}${fragment}`,
        metadata: JSON.stringify(metadata),
      },
      chunk,
      switches,
    );
    return Object.assign(document, { mime: file.mime }, fragment === '' ? { filename: file.name } : {});
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
