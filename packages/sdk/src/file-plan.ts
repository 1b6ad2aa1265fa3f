import type { NativeDocument, NativePutOptions } from '@memvid/core';
import { signalOf } from './batch-options.js';
import { optionalNumber, optionalOneOf, optionalString, refuseOptions, type Options } from './check.js';
import { DocumentParsers } from './document-parsers.js';
import {
  storageOf,
  DEFAULT_LEVEL,
  fieldsOf,
  switchesOf,
  textDocument,
  type Fields,
  type Switches,
} from './document.js';
import { vectorRequest, type VectorRequest } from './embedding/document-vectors.js';
import { extensionOf } from './extension.js';
import { readFile, type TextFile, withTitle } from './file-document.js';
import type { Handle } from './handle.js';
import { imageEmbedderInput, PICTURE_KINDS } from './image.js';
import type { Part } from './parsed-file.js';
import { hasImageEmbedder } from './picture.js';
import type { StoredDocument } from './write-queue.js';

/** How files are stored, checked before the first is read. */
export interface Plan {
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

/** A file becomes as many documents as its text has pieces: what is of one document fits none of them. */
const OF_ONE_DOCUMENT = ['title', 'uri', 'searchText', 'embedding', 'embeddings', 'embeddingIdentity'];
const FOR_PUT = 'a file becomes several documents, and `put({ file })` makes one of it';
/** A file that was read again and has changed has other parts: which of them takes the place of which nobody knows. */
const DEDUPE_OF_FILES = ['keep', 'skip'] as const;

export function planOf(handle: Handle, operation: string, options: Options): Plan {
  refuseOptions(options, '', Object.fromEntries(OF_ONE_DOCUMENT.map((name) => [name, FOR_PUT])));
  const { labels, tags, kind, track, timestamp, metadata } = options;
  imageEmbedderInput(options['imageEmbedder'], 'imageEmbedder');
  const label = optionalString(options['label'], 'label') ?? 'document';
  const dedupe = optionalOneOf(options['dedupe'], 'dedupe', DEDUPE_OF_FILES) ?? 'keep';
  return {
    chunkSize: optionalNumber(options['chunkSize'], 'chunkSize', { min: 100, integer: true }),
    switches: switchesOf(options),
    fields: fieldsOf({ label, labels, tags, kind, track, timestamp, metadata }, ''),
    // A file gets its vectors from an embedder, or none.
    vectors: vectorRequest(handle, operation, options, [{}], false),
    parsers: new DocumentParsers(handle),
    signal: signalOf(options['signal']),
    store: { compressionLevel: DEFAULT_LEVEL, dedupe, ...storageOf(options) },
    options,
    takesPictures: () => hasImageEmbedder(handle, options),
  };
}

/** How many documents were stored, and how many were not because the memory has their content. */
export function countsOf(stored: readonly StoredDocument[]): {
  framesAdded: number;
  framesSkipped?: number;
} {
  const skipped = stored.filter(({ duplicateOf }) => duplicateOf !== null).length;
  return { framesAdded: stored.length - skipped, ...(skipped === 0 ? {} : { framesSkipped: skipped }) };
}

/** The documents of a file. */
export interface FileDocuments {
  readonly documents: readonly NativeDocument[];
  readonly type: string;
  /** For the result. */
  readonly warned: { warnings?: string[] };
}

export async function readDocuments(
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
  const documents = parts.flatMap((part, index) => {
    const chunks = cut?.(part.text, chunkSize ?? 0) ?? [part.text];
    const [head = ''] = chunks;
    // The first piece is found by the title of the document, too; what it says is what stands in it.
    const searchText =
      index === 0 && head.length < CUT_FROM ? withTitle(head, file.parsed, filename) : undefined;
    return documentsOf({ ...file, name: filename }, part, chunks, about, plan, searchText);
  });
  return { documents, type, warned };
}

/** Whether a file is a picture by its ending, and no plugin reads it as a document. */
export function isPictureFile(path: string, parsers: DocumentParsers): boolean {
  const extension = extensionOf(path);
  return PICTURE_KINDS.includes(extension) && !parsers.has(extension);
}

/** What is given for all files, and more. Parsed anew for each: an object made by JSON has every key as its own, `__proto__` too. */
function metadataWith({ fields }: Plan, more: Record<string, unknown>): Record<string, unknown> {
  return Object.assign(JSON.parse(fields.metadata ?? '{}') as Record<string, unknown>, more);
}

const ONE_PIECE = { named: '', anchor: '', metadata: {} };
/**
 * From this length on the engine cuts a text into pieces that are found each for itself. It does not where there are other
 * words to find the text by, so that a longer one does without them.
 */
const CUT_FROM = 2400;

function documentsOf(
  file: TextFile,
  { named, anchor, metadata: place }: Part,
  chunks: readonly string[],
  about: Record<string, unknown>,
  plan: Plan,
  /** Of the first. */
  searchText: string | undefined,
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
        ...(index === 0 && searchText !== undefined ? { searchText } : {}),
      },
      chunk,
      switches,
    );
    return Object.assign(document, { mime: file.mime }, fragment === '' ? { filename: file.name } : {});
  });
}
