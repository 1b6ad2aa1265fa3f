import {
  checkBoolean,
  checkNumber,
  checkOneOf,
  checkString,
  checkStringArray,
  createError,
  invalidInput,
  isPlainObject,
  type NumberRule,
} from '@memvid/core';
import { reading, unreadable } from './border.js';
import { edits } from './edits.js';

/**
 * Checks on optional arguments, where `undefined` and `null` both mean "not given". Each gives the value back with
 * its type, or throws `InvalidInputError` (MV019) with the argument's name, what was received and what is expected.
 */

export type Options = Readonly<Record<string, unknown>>;

/** What objects with named values call themselves: literals, instances of classes, and modules. */
const RECORD_TAGS: ReadonlySet<string> = /* @__PURE__ */ new Set(['[object Object]', '[object Module]']);

/**
 * True for objects that hold named values. Not for arrays, dates, collections, and not for promises: options that
 * somebody forgot to await would be read as no options at all.
 */
export function isRecord(value: unknown): value is Record<string, unknown> {
  return (
    typeof value === 'object' && value !== null && RECORD_TAGS.has(Object.prototype.toString.call(value))
  );
}

/** What a table holds under a name of its own: `constructor` is a member of every object. */
export function ownValue<T>(table: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(table, name) ? table[name] : undefined;
}

function isAbsent(value: unknown): value is undefined | null {
  return value === undefined || value === null;
}

/** The options argument of a call: an object, or nothing. */
export function optionsOf(value: unknown, argument: string = 'options'): Options {
  return isAbsent(value) ? {} : recordOf(value, argument, 'an object with options');
}

/**
 * `optionsOf` for a call whose answer or effect would silently be another one: unknown names are ignored, but
 * `dryrun: true` must not do what it was only to try, and `scopes: "…"` must not search everything.
 */
export function speltOptions(value: unknown, names: readonly string[], argument?: string): Options {
  const options = optionsOf(value, argument);
  refuseMisspelt(options, names);
  return options;
}

/**
 * The names of the members of `T`, which has those of `B` as well; the compiler says where one is missing. Pure, and without
 * a spread where it is called, so that bundlers leave it out with the call that needs it.
 */
export function memberNames<T, B = never>(
  members: Record<Exclude<keyof T, keyof B>, true>,
  base?: Record<keyof B, true>,
): readonly string[] {
  return Object.keys({ ...base, ...members });
}

function simplified(name: string): string {
  return name.replaceAll(/[_-]/g, '').toLowerCase();
}

/** Shorter names are too near each other (`mode`, `model`). */
const FEWEST_LETTERS = 5;

/**
 * Which of the names is meant: by `readonly` and `read_only`, `readOnly`; by what differs in a letter or two, or lacks its
 * end (`embeder`, `capacity`), the one it is nearest to.
 */
export function optionMeant(given: string, names: readonly string[]): string | undefined {
  if (names.includes(given)) return given;
  const wanted = simplified(given);
  const same = names.find((name) => simplified(name) === wanted);
  if (same !== undefined || wanted.length < FEWEST_LETTERS) return same;
  const begun = names.filter((name) => simplified(name).startsWith(wanted));
  if (begun.length === 1) return begun[0];
  const most = wanted.length === FEWEST_LETTERS ? 1 : 2;
  const near = names
    .filter((name) => name.length >= FEWEST_LETTERS && Math.abs(name.length - wanted.length) <= most)
    .map((name) => ({ name, distance: edits(wanted, simplified(name)) }))
    .toSorted((left, right) => left.distance - right.distance)[0];
  return near !== undefined && near.distance <= most ? near.name : undefined;
}

/** Refuses what is one of the names in another spelling. */
export function refuseMisspelt(options: Options, names: readonly string[]): void {
  for (const [given, value] of Object.entries(options)) {
    const meant = optionMeant(given, names);
    if (meant === undefined || meant === given || isAbsent(value)) continue;
    const isSpelling = simplified(meant) === simplified(given);
    const instead = isSpelling ? `it is spelt \`${meant}\`` : `did you mean \`${meant}\`?`;
    throw createError('MV019', `There is no option \`${given}\`; ${instead}`, {
      details: { argument: given, received: given, expected: meant },
      suggestion: `Write \`${meant}\` instead of \`${given}\`.`,
    });
  }
}

/**
 * The named values of an object, read once and now: getters that throw do so here, where the argument can be named,
 * and what the caller changes afterwards changes nothing.
 */
