import { join } from 'node:path';
import { type MemvidError, type NativeDocument, reportProgress, toMemvidError } from '@memvid/core';
import {
  documentVectors,
  eachDocumentVector,
  type MadeVectors,
  textToEmbed,
  withVector,
} from './embedding/document-vectors.js';
import { ended, isEnvironmental } from './failures.js';
import { DOCUMENT_KINDS, TEXT_KINDS } from './file-document.js';
import { countsOf, type FileDocuments, type Plan, readDocuments } from './file-plan.js';
import type { Refusal } from './folder.js';
import type { Handle } from './handle.js';
import { picturesAmong, PICTURE_KINDS } from './image.js';
import { pictured, type PictureOutcome, pictureSize } from './picture.js';
import type { PutFilesOptions, PutFilesResult } from './put-file.js';
import { store as storeTogether } from './write-queue.js';

/** What `putFiles` is told beside its plan. */
export interface FolderOptions extends Pick<PutFilesOptions, 'extensions' | 'onProgress'> {
  readonly recursive: boolean;
}

/** Stores the files of a folder. */
export async function storeFolder(
  handle: Handle,
  folder: string,
  plan: Plan,
  { extensions: wanted, recursive, onProgress }: FolderOptions,
): Promise<PutFilesResult> {
  const { signal, vectors, parsers } = plan;
  // Nothing is read before it is known that its vectors can be made.
  if (vectors !== undefined) {
    await documentVectors(handle, 'putFiles', vectors, [], { signal, nameOf: String });
  }
  const pictures = wanted === undefined && (await plan.takesPictures()) ? PICTURE_KINDS : [];
  const names = wanted ?? [...Object.keys(TEXT_KINDS), ...DOCUMENT_KINDS, ...parsers.extensions, ...pictures];
  const extensions = new Set(names.map((name) => name.replace(/^\./, '').toLowerCase()));
  const { foundIn } = await import('./folder.js');
  const { found, others } = await foundIn(folder, recursive, extensions);
  // Who says which files to take knows that the others are not.
  const files = new Files(handle, plan, wanted === undefined ? others : []);
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
  readonly #result: PutFilesResult;
  #gathered: (FileDocuments & { readonly filename: string })[] = [];
  #documents = 0;
  #characters = 0;
  /** Whether any of those that are gathered is a picture. They are embedded together, and what comes behind them waits. */
  #hasPictures = false;
  /** What would meet every other picture too: a model that is not there. Texts go on. */
  #pictureFault: MemvidError | undefined;
  /** What would meet every other file too: a refused key, a locked memory. The rest is not tried. */
  #fatal: MemvidError | undefined;

  constructor(handle: Handle, plan: Plan, skipped: string[]) {
    this.#handle = handle;
    this.#plan = plan;
    this.#result = { filesProcessed: 0, framesAdded: 0, files: [], errors: [], skipped };
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
      const counts = countsOf(stored);
      const { framesAdded, framesSkipped = 0 } = counts;
      this.#result.filesProcessed += 1;
      this.#result.framesAdded += framesAdded;
      if (framesSkipped > 0) this.#result.framesSkipped = (this.#result.framesSkipped ?? 0) + framesSkipped;
      this.#result.files.push({ filename, ...counts, type, ...warned });
      return undefined;
    } catch (thrown) {
      const error = toMemvidError(thrown);
      this.refuse(filename, error);
      return isEnvironmental(error) ? error : undefined;
    }
  }

  refuse(filename: string, { code, message, suggestion }: Refusal): void {
    this.#result.errors.push({ filename, code, message, suggestion });
  }
}
