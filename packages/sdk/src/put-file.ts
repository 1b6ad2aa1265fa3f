import { basename, join } from 'node:path';
import {
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
import { picturesAmong, PICTURE_KINDS, type PictureInput } from './image.js';
import type { Part } from './parsed-file.js';
import { hasImageEmbedder, pictured, type PictureOutcome, pictureSize } from './picture.js';
import { storedIds, store as storeTogether } from './write-queue.js';

export interface PutFileOptions
  extends IngestSwitches, Pick<VectorInput, 'embedder' | 'enableEmbedding' | 'embeddingModel'>, PictureInput {
  /** Default `"document"`, of a picture its ending. */
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
  /** File endings to take, with or without the dot. Default: every known one, pictures where vectors of them can be made. */
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
  /** `text`, `image`, or what the parser of a plugin calls it. */
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
 * page, sheet, slide or chapter; a picture as `put({ image })` does.
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
    return pictured(handle, 'putFile', told.documents, plan.options);
  };
  const isPicture = isPictureFile(file, parsers);
  let stored: { readonly length: number };
  // Nothing can be said of a picture without words.
  if (vectors !== undefined && !isPicture) {
    stored = await putEmbedded(handle, 'putFile', read, vectors, {
      store: plan.store,
      signal,
      nameOf: () => 'the text of the file',
    });
  } else if (isPicture || parsers.has(extensionOf(file))) {
    stored = await putMade(handle, 'putFile', read, signal, (native, documents) =>
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
  const pictures = wanted === undefined && (await plan.takesPictures()) ? PICTURE_KINDS : [];
  const names = wanted ?? [...Object.keys(TEXT_KINDS), ...DOCUMENT_KINDS, ...parsers.extensions, ...pictures];
  const extensions = new Set(names.map((name) => name.replace(/^\./, '').toLowerCase()));
  const { foundIn } = await import('./folder.js');
  const found = await foundIn(folder, recursive, extensions);
  const files = new Files(handle, plan);
  for (const { name, refusal } of found) {
    if (refusal === undefined) await files.add(name, join(folder, name));
    else files.refuse(name, refusal);
    await files.report(onProgress, name, found.length);
  }
  return files.result();
}

/** Files that are embedded together: most documents, and most characters of them. */
const MOST_DOCUMENTS = 256;
const MOST_CHARACTERS = 4 * 1024 * 1024;
/** Bytes of pictures that count as a character: 64 MB of them are in memory at a time. */
const BYTES_OF_A_CHARACTER = 16;

/** The files of a folder on their way into the memory: embedded together, stored each for itself. */
class Files {
  readonly #handle: Handle;
  readonly #plan: Plan;
  readonly #result: PutFilesResult = { filesProcessed: 0, framesAdded: 0, files: [], errors: [] };
  #gathered: (FileDocuments & { readonly filename: string })[] = [];
  #documents = 0;
  #characters = 0;
  /** Whether any of those that are gathered is a picture. They are embedded together, and what comes behind them waits. */
  #hasPictures = false;
  /** What would meet every other picture too: a model that is not there. Texts go on. */
  #pictureFault: MemvidError | undefined;
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
      const arePictures = picturesAmong(documents).length > 0;
      if (arePictures && this.#pictureFault !== undefined) throw this.#pictureFault;
      this.#hasPictures ||= arePictures;
      this.#gathered.push({ ...read, filename });
      this.#documents += documents.length;
      for (const document of documents) {
        this.#characters += textToEmbed(document).length;
        if (arePictures) this.#characters += (await pictureSize(document)) / BYTES_OF_A_CHARACTER;
      }
    } catch (error) {
      this.refuse(filename, toMemvidError(error));
    }
    const isFull = this.#documents >= MOST_DOCUMENTS || this.#characters >= MOST_CHARACTERS;
    if (isFull || (vectors === undefined && !this.#hasPictures)) await this.#flush();
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
    this.#hasPictures = false;
    const documents = gathered.flatMap((file) => file.documents);
    let made: MadeVectors | undefined;
    const pictures: PictureOutcome = { errors: new Map() };
    /** What meets all files of this turn that are still to be stored. */
    let fault: MemvidError | undefined;
    try {
      await pictured(this.#handle, 'putFiles', documents, this.#plan.options, pictures);
      this.#pictureFault ??= pictures.fatal;
      made = await this.#vectorsOf(documents);
      this.#fatal ??= made?.fatal;
    } catch (error) {
      fault = toMemvidError(error);
    }
    const errors = new Map([...pictures.errors, ...(made?.errors ?? [])]);
    let first = 0;
    for (const file of gathered) {
      const places = file.documents.map((_, at) => first + at);
      first += places.length;
      const failed = places.find((place) => errors.has(place));
      const error = fault ?? (failed === undefined ? undefined : errors.get(failed));
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
    const leftOut = new Set(picturesAmong(documents).map(({ place }) => place));
    return eachDocumentVector(this.#handle, 'putFiles', { ...vectors, leftOut }, documents.map(textToEmbed), {
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

/** How files are stored, checked before the first is read. */
interface Plan {
  readonly chunkSize: number | undefined;
  readonly switches: Switches;
  readonly fields: Fields;
  readonly vectors: VectorRequest | undefined;
  readonly parsers: DocumentParsers;
  readonly signal: AbortSignal | undefined;
  readonly store: NativePutOptions;
  /** Of the call. */
  readonly options: Options;
  readonly takesPictures: () => Promise<boolean>;
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
    options,
    takesPictures: () => hasImageEmbedder(handle, options),
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
  if (isPictureFile(path, plan.parsers)) {
    const { notTaken, ofPictureFile } = await import('./pictures.js');
    if (!(await plan.takesPictures())) throw notTaken(operation, filename);
    return ofPictureFile(path, filename, plan, metadataWith(plan, { doc_name: filename }));
  }
  const file = await readFile(operation, path, plan.parsers, plan.signal);
  const {
    type = 'text',
    warnings = [],
    said,
    parts = [{ ...ONE_PIECE, text: file.text }],
  } = file.parsed ?? {};
  const warned = warnings.length === 0 ? {} : { warnings: [...warnings] };
  const about = { doc_name: filename, doc_type: type, ...said };
  const { chunkSize } = plan;
  // Most files stay whole, and do without its code.
  const cut = chunkSize === undefined ? undefined : (await import('./parsed-file.js')).splitAtWords;
  const documents = parts.flatMap((part) => {
    const chunks = cut?.(part.text, chunkSize ?? 0) ?? [part.text];
    return documentsOf({ ...file, name: filename }, part, chunks, about, plan);
  });
  return { documents, type, warned };
}

/** Whether a file is a picture by its ending, and no plugin reads it as a document. */
function isPictureFile(path: string, parsers: DocumentParsers): boolean {
  const extension = extensionOf(path);
  return PICTURE_KINDS.includes(extension) && !parsers.has(extension);
}

/** What is given for all files, and more. Parsed anew for each: an object made by JSON has every key as its own, `__proto__` too. */
function metadataWith({ fields }: Plan, more: Record<string, unknown>): Record<string, unknown> {
  return Object.assign(JSON.parse(fields.metadata ?? '{}') as Record<string, unknown>, more);
}

const ONE_PIECE = { named: '', anchor: '', metadata: {} };

function documentsOf(
  file: TextFile,
  { named, anchor, metadata: place }: Part,
  chunks: readonly string[],
  about: Record<string, unknown>,
  plan: Plan,
): NativeDocument[] {
  const { switches, fields } = plan;
  return chunks.map((chunk, index) => {
    const split = chunks.length > 1;
    const metadata = metadataWith(plan, { ...about, ...place });
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
