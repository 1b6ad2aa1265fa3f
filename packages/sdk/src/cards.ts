import {
  CapacityExceededError,
  checkArray,
  checkString,
  type EntityExtractor,
  type LanguageModel,
  type MemvidError,
  type NativeMemory,
  type TokenUsage,
} from '@memvid/core';
import { signalOf } from './batch-options.js';
import {
  filledString,
  frameId,
  optionalBoolean,
  optionalFilledString,
  optionalNumber,
  optionalOneOf,
  recordOf,
} from './check.js';
import { aborted } from './failures.js';
import type { Handle } from './handle.js';
import { optionalSeconds, type Timestamp } from './timestamps.js';
import type { FrameRef } from './view.js';
import { type Where, whereOf } from './where.js';

/** What sort of statement a card makes. */
export type CardKind = 'fact' | 'preference' | 'event' | 'profile' | 'relationship' | 'goal' | 'other';

/** Whether a card speaks for or against its value. */
export type CardPolarity = 'positive' | 'negative' | 'neutral';

/** What a card does to earlier ones of its entity and slot: `retracts` says that the value holds no more. */
export type CardRelation = 'sets' | 'updates' | 'extends' | 'retracts';

/** A statement about somebody or something. */
export interface MemoryCard {
  id: number;
  kind: CardKind;
  entity: string;
  slot: string;
  value: string;
  polarity: CardPolarity | null;
  versionRelation: CardRelation;
  confidence: number | null;
  /** The frame it comes from. */
  sourceFrameId: number | null;
  sourceUri: string | null;
  /** When it was said, seconds since 1970. */
  documentDate: number | null;
  /** When it came to be so, seconds since 1970. */
  eventDate: number | null;
  /** What made it: `rules`, or who added it. */
  engine: string;
  engineVersion: string;
}

export interface MemoriesResult {
  /** Newest first. */
  cards: MemoryCard[];
  count: number;
  /** What could not be looked at. */
  damage?: string;
}

export interface MemoriesStatsResult {
  entityCount: number;
  cardCount: number;
  /** Different slots of entities. */
  slotCount: number;
  cardsByKind: Partial<Record<CardKind, number>>;
  /** Documents that say something by the rules, and those that `enrich` looked at with them. */
  enrichedFrames: number;
  /** When cards were written the last time, seconds since 1970. */
  lastEnrichment: number | null;
  damage?: string;
}

/** What is so now of one slot. */
export interface SlotState {
  value: string;
  kind: CardKind;
  polarity: CardPolarity | null;
  sourceFrameId: number | null;
  documentDate: number | null;
  engine: string;
}

export interface EntityState {
  /** With small letters. */
  entity: string;
  /** Whether there is any card about it. */
  found: boolean;
  slots: Record<string, SlotState>;
  damage?: string;
}

export interface EnrichResult {
  engine: string;
  version: string;
  /** Documents that were looked at now. */
  framesProcessed: number;
  cardsExtracted: number;
  newCards: number;
  totalCards: number;
  totalEntities: number;
  damage?: string;
  /** Documents of which an extractor or a language model made nothing, and why. A later call looks at them again. */
  failed?: readonly EnrichFailure[];
  /** The first hundred of what an extractor or a language model said and was left out. */
  rejected?: readonly EnrichRejection[];
  /** How much that was. */
  rejectedCount?: number;
  /** Tokens that a language model used, where its service says so. */
  usage?: TokenUsage;
}

export interface EnrichFailure {
  readonly frameId: number;
  readonly error: MemvidError;
}

/** What an engine said of a document and no card was made of. */
export interface EnrichRejection {
  readonly frameId: number;
  /** It has not the shape that was asked for, or what it says does not stand in the text. */
  readonly reason: 'malformed' | 'not_in_text';
  /** As it was said, in JSON; no more than 200 characters. */
  readonly statement: string;
}

export interface EnrichProgress {
  /** Documents that were looked at, of `total`. */
  readonly processed: number;
  readonly total: number;
  /** Cards that are written. */
  readonly newCards: number;
  /** Documents of which nothing could be made. */
  readonly failed: number;
  /** Statements that were left out. */
  readonly rejected: number;
}

/** Who makes cards: `rules`, an extractor of names, a language model, or the name under which a plugin has one. Extractors of `getEntityExtractor` do, too. */
export type EnrichEngine = string | EntityExtractor | LanguageModel | ReferenceExtractor;

