import { checkArray, checkString, type NativeMemory } from '@memvid/core';
import {
  filledString,
  frameId,
  optionalBoolean,
  optionalFilledString,
  optionalNumber,
  optionalOneOf,
  recordOf,
} from './check.js';
import type { Handle } from './handle.js';
import type { FrameRef } from './view.js';

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
  /** Documents that say something, and those that `enrich` looked at. */
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
  /** When it was said, seconds since 1970. Default: the time of its frame. */
  documentDate?: number | undefined;
  /** When it came to be so, seconds since 1970. */
  eventDate?: number | undefined;
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
const ENGINES = ['rules'] as const;
const SECONDS = { min: -8.64e12, max: 8.64e12 };
const CONFIDENCE = { min: 0, max: 1 };

/** The cards of an entity, of one of its slots, or all. */
export async function memories(handle: Handle, entity?: string, slot?: string): Promise<MemoriesResult> {
  return (await ask(handle, 'memories', {
    call: 'memories',
    entity: optionalFilledString(entity, 'entity'),
    slot: optionalFilledString(slot, 'slot'),
  })) as MemoriesResult;
}

export async function memoriesStats(handle: Handle): Promise<MemoriesStatsResult> {
  return (await ask(handle, 'memoriesStats', { call: 'stats' })) as MemoriesStatsResult;
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
  return (await ask(handle, 'exportFacts', {
    call: 'export',
    format: optionalOneOf(format, 'format', FORMATS) ?? 'json',
    entity: optionalFilledString(entity, 'entity'),
    provenance: optionalBoolean(withProvenance, 'withProvenance', false),
  })) as string;
}

/** Writes what an engine makes of the documents into the file. */
export async function enrich(handle: Handle, engine?: string, force?: boolean): Promise<EnrichResult> {
  handle.assertWhole('enrich');
  handle.assertWritable('enrich');
  const name = optionalOneOf(engine, 'engine', ENGINES) ?? 'rules';
  const isForced = optionalBoolean(force, 'force', false);
  const run = (native: NativeMemory): Promise<string> => native.enrich(name, isForced);
  return JSON.parse(await handle.write('enrich', run)) as EnrichResult;
}

export async function addMemoryCards(
  handle: Handle,
  cards: readonly MemoryCardInput[],
): Promise<AddMemoryCardsResult> {
  handle.assertWhole('addMemoryCards');
  handle.assertWritable('addMemoryCards');
  const given = checkArray('cards', cards, 'an array of { entity, slot, value, … }').map(cardOf);
  const add = (native: NativeMemory): Promise<string> => native.addMemoryCards(JSON.stringify(given));
  const ids = JSON.parse(await handle.write('addMemoryCards', add)) as number[];
  return { added: ids.length, ids };
}

async function ask(handle: Handle, operation: string, question: object): Promise<unknown> {
  // A card does not say which scope it belongs to.
  handle.assertWhole(operation);
  return JSON.parse(await handle.read(operation, (native) => native.cards(JSON.stringify(question))));
}

function cardOf(given: unknown, index: number): object {
  const at = `cards[${index}]`;
  const card = recordOf(given, at, 'an object { entity, slot, value, … }');
  const source = card['sourceFrameId'] ?? undefined;
  const seconds = (name: string): number | undefined => {
    const value = optionalNumber(card[name], `${at}.${name}`, SECONDS);
    return value === undefined ? undefined : Math.floor(value);
  };
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
