import { invalidInput } from '@memvid/core';

const API_KEYS = [
  /(?<![A-Za-z0-9])(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}/g,
  /(?<![A-Za-z0-9])(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})/g,
  /(?<![A-Za-z0-9])(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,})/g,
  /(?<![A-Za-z0-9])(?:nvapi-[A-Za-z0-9_-]{16,}|mv2_[A-Za-z0-9_-]{8,}|AIza[A-Za-z0-9_-]{30,})/g,
  /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  // A JSON Web Token: header and payload both begin with `{"` in base64. Where the first beginning in a row of letters is
  // none, no later one is; looking from each of thousands takes their square.
  /(?<![A-Za-z0-9])eyJ(?<!(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]*?eyJ)[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
  // `api_key = …`, `AWS_SECRET_ACCESS_KEY=…`: the name stays, so that the text can still be read. What has a digit is no word.
  /(?=[\w./+-]{16})(?<=(?<![a-z0-9])(?:api[_-]?key|secret(?:[_-](?:access[_-])?key)?|access[_-]?token)(?:\s*[:=]\s*["']?|\s+))(?=[\w./+-]*\d)[\w./+-]{16,}={0,2}/gi,
  // Behind this nothing so long is a word.
  /(?=[\w./+~-]{16})(?<=(?<![a-z0-9])bearer(?:\s*[:=]\s*["']?|\s+))[\w./+~-]{16,}={0,2}/gi,
];
/** Invisible characters may stand in one: a soft hyphen, a joiner. */
const EMAIL =
  /(?<![\p{L}\p{M}\p{N}\p{Cf}._%+-])[\p{L}\p{M}\p{N}\p{Cf}._%+-]{1,64}@(?:[\p{L}\p{M}\p{N}\p{Cf}-]+\.)+\p{L}{2,}/gu;
const SSN = /(?<![\w-])\d{3}-\d{2}-\d{4}(?![\w-])/g;
/** Groups of four as printed on a card, or 13 to 19 digits in a row that pass the check digit. */
const CARD = /(?<![\w.-])(?:\d{4}([ -])\d{4}\1\d{4}\1\d{4}|\d{4}([ -])\d{6}\2\d{5}|\d{13,19})(?![\w-])/g;
const OCTET = '(?:25[0-5]|2[0-4]\\d|1?\\d?\\d)';
const IP_V4 = new RegExp(String.raw`(?<![\w.])${OCTET}(?:\.${OCTET}){3}(?![\w]|\.\d)`, 'g');
const IP_V6 =
  /(?<![\w:.])(?:(?:[0-9a-f]{1,4}:){7}[0-9a-f]{1,4}|(?=(?:[0-9a-f]{0,4}:){2,7}[0-9a-f]{0,4}(?![\w:]))(?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{0,4}::(?:[0-9a-f]{1,4}:){0,6}[0-9a-f]{1,4})(?![\w:])/gi;
/** North American numbers, with or without separators. */
const PHONE_NATIONAL = /(?<![\w.+/-])(?:1[ .-])?(?:\(\d{3}\) ?|\d{3}[ .-])\d{3}[ .-]\d{4}(?![\w-])/g;
const PHONE_DIGITS = /(?<![\w.+/-])[2-9]\d{2}[2-9]\d{6}(?![\w.-])/g;
/** `+`, or `00` and digits apart, and 8 to 15 digits in groups. */
const PHONE_INTERNATIONAL =
  /(?<![\w+])(?:\+\d{1,3}|00 ?[1-9]\d{0,2}(?=[ .(-]))(?:[ .-]?\(?\d{1,5}\)?){2,6}(?![\w-])/g;

/** Blanks, hyphens and wide forms that are other characters than those of ASCII. */
const LIKE_ASCII = /[\u00A0\u2000-\u200A\u202F\u205F\u3000\u2010-\u2015\u2212\uFE58\uFE63\uFF01-\uFF5E]/g;
/** Stands for each character that is found, so that places stay what they are. No pattern has it. */
const FOUND = '\uE000';

/**
 * Replaces personal data and credentials in a text by `[EMAIL]`, `[SSN]`, `[PHONE]`, `[CREDIT_CARD]`,
 * `[IP_ADDRESS]` and `[API_KEY]`. Credentials go first, so that no other rule eats a part of them.
 * Works by shape: it is a safety net for what is shown and sent, not a proof that nothing remains.
 */
export function maskPii(text: string): string {
  // Any string: half a character at the end of a cut text is no reason to leave it unmasked.
  if (typeof text !== 'string') throw invalidInput('text', text, 'a string');
  return mask(text);
}

/** The same on text that is known to be a string. */
export function mask(text: string): string {
  return withoutPlaces(text, personalPlaces(text));
}

/** A place in a text, and what to write for it. */
export interface PersonalPlace {
  readonly start: number;
  readonly end: number;
  readonly label: string;
}

/** Where personal data and credentials stand in a text, in order. */
export function personalPlaces(text: string): PersonalPlace[] {
  const places: PersonalPlace[] = [];
  let rest = text.replace(LIKE_ASCII, asciiOf);
  const take = (pattern: RegExp, label: string, accepts?: (found: string) => boolean): void => {
    rest = rest.replace(pattern, (found: string, ...given: unknown[]) => {
      if (accepts?.(found) === false) return found;
      const start = given.at(-2) as number;
      places.push({ start, end: start + found.length, label });
      return FOUND.repeat(found.length);
    });
  };
  for (const pattern of API_KEYS) take(pattern, '[API_KEY]');
  take(EMAIL, '[EMAIL]');
  take(SSN, '[SSN]');
  take(CARD, '[CREDIT_CARD]', isCard);
  take(IP_V4, '[IP_ADDRESS]');
  take(IP_V6, '[IP_ADDRESS]');
  take(PHONE_INTERNATIONAL, '[PHONE]', isPhone);
  take(PHONE_NATIONAL, '[PHONE]');
  take(PHONE_DIGITS, '[PHONE]');
  return places.toSorted((left, right) => left.start - right.start);
}

/** A part of a text without its personal places; one that lies across an end of the part is left out as a whole. */
export function withoutPlaces(
  text: string,
  places: readonly PersonalPlace[],
  from: number = 0,
  to: number = text.length,
): string {
  let shown = '';
  let at = from;
  for (const { start, end, label } of places) {
    if (end <= at || start >= to) continue;
    shown += text.slice(at, Math.max(at, start)) + label;
    at = end;
  }
  return shown + text.slice(at, Math.max(at, to));
}

function asciiOf(found: string): string {
  const ascii = found.normalize('NFKC');
  return ascii <= '~' ? ascii : '-';
}

function isCard(found: string): boolean {
  return /[ -]/.test(found) || hasCheckDigit(found);
}

function isPhone(found: string): boolean {
  const digits = found.replace(/\D/g, '').length;
  return digits >= 8 && digits <= 15;
}

/** The Luhn sum every card number obeys; without it any long number would be masked. */
function hasCheckDigit(digits: string): boolean {
  let sum = 0;
  for (let index = 0; index < digits.length; index += 1) {
    const digit = Number(digits[digits.length - 1 - index]);
    const doubled = index % 2 === 1 ? digit * 2 : digit;
    sum += doubled > 9 ? doubled - 9 : doubled;
  }
  return sum % 10 === 0;
}
