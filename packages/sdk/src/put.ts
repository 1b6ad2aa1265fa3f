import { checkString, invalidInput, type NativeDocument } from '@memvid/core';
import { signalOf } from './batch-options.js';
import { optionalOneOf, pathOf, recordOf, refuseOptions } from './check.js';
import { DocumentParsers } from './document-parsers.js';
import { DEDUPE, DEFAULT_LEVEL, fieldsOf, storageOf, switchesOf, textDocument } from './document.js';
import type { Dedupe, DocumentFields, IngestSwitches } from './document.js';
import { fitsOwn, vectorRequest, type VectorInput, withVector } from './embedding/document-vectors.js';
import { putEmbedded, putMade } from './embedding/put-embedded.js';
import { aborted } from './failures.js';
import { extensionOf, fileLabel, readFileDocument } from './file-document.js';
import type { Handle } from './handle.js';
import { store, storedIds } from './write-queue.js';

/** One document: `text` or `file`, exactly one of them. */
export type PutInput = PutFields & (TextContent | FileContent);

export interface TextContent {
  text: string;
  file?: undefined;
}

export interface FileContent {
  /**
   * Path of a text file (plain text, Markdown, JSON, CSV, HTML …), or of a document that a plugin reads. Its bytes come back
   * from `extractAsset`.
   */
  file: string;
  text?: undefined;
}

/** What a document of `put` has beside its content. */
export interface PutFields extends DocumentFields, IngestSwitches, VectorInput {
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
  const given = recordOf(input, 'input', 'an object { text, … } or { file, … }');
  const text = given['text'] ?? undefined;
  const file = given['file'] ?? undefined;
  if ((text === undefined) === (file === undefined)) {
    throw invalidInput(
      'text, file',
      text === undefined ? 'neither' : 'both',
      'exactly one of "text" and "file"',
    );
  }
  refuseOptions(given, '', { embeddings: 'one document has one vector, its `embedding`' });
  const switches = switchesOf(given);
  const dedupe = optionalOneOf(given['dedupe'], 'dedupe', DEDUPE) ?? 'keep';
  const options = { compressionLevel: DEFAULT_LEVEL, dedupe, ...storageOf(given) } as const;
  const signal = signalOf(given['signal']);
  if (signal?.aborted === true) throw aborted('put', signal);
  const request = vectorRequest(handle, 'put', given, [given], false);
  if (file === undefined) {
    const document = textDocument(fieldsOf(given, ''), checkString('text', text), switches);
    const vector = request?.given.get(0);
    // Nothing is to be made, and the engine checks what is given.
    if (
      request?.embedder === undefined ||
      (vector !== undefined && !request.isNamed && fitsOwn(handle, vector))
    ) {
      return String((await handle.put('put', withVector(document, vector), options)).id);
    }
    const [id = ''] = await putEmbedded(handle, 'put', [document], request, {
      store: options,
      signal,
      nameOf: () => 'text',
    });
    return id;
  }
  const path = pathOf(file, 'file');
  const fields = fieldsOf(given, '', fileLabel(path));
  const parsers = new DocumentParsers(handle);
  const read = async (): Promise<NativeDocument> =>
    readFileDocument(fields, 'put', path, switches, parsers, signal);
  if (request !== undefined) {
    const reading = read().then((document) => [document]);
    const [id = ''] = await putEmbedded(handle, 'put', reading, request, {
      store: options,
      signal,
      nameOf: () => 'the text of the file',
    });
    return id;
  }
  if (parsers.has(extensionOf(path))) {
    const making = read().then((document) => [document]);
    const [id = ''] = await putMade(handle, 'put', making, signal, (native, documents) =>
      storedIds(native, documents, options),
    );
    return id;
  }
  // The file is read when the turn of this call has come, so that the order of the calls is kept.
  return handle.write('put', async (native) => {
    if (signal?.aborted === true) throw aborted('put', signal);
    const [stored] = await store(native, [await read()], options);
    return String(stored?.id);
  });
}
