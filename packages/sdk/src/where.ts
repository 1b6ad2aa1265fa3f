import { invalidInput } from '@memvid/core';
import { isRecord } from './check.js';

/** A value to compare with: JSON, or a `Date` in the form the field has. */
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
 * `timestamp` (epoch seconds), `dates` (`YYYY-MM-DD`), `frame_id` and every field of `metadata` (`author`,
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
 * Checks a filter and gives the form the engine evaluates. `undefined` stays `undefined`. An unknown operator is
 * refused by name instead of matching nothing.
 */
export function whereOf(value: unknown, argument: string): Where | undefined {
  if (value === undefined || value === null) return undefined;
  return groupOf(value, argument, 0);
}

/** True when a filter says nothing, so that a bulk delete by it would delete everything. */
export function isEmptyWhere(where: Where): boolean {
  return Object.entries(where).every(
    ([key, part]) => (key === '$and' || key === '$or') && (part as readonly Where[]).every(isEmptyWhere),
  );
}

function groupOf(value: unknown, argument: string, depth: number): Where {
  if (!isRecord(value)) throw invalidInput(argument, value, 'a filter object such as { field: value }');
  checkDepth(argument, value, depth);
  const result: Where = {};
  for (const [key, part] of Object.entries(value)) {
    if (part === undefined) continue;
    const at = `${argument}.${key}`;
    if (key === '$and' || key === '$or') {
      if (!Array.isArray(part) || part.length === 0) {
        throw invalidInput(at, part, 'an array of one or more filters');
      }
      result[key] = part.map((item, index) => groupOf(item, `${at}[${index}]`, depth + 1));
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

function conditionOf(
  value: unknown,
  argument: string,
  field: string,
  depth: number,
): WhereValue | WhereOperators {
  if (!isRecord(value)) return valueOf(value, argument, field, depth);
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
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
      if (!Array.isArray(part)) throw invalidInput(at, part, 'an array of values');
      return part.map((item, index) => valueOf(item, `${at}[${index}]`, field, depth));
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
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value instanceof Date && Number.isFinite(value.getTime())) return dateOf(value, field);
  checkDepth(argument, value, depth);
  if (Array.isArray(value)) {
    return value.map((item, index) => valueOf(item, `${argument}[${index}]`, field, depth + 1));
  }
  if (isRecord(value)) {
    return Object.fromEntries(
      Object.entries(value)
        .filter(([, part]) => part !== undefined)
        .map(([key, part]) => [key, valueOf(part, `${argument}.${key}`, field, depth + 1)]),
    );
  }
  throw invalidInput(argument, value, 'a JSON value or a Date');
}

/** A date as the field holds it: seconds in `timestamp`, days in `dates`, ISO 8601 in metadata. */
function dateOf(date: Date, field: string): string | number {
  switch (field) {
    case 'timestamp':
      return Math.floor(date.getTime() / 1000);
    case 'dates':
    case 'content_dates':
      return date.toISOString().slice(0, 10);
    case 'created_at':
      return date.toISOString().replace(/\.\d{3}Z$/, 'Z');
    default:
      return date.toISOString();
  }
}

function checkDepth(argument: string, value: unknown, depth: number): void {
  if (depth > DEEPEST) {
    throw invalidInput(argument.slice(0, 80), value, `a filter nested at most ${DEEPEST} deep`);
  }
}