export function recordOf(value: unknown, argument: string, expected: string): Options {
  const object = reading(argument, () => (isRecord(value) ? value : undefined));
  if (object === undefined) throw invalidInput(argument, value, expected);
  const read: Record<string, unknown> = Object.create(null);
  // One net around all of it: a net for each name would take longer than the reading.
  let at: string | undefined;
  try {
    for (const name of namesOf(object)) {
      at = name;
      read[name] = object[name];
    }
  } catch (error) {
    throw unreadable(at === undefined ? argument : `${argument}.${at}`, error);
  }
  return read;
}

/** Own names, and those of the classes an object is an instance of: options may be getters of a class. */
function namesOf(object: object): string[] {
  if (isPlainObject(object)) return Object.keys(object);
  const names = new Set<string>();
  let from: object | null = object;
  while (from !== null && from !== Object.prototype) {
    for (const name of Object.getOwnPropertyNames(from)) if (name !== 'constructor') names.add(name);
    from = Object.getPrototypeOf(from) as object | null;
  }
  return [...names];
}

export function filledString(value: unknown, argument: string): string {
  return checkString(argument, value, { notBlank: true });
}

/** Longest path of any system. */
const MOST_PATH_CHARACTERS = 32_767;

/** The path of a file or folder. The system ends a path at a NUL, so that one with it would name another file. */
export function pathOf(value: unknown, argument: string): string {
  const path = checkString(argument, value, { notBlank: true, maxLength: MOST_PATH_CHARACTERS });
  if (path.includes('\0')) throw invalidInput(argument, value, 'a path without NUL characters');
  return path;
}

export function optionalPath(value: unknown, argument: string): string | undefined {
  return isAbsent(value) ? undefined : pathOf(value, argument);
}

/** Longest query in UTF-16 code units: longer than any question, shorter than any document to be worth searching by. */
const MOST_QUERY_CHARACTERS = 32_768;

export function queryOf(value: unknown, argument: string): string {
  return checkString(argument, value, { notBlank: true, maxLength: MOST_QUERY_CHARACTERS });
}

export function optionalString(value: unknown, argument: string): string | undefined {
  return isAbsent(value) ? undefined : checkString(argument, value);
}

export function optionalFilledString(value: unknown, argument: string): string | undefined {
  return isAbsent(value) ? undefined : filledString(value, argument);
}

export function optionalBoolean<const T extends boolean | undefined>(
  value: unknown,
  argument: string,
  fallback: T,
): boolean | T {
  return isAbsent(value) ? fallback : checkBoolean(argument, value);
}

export function optionalStrings(value: unknown, argument: string): string[] | undefined {
  return isAbsent(value) ? undefined : [...checkStringArray(argument, value)];
}

/** A function. What it takes cannot be looked at: that it fits is the type's to say. */
export function optionalFunction<T extends (...given: never[]) => unknown>(
  value: unknown,
  argument: string,
): T | undefined {
  if (isAbsent(value)) return undefined;
  if (typeof value !== 'function') throw invalidInput(argument, value, 'a function');
  return value as T;
}

export function optionalNumber(value: unknown, argument: string, rule: NumberRule): number | undefined {
  return isAbsent(value) ? undefined : checkNumber(argument, value, rule);
}

/** How many results may be asked for. More than the engine counts in 32 bits means all of them. */
export function countOption(value: unknown, argument: string, fallback: number): number {
  return Math.min(optionalNumber(value, argument, { min: 1, integer: true }) ?? fallback, 0xffff_ffff);
}

export function optionalOneOf<const T extends string>(
  value: unknown,
  argument: string,
  allowed: readonly T[],
): T | undefined {
  return isAbsent(value) ? undefined : checkOneOf(argument, value, allowed);
}

/** Options that have a meaning elsewhere and none here: MV019, so that nobody takes them for heeded. */
export function refuseOptions(given: Options, at: string, refused: Readonly<Record<string, string>>): void {
  for (const name of Object.keys(refused)) {
    if (!isAbsent(given[name])) {
      throw invalidInput(`${at}${name}`, given[name], `left out here: ${refused[name]}`);
    }
  }
}

/** A frame id as `put` returns it (a string of digits) or as hits carry it (a number). */
export function optionalFrameId(value: unknown, argument: string): number | undefined {
  return isAbsent(value) ? undefined : frameId(value, argument);
}

export function frameId(value: unknown, argument: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= 0) return value;
  if (typeof value === 'string' && /^\d{1,16}$/.test(value)) {
    const id = Number(value);
    if (Number.isSafeInteger(id)) return id;
  }
  throw invalidInput(
    argument,
    value,
    'a frame id (a whole number from 0, or the same as a string of digits)',
  );
}
