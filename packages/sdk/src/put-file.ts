import { basename } from 'node:path';
import type { NativeDocument, NativeMemory } from '@memvid/core';
import { optionalBoolean, optionalFunction, optionalStrings, optionsOf, pathOf } from './check.js';
import type { DocumentFields, IngestSwitches } from './document.js';
import type { VectorInput } from './embedding/document-vectors.js';
import { embedded, putMade } from './embedding/put-embedded.js';
import { aborted } from './failures.js';
import { extensionOf } from './extension.js';
import { countsOf, type FileDocuments, isPictureFile, planOf, readDocuments } from './file-plan.js';
import type { Handle } from './handle.js';
import type { PictureInput } from './image.js';
import { pictured } from './picture.js';
import { storeFolder } from './put-files.js';
import { store as storeTogether, type StoredDocument } from './write-queue.js';

export interface PutFileOptions
  extends
    IngestSwitches,
    Pick<DocumentFields, 'labels' | 'tags' | 'kind' | 'track' | 'timestamp'>,
    Pick<VectorInput, 'embedder' | 'enableEmbedding' | 'embeddingModel'>,
    PictureInput {
  /** Default `"document"`, of a picture its ending. */
  label?: string | undefined;
  metadata?: object | undefined;
  /** Cut the text into documents of about this many characters. Default: one document a file. */
  chunkSize?: number | undefined;
  /** `"skip"`: what the memory holds already, part by part, is not stored again. Default `"keep"`. */
  dedupe?: 'keep' | 'skip' | undefined;
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
  /** Parts that were not stored because the memory has their content, with `dedupe: "skip"`; absent when there are none. */
  framesSkipped?: number | undefined;
  /** `text`, `image`, or what the parser of a plugin calls it. */
  type: string;
  filename: string;
  /** What could not be read of it, in words; absent when there is nothing to be said. */
  warnings?: string[] | undefined;
}

export interface PutFilesResult {
  filesProcessed: number;
  framesAdded: number;
  /** As in the results of the files, together. */
  framesSkipped?: number | undefined;
  files: PutFileResult[];
  /** Files that were left out, and why; the others are stored. */
  errors: { filename: string; code: string; message: string; suggestion: string | null }[];
  /** Files of kinds that nothing here reads. Empty where `extensions` says which to take. */
  skipped: string[];
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
  const store = (native: NativeMemory, documents: readonly NativeDocument[]): Promise<StoredDocument[]> =>
    storeTogether(native, documents, plan.store);
  let stored: StoredDocument[];
  // Nothing can be said of a picture without words.
  if (vectors !== undefined && !isPicture) {
    const nameOf = (): string => 'the text of the file';
    const making = (): Promise<NativeDocument[]> =>
      embedded(handle, 'putFile', read, vectors, { signal, nameOf });
    stored = await putMade(handle, 'putFile', making, signal, store);
  } else if (isPicture || parsers.has(extensionOf(file))) {
    stored = await putMade(handle, 'putFile', read, signal, store);
  } else {
    stored = await handle.write('putFile', async (native) => {
      const documents = await read();
      if (signal?.aborted === true) throw aborted('putFile', signal);
      return store(native, documents);
    });
  }
  return {
    ...countsOf(stored),
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
  const extensions = optionalStrings(given['extensions'], 'extensions');
  const recursive = optionalBoolean(given['recursive'], 'recursive', false);
  const onProgress: PutFilesOptions['onProgress'] = optionalFunction(given['onProgress'], 'onProgress');
  const plan = planOf(handle, 'putFiles', given);
  if (plan.signal?.aborted === true) throw aborted('putFiles', plan.signal);
  return storeFolder(handle, folder, plan, { extensions, recursive, onProgress });
}
