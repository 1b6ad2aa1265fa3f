import type { NativeMemory } from '@memvid/core';
import type { FindHit } from '../find.js';
import type { FrameInfo } from '../frame-info.js';
import type { Handle } from '../handle.js';
import { mask, type PersonalPlace, personalPlaces, withoutPlaces } from '../mask-pii.js';

/** How often a piece is looked for in its text: each place may cut something else. */
const MOST_PLACES = 64;

/**
 * Hits with everything in them masked. Texts are looked at together with what stands around them in their document, and
 * snippets in their text: of a number that is cut in two neither half is left.
 */
export function maskedHits(handle: Handle, hits: readonly FindHit[]): Promise<FindHit[]> {
  return handle.read('ask', (native) => hits.map((hit) => maskedHit(native, hit)));
}

function maskedHit(native: NativeMemory, hit: FindHit): FindHit {
  const { text, snippet, ...others } = hit;
  const { before, after } = textAround(native, hit);
  const whole = before + text + after;
  const places = personalPlaces(whole);
  return {
    ...masked(others),
    text: withoutPlaces(whole, places, before.length, before.length + text.length),
    snippet: maskedPiece(whole, places, snippet),
  };
}

/** What stands around the text of a hit in its document. */
function textAround(native: NativeMemory, hit: FindHit): { before: string; after: string } {
  const { frame_id: id, parent_id: parent, text } = hit;
  if (parent !== null) {
    // The parts of a document are exactly its text.
    return { before: textOf(native, id - 1, parent), after: textOf(native, id + 1, parent) };
  }
  // The newest documents come with the beginning of their text.
  const whole = textOf(native, id, parent);
  return { before: '', after: whole.startsWith(text) ? whole.slice(text.length) : '' };
}

/** The text of a frame, if it is one of this document. */
function textOf(native: NativeMemory, id: number, parent: number | null): string {
  try {
    const frame = JSON.parse(native.frame(id)) as FrameInfo;
    return frame.parent_id === parent ? native.text(id) : '';
  } catch {
    // There is none before the first part and behind the last, and a damaged one shows nothing.
    return '';
  }
}

/** A piece of a text, masked by what stands around it wherever it is found. */
function maskedPiece(whole: string, places: readonly PersonalPlace[], piece: string): string {
  if (piece === '') return piece;
  const inside: PersonalPlace[] = [];
  let at = whole.indexOf(piece);
  for (let count = 0; at >= 0 && count < MOST_PLACES; count += 1) {
    for (const { start, end, label } of places) {
      if (end > at && start < at + piece.length) inside.push({ start: start - at, end: end - at, label });
    }
    at = whole.indexOf(piece, at + 1);
  }
  // What was cut once must not show where it was not found.
  return mask(
    withoutPlaces(
      piece,
      inside.toSorted((left, right) => left.start - right.start),
    ),
  );
}

/** A value with personal data masked in every text, and in the names and numbers of `metadata`. */
export function masked<T>(value: T): T {
  return maskedValue(value, false) as T;
}

function maskedValue(value: unknown, isGiven: boolean): unknown {
  if (typeof value === 'string') return mask(value);
  if (typeof value === 'number') return isGiven ? maskedNumber(value) : value;
  if (Array.isArray(value)) return value.map((item) => maskedValue(item, isGiven));
  if (typeof value !== 'object' || value === null) return value;
  const parts = new Map<string, unknown>();
  for (const [key, part] of Object.entries(value)) {
    const isOwn = isGiven || key === 'metadata';
    let name = isGiven ? mask(key) : key;
    // Two addresses have the same mask.
    for (let count = 2; parts.has(name); count += 1) name = `${mask(key)} ${count}`;
    parts.set(name, maskedValue(part, isOwn));
  }
  return Object.fromEntries(parts);
}

/** Milliseconds since 1970, of the years 2001 to 2033: no card begins with 1. */
const EPOCH_MILLISECONDS = /^1\d{12}$/;

function maskedNumber(value: number): number | string {
  const written = String(value);
  if (EPOCH_MILLISECONDS.test(written)) return value;
  const shown = mask(written);
  return shown === written ? value : shown;
}
