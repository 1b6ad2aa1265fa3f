import { checkArray, checkString, invalidInput, isPlainObject } from '@memvid/core';
import { reading } from './border.js';
import { frameId } from './check.js';
import { toSeconds } from './timestamps.js';

/** A value to compare with: JSON, or a `Date`. What is compared with a field that is a time may be any `Timestamp`. */
export type WhereValue =
  | string
  | number
  | boolean
  | null
  | Date
  | readonly WhereValue[]
  | { readonly [key: string]: WhereValue };

/** Conditions on one field, all of which must hold. */
export interface WhereOperators {
  $eq?: WhereValue;
  $ne?: WhereValue;
  $gt?: string | number | Date;
  $gte?: string | number | Date;
  $lt?: string | number | Date;
  $lte?: string | number | Date;
  $in?: readonly WhereValue[];
  $nin?: readonly WhereValue[];
  $exists?: boolean;
  $not?: WhereOperators | WhereValue;
}

/**
 * A filter over what documents carry beside their text: `title`, `uri`, `kind`, `track`, `tags`, `labels`,
 * `timestamp`, `created_at`, `dates`, `frame_id` and every field of `metadata` (`author`,
 * `address.city`). `{ field: value }` means equal; a list field matches when one of its items does; `null` also
 * matches a field that is missing. Fields side by side must all match.
 */
export interface Where {
  $and?: readonly Where[];
  $or?: readonly Where[];
  $not?: Where;
  [field: string]: WhereValue | WhereOperators | readonly Where[] | Where | undefined;
}

const COMPARISONS: ReadonlySet<string> = /* @__PURE__ */ new Set(['$gt', '$gte', '$lt', '$lte']);
const OPERATORS = '$eq, $ne, $gt, $gte, $lt, $lte, $in, $nin, $exists, $not';
/** Deeper than any filter a person writes, shallow enough for every stack. */
const DEEPEST = 32;

/**
 * Checks a filter and gives the form the engine evaluates. `undefined` stays `undefined`. Whatever cannot be a
 * condition is refused by name: a condition that is dropped selects more than was meant.
 */
export function whereOf(value: unknown, argument: string): Where | undefined {
  if (value === undefined || value === null) return undefined;
  return reading(argument, () => groupOf(value, argument, 0));
}

/** True when a filter says nothing, so that a bulk delete by it would delete everything. */
export function isEmptyWhere(where: Where): boolean {
  return Object.entries(where).every(
    ([key, part]) => (key === '$and' || key === '$or') && (part as readonly Where[]).every(isEmptyWhere),
  );
}

function groupOf(value: unknown, argument: string, depth: number): Where {
  checkDepth(argument, value, depth);
  // Without a prototype, so that a field named `__proto__` is one like any other.
  const result: Where = Object.create(null);
  for (const [key, part] of entriesOf(value, argument, 'a filter object such as { field: value }')) {
    const at = `${argument}.${key}`;
    if (key === '$and' || key === '$or') {
      if (!Array.isArray(part) || part.length === 0) {
        throw invalidInput(at, part, 'an array of one or more filters');
      }
      result[key] = checkArray(at, part, 'an array of filters').map((item, index) =>
        groupOf(item, `${at}[${index}]`, depth + 1),
      );
    } else if (key === '$not') {
      result[key] = groupOf(part, at, depth + 1);
    } else if (key.startsWith('$')) {
      throw invalidInput(at, key, '$and, $or, $not or the name of a field');
    } else {
      result[key] = conditionOf(part, at, key, depth);
    }
  }
  return result;
}

/** The entries of a plain object whose values are all there. Others hold, or hide, what is not listed. */
function entriesOf(value: unknown, argument: string, expected: string): [string, unknown][] {
  if (!isPlainObject(value)) throw invalidInput(argument, value, expected);
  if (Object.getOwnPropertySymbols(value).length > 0) {
    throw invalidInput(argument, 'an object with a symbol as key', expected);
  }
  const entries = Object.entries(value);
  for (const [key, part] of entries) {
    checkString(`${argument} (key)`, key);
    if (part === undefined) {
      throw invalidInput(`${argument}.${key}`, part, 'a value; leave the key out when there is none');
    }
  }
  return entries;
}