/** An extractor with the members that the reference's have. */
interface ReferenceExtractor {
  /** `provider:model`. */
  readonly name: string;
  extractBatch(
    texts: string[],
    minConfidence?: number,
  ): Promise<{ name: string; type: string; confidence: number }[][]>;
}

export interface EnrichOptions {
  /** Default `rules`. */
  engine?: EnrichEngine | undefined;
  /** Look at documents again that were looked at. Default `false`. */
  force?: boolean | undefined;
  /** Look at these documents alone. Default: all. */
  where?: Where | undefined;
  /** Least certainty of a name, 0 to 1. Default: the extractor's. */
  minConfidence?: number | undefined;
  /** Names of these types alone (`PERSON`, `ORG`, `LOCATION`, `DATE` …). Default: all but `DATE`, `MONEY` and `OTHER`. */
  entityTypes?: readonly string[] | undefined;
  /** Kept with the cards. Documents that another version looked at are looked at again. Default `1.0.0`. */
  engineVersion?: string | undefined;
  /** For a language model that is named. Default: the key given to `use`, else the provider's environment variable. */
  modelApiKey?: string | undefined;
  /** Called behind each few documents, and waited for. What it throws ends the call. */
  onProgress?: ((progress: EnrichProgress) => unknown) | undefined;
  /** Ends the call: MV018. What was made until then is written. */
  signal?: AbortSignal | undefined;
}

/** A card to be added. */
export interface MemoryCardInput {
  entity: string;
  slot: string;
  value: string;
  /** In any case. Default `fact`. */
  kind?: CardKind | Capitalize<CardKind> | undefined;
  /** Default `neutral`. */
  polarity?: CardPolarity | Capitalize<CardPolarity> | undefined;
  /** Default `sets`. */
  versionRelation?: CardRelation | undefined;
  /** The frame it comes from: the card counts as long as that is active. */
  sourceFrameId?: FrameRef | undefined;
  /** When it was said. Default: the time of its frame. */
  documentDate?: Timestamp | undefined;
  /** When it came to be so. */
  eventDate?: Timestamp | undefined;
  /** From 0 to 1. */
  confidence?: number | undefined;
  /** Who adds it. Default `sdk`. */
  engine?: string | undefined;
  engineVersion?: string | undefined;
}

export interface AddMemoryCardsResult {
  added: number;
  /** In the order they were given. */
  ids: number[];
}

export type FactsFormat = 'json' | 'csv' | 'ntriples';

const KINDS = ['fact', 'preference', 'event', 'profile', 'relationship', 'goal', 'other'] as const;
const POLARITIES = ['positive', 'negative', 'neutral'] as const;
const RELATIONS = ['sets', 'updates', 'extends', 'retracts'] as const;
const FORMATS = ['json', 'csv', 'ntriples'] as const;
/**
 * Whom the cards are about that say which documents an extractor or a language model looked at: a slot for each of them and
 * its version, frames as ranges. The engine shows them only to who asks for them by this name.
 */
const LEDGER = 'memvid.enrichment';
/** Most characters of the cards of a call: the engine writes no more of all cards of a file, and a text holds little more. */
const MOST_CHARACTERS = 2 ** 28;
const CONFIDENCE = { min: 0, max: 1 };

interface CheckedCard extends Readonly<Record<string, unknown>> {
  readonly entity: string;
  readonly slot: string;
  readonly value: string;
}

/** The cards of an entity, of one of its slots, or all. */
export async function memories(handle: Handle, entity?: string, slot?: string): Promise<MemoriesResult> {
  return (await ask(handle, 'memories', {
    call: 'memories',
    entity: optionalFilledString(entity, 'entity'),
    slot: optionalFilledString(slot, 'slot'),
  })) as MemoriesResult;
}

export async function memoriesStats(handle: Handle): Promise<MemoriesStatsResult> {
  handle.assertWhole('memoriesStats');
  return handle.read('memoriesStats', statsOf);
}

/** The same for a step of another call. */
export async function statsOf(native: NativeMemory): Promise<MemoriesStatsResult> {
  return (await answerOf(native, { call: 'stats' })) as MemoriesStatsResult;
}

export async function memoryEntities(handle: Handle): Promise<string[]> {
  return (await ask(handle, 'memoryEntities', { call: 'entities' })) as string[];
}

/** What is so now of an entity. */
export async function state(handle: Handle, entity: string, slot?: string): Promise<EntityState> {
  return (await ask(handle, 'state', {
    call: 'state',
    entity: filledString(entity, 'entity'),
    slot: optionalFilledString(slot, 'slot'),
  })) as EntityState;
}

