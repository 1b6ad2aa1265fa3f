import { checkString, invalidInput, type NativeDocument } from '@memvid/core';
import { derivedTags } from './auto-tag.js';
import {
  optionalBoolean,
  optionalFilledString,
  optionalString,
  optionalStrings,
  recordOf,
  refuseOptions,
  type Options,
} from './check.js';
import { contentDates } from './content-dates.js';
import { extensionOf } from './extension.js';
import { imageOf, pendingPictures, type Picture } from './image.js';
import { metadataOf } from './metadata.js';
import { optionalSeconds, type Timestamp } from './timestamps.js';

/** What a document may carry beside its text. */
export interface DocumentFields {
  /** Searchable. Default: the file name without extension, else `"Untitled"`. */
  title?: string | undefined;
  /** First of the labels. Default: `"text"`, for a file its extension. */
  label?: string | undefined;
  /** More labels, behind `label`. */
  labels?: readonly string[] | undefined;
  tags?: readonly string[] | undefined;
  /** Any JSON object, of an interface too; comes back equal from `getFrameInfo` and hits. Arrays are MV019. */
  metadata?: object | undefined;
  /** Default: `mv2://frames/<id>`, for a file `mv2://files/<name>`. */
  uri?: string | undefined;
  kind?: string | undefined;
  track?: string | undefined;
  /** Text to index instead of the document's own; `view` still gives the document's. */
  searchText?: string | undefined;
  /** When it happened. Default: now. A date without a time is midnight UTC. */
  timestamp?: Timestamp | undefined;
}

/** Switches of how documents are read; the same for `put` and for every document of `putMany`. */
export interface IngestSwitches {
  /** Add keywords of the text to the tags. Default `false`. */
  autoTag?: boolean | undefined;
  /** Note the days the text speaks of, as `content_dates` of hits. Default `true`. */
  extractDates?: boolean | undefined;
}

/** What a document carries beside its content, as the engine takes it. */
export type Fields = Omit<Partial<NativeDocument>, 'text' | 'bytes'>;

/** The label of a text document that has none of its own. */
export const DEFAULT_LABEL = 'text';

export interface Switches {
  readonly autoTag: boolean;
  readonly extractDates: boolean;
  /** Whether the call makes the vectors that documents do not bring. */
  readonly embeds?: boolean;
}

export function switchesOf(options: Options): Switches {
  return {
    autoTag: optionalBoolean(options['autoTag'], 'autoTag', false),
    extractDates: optionalBoolean(options['extractDates'], 'extractDates', true),
  };
}

/** What the engine is told of how documents are to be kept, where it is not the usual. */
export function storageOf(options: Options): { vectorCompression?: true; enrich?: false } {
  return {
    ...(optionalBoolean(options['vectorCompression'], 'vectorCompression', false)
      ? { vectorCompression: true }
      : {}),
    ...(optionalBoolean(options['enableEnrichment'], 'enableEnrichment', true) ? {} : { enrich: false }),
  };
}

/** Longest text, bytes of UTF-8: the engine counts them. No text has fewer bytes than code units. */
const MOST_TEXT = 268_435_456;

/** A text document with every default filled in. */
export function textDocument(fields: Fields, text: string, switches: Switches): NativeDocument {
  // Before its dates and words are looked for, which takes seconds.
  if (text.length > MOST_TEXT) {
    throw invalidInput('text', `${text.length} characters`, `at most ${MOST_TEXT} bytes`);
  }
  const tags = fields.tags ?? [];
  const words = fields.searchText ?? text;
  const dates = switches.extractDates ? contentDates(words) : [];
  return {
    ...fields,
    text,
    title: fields.title ?? 'Untitled',
    labels: fields.labels ?? [DEFAULT_LABEL],
    tags: switches.autoTag ? [...tags, ...derivedTags(words, tags)] : tags,
    timestamp: fields.timestamp ?? Math.floor(Date.now() / 1000),
    ...(dates.length > 0 ? { contentDates: dates } : {}),
  };
}

/** The first label of a picture that has none of its own: the ending of its file, where there is a file. */
export function pictureLabel(image: Picture): string {
  return (typeof image === 'string' && extensionOf(image)) || 'image';
}

