import { invalidInput } from '@memvid/core';

const API_KEYS = [
  /(?<![A-Za-z0-9])(?:sk|pk|rk)[-_][A-Za-z0-9_-]{16,}/g,
  /(?<![A-Za-z0-9])(?:gh[opsur]_[A-Za-z0-9]{20,}|github_pat_[A-Za-z0-9_]{20,}|glpat-[A-Za-z0-9_-]{16,})/g,
  /(?<![A-Za-z0-9])(?:xox[abeoprs]-[A-Za-z0-9-]{10,}|hf_[A-Za-z0-9]{20,}|npm_[A-Za-z0-9]{30,})/g,
  /(?<![A-Za-z0-9])(?:nvapi-[A-Za-z0-9_-]{16,}|mv2_[A-Za-z0-9_-]{8,}|AIza[A-Za-z0-9_-]{30,})/g,
  /(?<![A-Za-z0-9])(?:AKIA|ASIA)[A-Z0-9]{16}(?![A-Za-z0-9])/g,
  // A JSON Web Token: header and payload both begin with `{"` in base64.
  /(?<![A-Za-z0-9])eyJ[A-Za-z0-9_-]{8,}\.eyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g,
];
/** `api_key = …`, `token: …`: the name stays, so that the text can still be read. */
const NAMED_KEY =
  /\b(api[_-]?key|secret|access[_-]?token|bearer)(\s*[:=]\s*["']?|\s+)(?=[A-Za-z0-9_./+-]*\d)([A-Za-z0-9_./+-]{16,}={0,2})/gi;
const EMAIL = /(?<![A-Za-z0-9._%+-])[A-Za-z0-9._%+-]{1,64}@(?:[\p{L}\p{N}-]+\.)+\p{L}{2,}/gu;
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
/** `+` and 8 to 15 digits in groups. */
const PHONE_INTERNATIONAL = /(?<![\w+])\+\d{1,3}(?:[ .-]?\(?\d{1,5}\)?){2,6}(?![\w-])/g;

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
  let masked = text;
  for (const pattern of API_KEYS) masked = masked.replace(pattern, '[API_KEY]');
  masked = masked.replace(NAMED_KEY, '$1$2[API_KEY]');
  masked = masked.replace(EMAIL, '[EMAIL]').replace(SSN, '[SSN]');
  masked = masked.replace(CARD, (found: string) => (isCard(found) ? '[CREDIT_CARD]' : found));
  masked = masked.replace(IP_V4, '[IP_ADDRESS]').replace(IP_V6, '[IP_ADDRESS]');
  masked = masked.replace(PHONE_INTERNATIONAL, (found: string) => (isPhone(found) ? '[PHONE]' : found));
  return masked.replace(PHONE_NATIONAL, '[PHONE]').replace(PHONE_DIGITS, '[PHONE]');
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
