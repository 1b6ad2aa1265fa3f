import { InvalidInputError } from './errors.js';

/** Longest piece of a received value that an error repeats; whole documents do not belong into messages. */
const SHOWN_CHARACTERS = 60;

/** The error for an argument that is not what it must be: MV019 with `details` argument, received and expected. */
export function invalidInput(argument: string, received: unknown, expected: string): InvalidInputError {
  const shown = describeValue(received);
  return new InvalidInputError(`\`${argument}\` must be ${expected}, but is ${shown}`, {
    details: { argument, received: shown, expected },
  });
}

/** A value in a few words: strings in quotes and cut, numbers as they are, otherwise the type. Never throws. */
export function describeValue(value: unknown): string {
  try {
    return describe(value);
  } catch {
    // A revoked proxy, or one whose traps throw: there is nothing to be said about it.
    return 'an object that cannot be read';
  }
}

function describe(value: unknown): string {
  switch (typeof value) {
    case 'string': {
      if (value.length <= SHOWN_CHARACTERS) return JSON.stringify(value);
      return `${JSON.stringify(value.slice(0, SHOWN_CHARACTERS))}… (${value.length} characters)`;
    }
    case 'number':
    case 'boolean':
    case 'undefined':
      return String(value);
    case 'bigint':
      return `${value}n`;
    case 'function':
      return 'a function';
    case 'symbol':
      return 'a symbol';
    default:
      return describeObject(value as object | null);
  }
}

function describeObject(value: object | null): string {
  if (value === null) return 'null';
  if (Array.isArray(value)) return `an array of ${value.length}`;
  if (value instanceof Date) {
    return Number.isNaN(value.getTime()) ? 'an invalid Date' : `the Date ${value.toISOString()}`;
  }
  if (isPlainObject(value)) return 'an object';
  const name: unknown = value.constructor?.name;
  return `an instance of ${typeof name === 'string' && name !== '' ? name : 'an unnamed class'}`;
}

/**
 * Whether `value` is an object written as `{ … }`, or one without a prototype. An object that inherits from another
 * is none: what it inherits is not listed with its own keys and would be lost.
 */
export function isPlainObject(value: unknown): value is Record<string, unknown> {
  if (typeof value !== 'object' || value === null) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  if (prototype === null || prototype === Object.prototype) return true;
  // The prototype of another realm's objects (vm contexts, test runners) is not this `Object.prototype`.
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, 'isPrototypeOf');
}

/** What a text must be like. */
export interface StringRule {
  /** Refuse texts without a visible character. */
  notBlank?: boolean;
  /** Most UTF-16 code units. */
  maxLength?: number;
}

const LONE_SURROGATE = /\p{Surrogate}/u;

/**
 * Whether a text can be written as UTF-8 and read back the same: one half of a pair that stands for a character
 * alone would come back as U+FFFD.
 */
export function isWellFormed(text: string): boolean {
  const native = (text as { isWellFormed?: () => boolean }).isWellFormed;
  return native === undefined ? !LONE_SURROGATE.test(text) : native.call(text);
}

/** Checks that `value` is a string that UTF-8 can hold, and returns it. */
export function checkString(argument: string, value: unknown, rule: StringRule = {}): string {
  const { notBlank = false, maxLength = Infinity } = rule;
  if (typeof value !== 'string' || (notBlank && value.trim() === '')) {
    throw invalidInput(argument, value, notBlank ? 'a string that is not blank' : 'a string');
  }
  if (value.length > maxLength) {
    throw invalidInput(argument, value, `a string of at most ${maxLength} characters`);
  }
  if (!isWellFormed(value)) {
    throw invalidInput(argument, value, 'a string of whole characters, without a lone surrogate');
  }
  return value;
}

/** Checks that `value` is a boolean and returns it. */
export function checkBoolean(argument: string, value: unknown): boolean {
  if (typeof value !== 'boolean') throw invalidInput(argument, value, 'true or false');
  return value;
}

/** Bounds of a number, both included. */
export interface NumberRule {
  min?: number;
  max?: number;
  /** Refuse fractions and numbers that a double cannot hold exactly. */
  integer?: boolean;
}

/** Checks that `value` is a finite number within bounds and returns it. */
export function checkNumber(argument: string, value: unknown, rule: NumberRule = {}): number {
  const { min = -Infinity, max = Infinity, integer = false } = rule;
  const kind = integer ? Number.isSafeInteger(value) : Number.isFinite(value);
  if (typeof value !== 'number' || !kind || value < min || value > max) {
    throw invalidInput(argument, value, `${integer ? 'a whole number' : 'a number'}${bounds(min, max)}`);
  }
  return value;
}

/** Checks that `value` is a whole number within bounds and returns it. */
export function checkInteger(
  argument: string,
  value: unknown,
  rule: Omit<NumberRule, 'integer'> = {},
): number {
  return checkNumber(argument, value, { ...rule, integer: true });
}

function bounds(min: number, max: number): string {
  if (min === -Infinity && max === Infinity) return '';
  if (max === Infinity) return ` of at least ${min}`;
  return min === -Infinity ? ` of at most ${max}` : ` from ${min} to ${max}`;
}

/** Checks that `value` is one of `allowed` and returns it. */
export function checkOneOf<const T extends string>(
  argument: string,
  value: unknown,
  allowed: readonly T[],
): T {
  const found = allowed.find((choice) => choice === value);
  if (found === undefined) throw invalidInput(argument, value, `one of ${quoteAll(allowed)}`);
  return found;
}

function quoteAll(words: readonly string[]): string {
  return words.map((word) => JSON.stringify(word)).join(', ');
}

/**
 * Checks that `value` is an array without holes and gives a copy, which has none of the methods and properties that a
 * class of its own may have. The first hole ends the check: `new Array(4e9)` has nothing but holes, and must not be
 * walked through.
 */
export function checkArray(argument: string, value: unknown, expected = 'an array'): unknown[] {
  if (!Array.isArray(value)) throw invalidInput(argument, value, expected);
  const items: unknown[] = [];
  for (let index = 0; index < value.length; index += 1) {
    if (!(index in value)) {
      throw invalidInput(`${argument}[${index}]`, undefined, `${expected} without holes`);
    }
    items.push(value[index]);
  }
  return items;
}

/** Checks that `value` is an array of strings and returns it; the error names the first item that is none. */
export function checkStringArray(argument: string, value: unknown): string[] {
  if (!Array.isArray(value)) throw invalidInput(argument, value, 'an array of strings');
  // Holes of a sparse array come as `undefined`, so that the first one ends the loop.
  for (const [index, item] of value.entries()) checkString(`${argument}[${index}]`, item);
  return value as string[];
}

/** Checks that `value` is a plain object and returns it. */
export function checkObject(
  argument: string,
  value: unknown,
  expected = 'an object',
): Record<string, unknown> {
  if (!isPlainObject(value)) throw invalidInput(argument, value, expected);
  return value;
}

/** Applies `check` unless `value` is `undefined`. */
export function checkOptional<T>(
  argument: string,
  value: unknown,
  check: (argument: string, value: unknown) => T,
): T | undefined {
  return value === undefined ? undefined : check(argument, value);
}