/** The document of an `image`, which is read, named and embedded by `pictured`; `undefined` without one. */
export function pictureDocument(given: Options, at: string, switches: Switches): NativeDocument | undefined {
  const argument = `${at}image`;
  const image = imageOf(given['image'], argument);
  if (image === undefined) return undefined;
  if ((given['text'] ?? given['file'] ?? undefined) !== undefined) {
    throw invalidInput(argument, image, 'left out beside "text" or "file"');
  }
  const fields = fieldsOf(given, at, pictureLabel(image));
  const document = textDocument(fields, '', switches);
  delete document.text;
  pendingPictures.set(document, { document, fields, image, argument });
  return document;
}

/**
 * The fields a caller gave, checked one by one, without defaults. `at` is a prefix of argument names; `label` stands
 * first when only further labels were given.
 */
export function fieldsOf(input: Options, at: string, label: string = DEFAULT_LABEL): Fields {
  const given: Fields = {};
  const title = optionalString(input['title'], `${at}title`);
  const uri = optionalFilledString(input['uri'], `${at}uri`);
  const kind = optionalString(input['kind'], `${at}kind`);
  const track = optionalString(input['track'], `${at}track`);
  const searchText = optionalString(input['searchText'], `${at}searchText`);
  const tags = optionalStrings(input['tags'], `${at}tags`);
  const labels = labelsOf(input, at, label);
  const timestamp = optionalSeconds(input['timestamp'], `${at}timestamp`);
  const metadata = metadataOf(input['metadata'], `${at}metadata`);
  if (title !== undefined) given.title = title;
  if (uri !== undefined) given.uri = uri;
  if (kind !== undefined) given.kind = kind;
  if (track !== undefined) given.track = track;
  if (searchText !== undefined) given.searchText = searchText;
  if (tags !== undefined) given.tags = tags;
  if (labels !== undefined) given.labels = labels;
  if (timestamp !== undefined) given.timestamp = timestamp;
  if (metadata !== undefined) given.metadata = metadata;
  return given;
}

/** `label` first, then `labels`, each once; `undefined` when neither was given. */
function labelsOf(input: Options, at: string, fallback: string): string[] | undefined {
  const label = optionalString(input['label'], `${at}label`);
  const labels = optionalStrings(input['labels'], `${at}labels`);
  if (label === undefined && labels === undefined) return undefined;
  return [...new Set([label ?? fallback, ...(labels ?? [])])];
}

export const LEVEL_RULE = { min: 0, max: 11, integer: true } as const;
export const DEFAULT_LEVEL = 3;
export const DEDUPE = ['keep', 'skip', 'replace'] as const;
/** What happens when an equal document is stored already: keep both, skip the new, or replace the old. */
export type Dedupe = (typeof DEDUPE)[number];

/** Options that hold for a whole batch. */
const OF_THE_CALL = {
  dedupe: 'it holds for all documents of the call and stands in its options',
  embedder: 'it makes the vectors of all documents of the call and stands in its options',
  imageEmbedder: 'it makes the vectors of all pictures of the call and stands in its options',
  embeddings: 'the vector of one document is its `embedding`',
  compressionLevel: 'it holds for all documents of the call and stands in its options',
} as const;

/** One document of a batch; `title` and `text` must be there. `at` is the prefix of its argument names: `docs[3].`. */
export function batchDocument(input: unknown, at: string, switches: Switches): NativeDocument {
  const given = recordOf(input, at.slice(0, -1), 'an object { title, text, … }');
  refuseOptions(given, at, OF_THE_CALL);
  checkString(`${at}title`, given['title']);
  checkVectorFields(given, at, switches.embeds === true);
  const picture = pictureDocument(given, at, switches);
  if (picture !== undefined) return picture;
  const text = checkString(`${at}text`, given['text']);
  return textDocument(fieldsOf(given, at), text, switches);
}

/** A document may do without the vector that the call makes; who makes it is for the call to say. */
function checkVectorFields(given: Options, at: string, embeds: boolean): void {
  for (const name of ['embedder', 'embeddingModel']) {
    const value = given[name] ?? undefined;
    if (value === undefined) continue;
    throw invalidInput(`${at}${name}`, value, 'left out: it is an option of the call, for all documents');
  }
  if (optionalBoolean(given['enableEmbedding'], `${at}enableEmbedding`, false) && !embeds) {
    const expected = 'left out or false where no option of the call makes vectors';
    throw invalidInput(`${at}enableEmbedding`, true, expected);
  }
}