function conditionOf(
  value: unknown,
  argument: string,
  field: string,
  depth: number,
): WhereValue | WhereOperators {
  if (!isPlainObject(value)) return valueOf(value, argument, field, depth);
  const entries = entriesOf(value, argument, `a value or one of ${OPERATORS}`);
  if (entries.length === 0) throw invalidInput(argument, value, `a value or one of ${OPERATORS}`);
  // An object without operators is a value to be equal to.
  if (!entries.some(([key]) => key.startsWith('$'))) return valueOf(value, argument, field, depth);
  checkDepth(argument, value, depth);
  return Object.fromEntries(
    entries.map(([operator, part]) => [
      operator,
      operandOf(operator, part, `${argument}.${operator}`, field, depth),
    ]),
  ) as WhereOperators;
}

function operandOf(operator: string, part: unknown, at: string, field: string, depth: number): unknown {
  if (COMPARISONS.has(operator)) {
    const operand = valueOf(part, at, field, depth);
    if (typeof operand !== 'number' && typeof operand !== 'string') {
      throw invalidInput(at, part, 'a number, a string or a Date');
    }
    return operand;
  }
  switch (operator) {
    case '$eq':
    case '$ne':
      return valueOf(part, at, field, depth);
    case '$in':
    case '$nin':
      return checkArray(at, part, 'an array of values').map((item, index) =>
        valueOf(item, `${at}[${index}]`, field, depth),
      );
    case '$exists':
      if (typeof part !== 'boolean') throw invalidInput(at, part, 'true or false');
      return part;
    case '$not':
      return conditionOf(part, at, field, depth + 1);
    default:
      throw invalidInput(at, operator, `one of ${OPERATORS}`);
  }
}

function valueOf(value: unknown, argument: string, field: string, depth: number): WhereValue {
  if (TIMES.has(field) && value !== null) return timeOf(value, argument, field);
  // An id as `put` gives it would be compared with a number, and match nothing.
  if (field === 'frame_id' && typeof value === 'string') return frameId(value, argument);
  if (typeof value === 'string') return checkString(argument, value);
  if (value === null || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value instanceof Date && Number.isFinite(value.getTime())) return value.toISOString();
  checkDepth(argument, value, depth);
  if (Array.isArray(value)) {
    return checkArray(argument, value, 'an array of values').map((item, index) =>
      valueOf(item, `${argument}[${index}]`, field, depth + 1),
    );
  }
  // `fromEntries` defines keys, it does not assign them: `__proto__` becomes one too.
  return Object.fromEntries(
    entriesOf(value, argument, 'a JSON value or a Date').map(([key, part]) => [
      key,
      valueOf(part, `${argument}.${key}`, field, depth + 1),
    ]),
  );
}

/** The fields that are times, in other forms than a person writes: a text would be compared with a number, and match nothing. */
const TIMES: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'timestamp',
  'created_at',
  'dates',
  'content_dates',
]);

/** A time in the form its field has: seconds in `timestamp`, days in `dates`, ISO 8601 in `created_at`. */
function timeOf(value: unknown, argument: string, field: string): string | number {
  const seconds = toSeconds(value, argument);
  // Fractions make a difference to comparisons.
  if (field === 'timestamp') return typeof value === 'number' ? value : seconds;
  const text = new Date(seconds * 1000).toISOString();
  return field === 'created_at' ? text.replace('.000Z', 'Z') : text.slice(0, 10);
}

function checkDepth(argument: string, value: unknown, depth: number): void {
  if (depth > DEEPEST) {
    throw invalidInput(argument.slice(0, 80), value, `a filter nested at most ${DEEPEST} deep`);
  }
}
