import { checkString, invalidInput, type NativeDocument } from '@memvid/core';
import { derivedTags } from './auto-tag.js';
import {
  isRecord,
  optionalBoolean,
  optionalFilledString,
  optionalString,
  optionalStrings,
  type Options,
} from './check.js';
import { contentDates } from './content-dates.js';
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
  /** Any JSON object; comes back equal from `getFrameInfo` and hits. */
  metadata?: Readonly<Record<string, unknown>> | undefined;
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

export interface Switches {
  readonly autoTag: boolean;
  readonly extractDates: boolean;
}

export function switchesOf(options: Options): Switches {
  // `enableEnrichment` and `vectorCompression` say how later stages run; here only their type is looked at.
  optionalBoolean(options['enableEnrichment'], 'enableEnrichment', true);
  optionalBoolean(options['vectorCompression'], 'vectorCompression', false);
  return {
    autoTag: optionalBoolean(options['autoTag'], 'autoTag', false),
    extractDates: optionalBoolean(options['extractDates'], 'extractDates', true),
  };
}

/** A text document with every default filled in, checked field by field. `at` is a prefix of argument names. */
export function textDocument(input: Options, at: string, text: string, switches: Switches): NativeDocument {
  const fields = fieldsOf(input, at);
  const tags = fields.tags ?? [];
  const words = fields.searchText ?? text;
  const dates = switches.extractDates ? contentDates(words) : [];
  return {
    ...fields,
    text,
    title: fields.title ?? 'Untitled',
    labels: labelsOf(input, at) ?? ['text'],
    tags: switches.autoTag ? [...tags, ...derivedTags(words, tags)] : tags,
    timestamp: fields.timestamp ?? Math.floor(Date.now() / 1000),
    ...(dates.length > 0 ? { contentDates: dates } : {}),
  };
}

/** The fields a caller gave, checked, without defaults. */
export function fieldsOf(input: Options, at: string): Partial<NativeDocument> {
  const given: Partial<NativeDocument> = {};
  const title = optionalString(input['title'], `${at}title`);
  const uri = optionalFilledString(input['uri'], `${at}uri`);
  const kind = optionalString(input['kind'], `${at}kind`);
  const track = optionalString(input['track'], `${at}track`);
  const searchText = optionalString(input['searchText'], `${at}searchText`);
  const tags = optionalStrings(input['tags'], `${at}tags`);
  const timestamp = optionalSeconds(input['timestamp'], `${at}timestamp`);
  const metadata = metadataOf(input['metadata'], `${at}metadata`);
  if (title !== undefined) given.title = title;
  if (uri !== undefined) given.uri = uri;
  if (kind !== undefined) given.kind = kind;
  if (track !== undefined) given.track = track;
  if (searchText !== undefined) given.searchText = searchText;
  if (tags !== undefined) given.tags = tags;
  if (timestamp !== undefined) given.timestamp = timestamp;
  if (metadata !== undefined) given.metadata = metadata;
  return given;
}

/** `label` first, then `labels`, each once; `undefined` when neither was given. */
export function labelsOf(input: Options, at: string, fallback = 'text'): string[] | undefined {
  const label = optionalString(input['label'], `${at}label`);
  const labels = optionalStrings(input['labels'], `${at}labels`);
  if (label === undefined && labels === undefined) return undefined;
  return [...new Set([label ?? fallback, ...(labels ?? [])])];
}

/** JSON text of an object, or a refusal naming the field that JSON cannot hold. */
export function metadataOf(value: unknown, argument: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  if (!isRecord(value)) throw invalidInput(argument, value, 'an object of JSON values');
  try {
    return JSON.stringify(value, (key, item: unknown) => {
      if (typeof item === 'bigint') throw new TypeError(`"${key}" is a bigint`);
      if (typeof item === 'function' || typeof item === 'symbol') {
        throw new TypeError(`"${key}" is a ${typeof item}`);
      }
      if (typeof item === 'number' && !Number.isFinite(item)) throw new TypeError(`"${key}" is ${item}`);
      return item;
    });
  } catch (error) {
    const reason =
      error instanceof TypeError && error.message.startsWith('"') ? error.message : 'it refers to itself';
    throw invalidInput(argument, reason, 'an object of JSON values');
  }
}

export const LEVEL_RULE = { min: 0, max: 11, integer: true } as const;
export const DEFAULT_LEVEL = 3;
export const DEDUPE = ['keep', 'skip', 'replace'] as const;
/** What happens when an equal document is stored already: keep both, skip the new, or replace the old. */
export type Dedupe = (typeof DEDUPE)[number];

/** One document of a batch; `title` and `text` must be there. `at` is the prefix of its argument names: `docs[3].`. */
export function batchDocument(input: unknown, at: string, switches: Switches): NativeDocument {
  if (!isRecord(input)) throw invalidInput(at.slice(0, -1), input, 'an object { title, text, … }');
  checkString(`${at}title`, input['title']);
  const text = checkString(`${at}text`, input['text']);
  return textDocument(input, at, text, switches);
}
