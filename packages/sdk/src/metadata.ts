import { checkArray, checkString, invalidInput, isPlainObject } from '@memvid/core';
import { reading } from './border.js';

/** Levels of objects and arrays, the metadata itself included: what JSON readers of other programs take. */
const DEEPEST = 100;
/** A path through a hundred levels is no name a person reads. */
const MOST_SHOWN = 80;
const EXPECTED = 'an object of JSON values';

/**
 * JSON text of an object that a caller gives as metadata, or MV019 naming the part that JSON cannot hold. Only plain
 * objects and arrays may be inside; a `Date` becomes its ISO 8601 text, a key whose value is `undefined` is left out,
 * and in an array `undefined` becomes `null`, all as JSON does it.
 */
export function metadataOf(value: unknown, argument: string): string | undefined {
  if (value === undefined || value === null) return undefined;
  return reading(argument, () => {
    if (!isPlainObject(value)) throw invalidInput(argument, value, EXPECTED);
    return objectText(value, argument, []);
  });
}

/** Built as text: an object to be filled would take a key named `__proto__` for its prototype. */
function objectText(value: Record<string, unknown>, argument: string, parents: readonly object[]): string {
  const inside = entering(value, argument, parents);
  const parts: string[] = [];
  for (const [key, part] of Object.entries(value)) {
    if (part === undefined) continue;
    const name = JSON.stringify(checkString(`${argument} (key)`, key));
    parts.push(`${name}:${valueText(part, `${argument}.${key}`, inside)}`);
  }
  return `{${parts.join(',')}}`;
}

function arrayText(value: readonly unknown[], argument: string, parents: readonly object[]): string {
  const inside = entering(value, argument, parents);
  const items = checkArray(argument, value).map((item, index) =>
    item === undefined ? 'null' : valueText(item, `${argument}[${index}]`, inside),
  );
  return `[${items.join(',')}]`;
}

function valueText(value: unknown, argument: string, parents: readonly object[]): string {
  if (value === null || typeof value === 'boolean') return String(value);
  if (typeof value === 'string') return JSON.stringify(checkString(argument, value));
  if (typeof value === 'number' && Number.isFinite(value)) return JSON.stringify(value);
  if (value instanceof Date && Number.isFinite(value.getTime())) return JSON.stringify(value);
  if (Array.isArray(value)) return arrayText(value, argument, parents);
  if (isPlainObject(value)) return objectText(value, argument, parents);
  throw invalidInput(argument, value, 'a JSON value');
}

/** One level down, unless it is too deep or the way back up. */
function entering(value: object, argument: string, parents: readonly object[]): readonly object[] {
  const place = argument.slice(0, MOST_SHOWN);
  if (parents.includes(value)) throw invalidInput(place, 'an object that refers to itself', EXPECTED);
  if (parents.length >= DEEPEST) {
    throw invalidInput(place, 'nested deeper', `${EXPECTED}, nested at most ${DEEPEST} levels deep`);
  }
  return [...parents, value];
}
