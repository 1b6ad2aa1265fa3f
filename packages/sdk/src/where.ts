import { isRecord } from './check.js';
import { invalidInput } from '@memvid/core';

export type WhereValue = string | number | boolean | null;

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
}

/**
 * A filter over what documents carry beside their text: `title`, `uri`, `kind`, `track`, `tags`, `labels`,
 * `timestamp` (epoch seconds), `content_dates` (`YYYY-MM-DD`) and every field of `metadata` (`author`,
 * `address.city`). `{ field: value }` means equal; a list field matches when one of its items does.
 */
export interface Where {
  $and?: readonly Where[];
  $or?: readonly Where[];
  $not?: Where;
  [field: string]: WhereValue | Date | WhereOperators | readonly Where[] | Where | undefined;
}

const VALUE_OPERATORS = ['$eq', '$ne', '$gt', '$gte', '$lt', '$lte'];
const LIST_OPERATORS = ['$in', '$nin'];
const ALL_OPERATORS = [...VALUE_OPERATORS, ...LIST_OPERATORS, '$exists'];
const GROUPS = ['$and', '$or', '$not'];
/** Deeper than any filter a person writes, shallow enough for every stack. */
const DEEPEST = 32;

/**
 * Checks a filter and gives the form the engine evaluates (dates as epoch seconds). `undefined` stays
 * `undefined`. An unknown operator is refused by name instead of matching nothing.
 */
export function whereOf(value: unknown, argument: string): Where | undefined {
  if (value === undefined || value === null) return undefined;
  return groupOf(value, argument, 0);
}

/** True when a filter says nothing, so that a bulk delete by it would delete everything. */
export function isEmptyWhere(where: Where): boolean {
  return Object.entries(where).every(([key, part]) => {
    if (key === '$and' || key === '$or') return (part as readonly Where[]).every(isEmptyWhere);
    return false;
  });
}

function groupOf(value: unknown, argument: string, depth: number): Where {
  if (!isRecord(value)) throw invalidInput(argument, value, 'a filter object such as { field: value }');
  if (depth > DEEPEST) throw invalidInput(argument, value, `a filter nested at most ${DEEPEST} deep`);
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
      throw invalidInput(at, key, `one of ${GROUPS.join(', ')} or a field name`);
    } else {
      result[key] = conditionOf(part, at);
    }
  }
  return result;
}

function conditionOf(value: unknown, argument: string): WhereValue | WhereOperators {
  if (!isRecord(value)) return valueOf(value, argument);
  const entries = Object.entries(value).filter(([, part]) => part !== undefined);
  if (entries.length === 0) {
    throw invalidInput(argument, value, `a value or one of ${ALL_OPERATORS.join(', ')}`);
  }
  const result: Record<string, unknown> = {};
  for (const [operator, part] of entries) {
    const at = `${argument}.${operator}`;
    if (LIST_OPERATORS.includes(operator)) {
      if (!Array.isArray(part)) throw invalidInput(at, part, 'an array of values');
      result[operator] = part.map((item, index) => valueOf(item, `${at}[${index}]`));
    } else if (operator === '$exists') {
      if (typeof part !== 'boolean') throw invalidInput(at, part, 'true or false');
      result[operator] = part;
    } else if (VALUE_OPERATORS.includes(operator)) {
      const checked = valueOf(part, at);
      const ordered = operator !== '$eq' && operator !== '$ne';
      if (ordered && typeof checked !== 'number' && typeof checked !== 'string') {
        throw invalidInput(at, part, 'a number, a string or a Date');
      }
      result[operator] = checked;
    } else {
      throw invalidInput(at, operator, `one of ${ALL_OPERATORS.join(', ')}`);
    }
  }
  return result as WhereOperators;
}

function valueOf(value: unknown, argument: string): WhereValue {
  if (value === null || typeof value === 'string' || typeof value === 'boolean') return value;
  if (typeof value === 'number' && Number.isFinite(value)) return value;
  if (value instanceof Date && Number.isFinite(value.getTime())) return Math.floor(value.getTime() / 1000);
  throw invalidInput(argument, value, 'a string, a finite number, true, false, null or a Date');
}
