import { invalidInput } from '@memvid/core';

/** Epoch seconds, a `Date`, or a date in words: `2023-01-15`, `01/15/2023`, `Jan 15, 2023`, ISO 8601. */
export type Timestamp = number | string | Date;

const FORMS =
  'epoch seconds, a Date, "YYYY-MM-DD", "MM/DD/YYYY", "Jan 15, 2023" or an ISO 8601 date and time';
const MONTHS = ['jan', 'feb', 'mar', 'apr', 'may', 'jun', 'jul', 'aug', 'sep', 'oct', 'nov', 'dec'];
const FULL_MONTHS =
  'january february march april may june july august september october november december'.split(' ');

/** The years that dates are written with, 0000 to 9999. */
const EARLIEST = -62_167_219_200;
const LATEST = 253_402_300_799;
/** A number from here on (the year 5138 in seconds, March 1973 in milliseconds) was meant as milliseconds. */
const MILLISECONDS_FROM = 1e11;
/** Farthest that a clock on earth is from UTC. */
const MOST_ZONE_SECONDS = 14 * 3600;

const YEAR_FIRST = /^(\d{4})-(\d{2})-(\d{2})$/;
const SLASHES = /^(\d{1,2})\/(\d{1,2})\/(\d{4})$/;
const MONTH_NAME = /^([A-Za-z]{3,9})\.?\s+(\d{1,2})(?:st|nd|rd|th)?,?\s+(\d{4})$/;
const DATE_AND_TIME =
  /^(\d{4})-(\d{2})-(\d{2})[Tt ](\d{2}):(\d{2})(?::(\d{2})(?:[.,](\d{1,9}))?)?\s*([Zz]|[+-]\d{2}:?\d{2})?$/;

/** Position of a month name, 1 to 12, whole or as its first three letters; 0 when it is no month. */
export function monthNumber(name: string): number {
  const lower = name.toLowerCase();
  const full = FULL_MONTHS.indexOf(lower);
  if (full >= 0) return full + 1;
  if (lower === 'sept') return 9;
  return lower.length === 3 ? MONTHS.indexOf(lower) + 1 : 0;
}

/** UTC midnight of a calendar day in epoch seconds, or `undefined` when there is no such day. */
export function dayToSeconds(year: number, month: number, day: number): number | undefined {
  const date = new Date(0);
  date.setUTCFullYear(year, month - 1, day);
  if (date.getUTCFullYear() !== year || date.getUTCMonth() !== month - 1 || date.getUTCDate() !== day) {
    return undefined;
  }
  return Math.floor(date.getTime() / 1000);
}

/**
 * The point in time a caller named, in whole epoch seconds (fractions are cut off).
 * A date without a time is midnight UTC; a time without a zone is UTC, on every machine the same.
 */
export function toSeconds(value: unknown, argument: string): number {
  const seconds = Math.floor(secondsOf(value));
  if (!Number.isFinite(seconds)) throw invalidInput(argument, value, FORMS);
  if (typeof value === 'number' && seconds >= MILLISECONDS_FROM) {
    throw invalidInput(argument, value, 'seconds since 1970; this looks like milliseconds, pass seconds');
  }
  if (seconds >= EARLIEST && seconds <= LATEST) return seconds;
  throw invalidInput(argument, value, 'a time in the years 0000 to 9999');
}

function secondsOf(value: unknown): number {
  if (typeof value === 'number') return value;
  if (value instanceof Date) return value.getTime() / 1000;
  return (typeof value === 'string' ? textToSeconds(value.trim()) : undefined) ?? Number.NaN;
}

export function optionalSeconds(value: unknown, argument: string): number | undefined {
  return value === undefined || value === null ? undefined : toSeconds(value, argument);
}

function textToSeconds(text: string): number | undefined {
  const yearFirst = YEAR_FIRST.exec(text);
  if (yearFirst) return dayToSeconds(Number(yearFirst[1]), Number(yearFirst[2]), Number(yearFirst[3]));
  const slashes = SLASHES.exec(text);
  if (slashes) return dayToSeconds(Number(slashes[3]), Number(slashes[1]), Number(slashes[2]));
  const named = MONTH_NAME.exec(text);
  if (named) return dayToSeconds(Number(named[3]), monthNumber(named[1] ?? ''), Number(named[2]));
  const timed = DATE_AND_TIME.exec(text);
  if (!timed) return undefined;
  const day = dayToSeconds(Number(timed[1]), Number(timed[2]), Number(timed[3]));
  const [hours, minutes, seconds] = [Number(timed[4]), Number(timed[5]), Number(timed[6] ?? 0)];
  if (day === undefined || hours > 24 || minutes > 59 || seconds > 60) return undefined;
  if (hours === 24 && (minutes > 0 || seconds > 0)) return undefined;
  const zone = zoneSeconds(timed[8]);
  return zone === undefined ? undefined : day + hours * 3600 + minutes * 60 + seconds - zone;
}

/** How far a zone is ahead of UTC; `undefined` for one that does not exist on earth. */
function zoneSeconds(zone: string | undefined): number | undefined {
  if (zone === undefined || zone === 'Z' || zone === 'z') return 0;
  const digits = zone.slice(1).replace(':', '');
  const minutes = Number(digits.slice(2));
  const size = Number(digits.slice(0, 2)) * 3600 + minutes * 60;
  if (minutes > 59 || size > MOST_ZONE_SECONDS) return undefined;
  return zone.startsWith('-') ? -size : size;
}