/** The facts as text for other programs. */
export async function exportFacts(
  handle: Handle,
  format?: FactsFormat,
  entity?: string,
  withProvenance?: boolean,
): Promise<string> {
  const form = optionalOneOf(format, 'format', FORMATS) ?? 'json';
  return (await ask(handle, 'exportFacts', {
    call: 'export',
    format: form,
    entity: optionalFilledString(entity, 'entity'),
    provenance: optionalBoolean(withProvenance, 'withProvenance', false),
  })) as string;
}

/** Makes cards of the documents and writes them into the file. */
export async function enrich(
  handle: Handle,
  engine?: EnrichEngine | EnrichOptions,
  force?: boolean,
): Promise<EnrichResult> {
  handle.assertWhole('enrich');
  handle.assertWritable('enrich');
  if (engine === undefined || engine === null || engine === 'rules') {
    return byRules(handle, optionalBoolean(force, 'force', false));
  }
  const { enrichWith } = await import('./enrich/enrich.js');
  const languageModels = () => import('./ask/with-model.js');
  return enrichWith(handle, engine, force, {
    signalOf,
    whereOf,
    byRules,
    statsOf,
    languageModels,
    ledger: LEDGER,
  });
}

/** One step: a signal can end it until its turn comes. */
async function byRules(handle: Handle, isForced: boolean, signal?: AbortSignal): Promise<EnrichResult> {
  const run = (native: NativeMemory): Promise<string> => {
    if (signal?.aborted === true) throw aborted('enrich', signal);
    return native.enrich('rules', isForced);
  };
  return JSON.parse(await handle.write('enrich', run)) as EnrichResult;
}

export async function addMemoryCards(
  handle: Handle,
  cards: readonly MemoryCardInput[],
): Promise<AddMemoryCardsResult> {
  handle.assertWhole('addMemoryCards');
  handle.assertWritable('addMemoryCards');
  const given = checkArray('cards', cards, 'an array of { entity, slot, value, … }').map(cardOf);
  let length = 0;
  for (const { entity, slot, value } of given) length += entity.length + slot.length + value.length;
  if (length > MOST_CHARACTERS) {
    const details = { reason: 'cards', limit: MOST_CHARACTERS, required: length };
    const message = `the cards have ${length} characters, a file at most ${MOST_CHARACTERS}; nothing was written`;
    throw new CapacityExceededError(message, { details });
  }
  const add = (native: NativeMemory): Promise<string> => native.addMemoryCards(JSON.stringify(given));
  const ids = JSON.parse(await handle.write('addMemoryCards', add)) as number[];
  return { added: ids.length, ids };
}

async function ask(handle: Handle, operation: string, question: object): Promise<unknown> {
  // A card does not say which scope it belongs to.
  handle.assertWhole(operation);
  return handle.read(operation, (native) => answerOf(native, question));
}

async function answerOf(native: NativeMemory, question: object): Promise<unknown> {
  return JSON.parse(await native.cards(JSON.stringify(question)));
}

function cardOf(given: unknown, index: number): CheckedCard {
  const at = `cards[${index}]`;
  const card = recordOf(given, at, 'an object { entity, slot, value, … }');
  const source = card['sourceFrameId'] ?? undefined;
  const seconds = (name: string): number | undefined => optionalSeconds(card[name], `${at}.${name}`);
  return {
    entity: filledString(card['entity'], `${at}.entity`),
    slot: filledString(card['slot'], `${at}.slot`),
    value: checkString(`${at}.value`, card['value']),
    kind: optionalOneOf(lowerCase(card['kind']), `${at}.kind`, KINDS),
    polarity: optionalOneOf(lowerCase(card['polarity']), `${at}.polarity`, POLARITIES),
    versionRelation: optionalOneOf(lowerCase(card['versionRelation']), `${at}.versionRelation`, RELATIONS),
    sourceFrameId: source === undefined ? undefined : frameId(source, `${at}.sourceFrameId`),
    documentDate: seconds('documentDate'),
    eventDate: seconds('eventDate'),
    confidence: optionalNumber(card['confidence'], `${at}.confidence`, CONFIDENCE),
    engine: optionalFilledString(card['engine'], `${at}.engine`),
    engineVersion: optionalFilledString(card['engineVersion'], `${at}.engineVersion`),
  };
}

function lowerCase(value: unknown): unknown {
  return typeof value === 'string' ? value.toLowerCase() : value;
}
