import { checkString, invalidInput, type NativeDocument } from '@memvid/core';
import { signalOf } from './batch-options.js';
import { optionalOneOf, pathOf, recordOf, refuseOptions } from './check.js';
import { DocumentParsers } from './document-parsers.js';
import {
  DEDUPE,
  DEFAULT_LEVEL,
  fieldsOf,
  pictureDocument,
  storageOf,
  switchesOf,
  textDocument,
} from './document.js';
import type { Dedupe, DocumentFields, IngestSwitches } from './document.js';
import { fitsOwn, vectorRequest, type VectorInput, withVector } from './embedding/document-vectors.js';
import { type Making, putEmbedded, putMade } from './embedding/put-embedded.js';
import { aborted } from './failures.js';
import { extensionOf } from './extension.js';
import { fileLabel, readFileDocument } from './file-document.js';
import type { Handle } from './handle.js';
import { type ImageContent, imageEmbedderInput, type PictureInput } from './image.js';
import { pictured } from './picture.js';
import { store, storedIds } from './write-queue.js';

/** One document: `text`, `file` or `image`, exactly one of them. */
export type PutInput = PutFields & (TextContent | FileContent | ImageContent);

export interface TextContent {
  text: string;
  file?: undefined;
  image?: undefined;
}

export interface FileContent {
  /**
   * Path of a text file (plain text, Markdown, JSON, CSV, HTML …), or of a document that a plugin reads. Its bytes come back
   * from `extractAsset`.
   */
  file: string;
  text?: undefined;
  image?: undefined;
}

/** What a document of `put` has beside its content. */
export interface PutFields extends DocumentFields, IngestSwitches, VectorInput, PictureInput {
  /** What to do when a document with the same content is stored already. Default `"keep"`. */
  dedupe?: Dedupe | undefined;
  /** Whether the rules for memory cards may read it. Default `true`. */
  enableEnrichment?: boolean | undefined;
  /** `true`: sets the memory to keep vectors product-quantised, as `setVectorCompression(true)` does. */
  vectorCompression?: boolean | undefined;
}

/** Stores one document, durably, and gives its frame id. */
export async function put(handle: Handle, input: PutInput): Promise<string> {
  handle.assertWritable('put');
  const given = recordOf(input, 'input', 'an object { text, … }, { file, … } or { image, … }');
  const text = given['text'] ?? undefined;
  const file = given['file'] ?? undefined;
  const switches = switchesOf(given);
  imageEmbedderInput(given['imageEmbedder'], 'imageEmbedder');
  const picture = pictureDocument(given, '', switches);
  if (picture === undefined && (text === undefined) === (file === undefined)) {
    throw invalidInput(
      'text, file, image',
      text === undefined ? 'neither' : 'both',
      'exactly one of "text", "file" and "image"',
    );
  }
  refuseOptions(given, '', { embeddings: 'one document has one vector, its `embedding`' });
  const dedupe = optionalOneOf(given['dedupe'], 'dedupe', DEDUPE) ?? 'keep';
  const options = { compressionLevel: DEFAULT_LEVEL, dedupe, ...storageOf(given) } as const;
  const signal = signalOf(given['signal']);
  if (signal?.aborted === true) throw aborted('put', signal);
  const request = vectorRequest(handle, 'put', given, [given], false);
  const made = async (making: Making, name: string): Promise<string> => {
    const [id = ''] = await (request === undefined
      ? putMade(handle, 'put', making, signal, (native, documents) => storedIds(native, documents, options))
      : putEmbedded(handle, 'put', making, request, { store: options, signal, nameOf: () => name }));
    return id;
  };
  if (text !== undefined) {
    const document = textDocument(fieldsOf(given, ''), checkString('text', text), switches);
    const vector = request?.given.get(0);
    // Nothing is to be made, and the engine checks what is given.
    if (
      request?.embedder === undefined ||
      (vector !== undefined && !request.isNamed && fitsOwn(handle, vector))
    ) {
      return String((await handle.put('put', withVector(document, vector), options)).id);
    }
    return made([document], 'text');
  }
  if (picture !== undefined) return made(() => pictured(handle, 'put', [picture], given), 'searchText');
  const path = pathOf(file, 'file');
  const fields = fieldsOf(given, '', fileLabel(path));
  const parsers = new DocumentParsers(handle);
  const read = async (): Promise<NativeDocument> =>
    readFileDocument(fields, 'put', path, switches, parsers, signal);
  if (request !== undefined || parsers.has(extensionOf(path))) {
    return made(async () => [await read()], 'the text of the file');
  }
  // The file is read when the turn of this call has come, so that the order of the calls is kept.
  return handle.write('put', async (native) => {
    if (signal?.aborted === true) throw aborted('put', signal);
    const [stored] = await store(native, [await read()], options);
    return String(stored?.id);
  });
}
