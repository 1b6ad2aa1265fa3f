import type { MemvidError, TokenUsage } from '@memvid/core';
import type { CardKind, EnrichRejection } from '../cards.js';
import { type Place, quoteOf } from './mentions.js';

/** A document to be looked at. */
export interface Looked {
  readonly id: number;
  readonly text: string;
}

/** A card of a document, before it is known which. */
export interface Statement {
  readonly entity: string;
  readonly slot: string;
  readonly value: string;
  readonly kind: CardKind;
  readonly confidence?: number | undefined;
}

/** What became of a document. */
export interface Outcome {
  readonly id: number;
  readonly statements: readonly Statement[];
  readonly rejected: readonly EnrichRejection[];
  /** Why nothing is known of it. */
  readonly error?: MemvidError | undefined;
}

/** Makes statements of texts. */
export interface Engine {
  /** `provider:model`, kept with every card. */
  readonly name: string;
  /** Documents that are given to it together. */
  readonly piece: number;
  /** Documents whose cards are written together, at most. */
  readonly batch: number;
  /** What its requests cost so far, where it says so. */
  readonly usage?: TokenUsage | undefined;
  /**
   * Looks at documents and tells of each as soon as it is done. Rejects when the others would fail, too; what was told until
   * then stays.
   */
  look(documents: readonly Looked[], signal: AbortSignal, done: (outcome: Outcome) => void): Promise<void>;
}

/** What everybody finds in texts, and few ask for. */
const UNUSUAL: ReadonlySet<string> = /* @__PURE__ */ new Set(['DATE', 'MONEY', 'OTHER']);
const WORDS: Readonly<Record<string, string>> = { PERSON: 'person', ORG: 'organisation', LOCATION: 'place' };
/** How many places of a name in one document are kept. */
export const MOST_PLACES = 32;

/** Whether names of a type are wanted. */
export function isWanted(type: string, types: ReadonlySet<string> | undefined): boolean {
  return types === undefined ? !UNUSUAL.has(type) : types.has(type);
}

/** A name found in a document. */
export interface FoundName {
  readonly type: string;
  readonly places: readonly Place[];
  readonly confidence?: number | undefined;
}

/**
 * Two statements of each name and type of a document: what it is, and where it stands. The same name in another case is the
 * same name, and is written as it stands first.
 */
export function statementsOfNames(text: string, names: readonly FoundName[]): Statement[] {
  const known = new Map<
    string,
    { name: string; type: string; places: Map<number, Place>; confidence: number | undefined }
  >();
  for (const { type, places, confidence } of names) {
    for (const place of places) {
      const name = quoteOf(text, place);
      if (name === '') continue;
      const key = `${type}:${name.toLowerCase()}`;
      const before = known.get(key);
      if (before === undefined) {
        known.set(key, { name, type, places: new Map([[place.start, place]]), confidence });
      } else {
        if (!before.places.has(place.start)) before.places.set(place.start, place);
        if (confidence !== undefined) before.confidence = Math.max(before.confidence ?? 0, confidence);
      }
    }
  }
  return [...known.values()].flatMap(({ name, type, places, confidence }): Statement[] => [
    {
      entity: name,
      slot: 'type',
      value: WORDS[type] ?? type.toLowerCase().replaceAll('_', ' '),
      kind: 'fact',
      confidence,
    },
    {
      entity: name,
      slot: 'mentioned_at',
      value: [...places.values()]
        .toSorted((a, b) => a.start - b.start)
        .slice(0, MOST_PLACES)
        .map(({ start, end }) => `${start}-${end}`)
        .join(' '),
      kind: 'other',
      confidence,
    },
  ]);
}

const LONGEST_SHOWN = 200;

/** Something that was said and is left out. */
export function rejection(
  frameId: number,
  reason: EnrichRejection['reason'],
  said: unknown,
): EnrichRejection {
  const statement = typeof said === 'string' ? said : (JSON.stringify(said) ?? 'undefined');
  return { frameId, reason, statement: statement.slice(0, LONGEST_SHOWN) };
}
