import { stripVTControlCharacters } from 'node:util';

/**
 * Forms of keys that services hand out. Messages of foreign code (a provider's client, an HTTP reply) may quote
 * one; it must not travel into a log by way of our message.
 */
const KEYS =
  /\b(?:sk|pk|rk)-[A-Za-z0-9_-]{16,}|\bgh[opsur]_[A-Za-z0-9]{20,}|\bnvapi-[A-Za-z0-9_-]{16,}|\bpa-[A-Za-z0-9_-]{24,}|\bAIza[A-Za-z0-9_-]{30,}|\bAKIA[A-Z0-9]{16}\b|(?<=\b[Bb]earer )[A-Za-z0-9._~+/=-]{8,}/g;

/** `text` with everything that looks like a key, and every one of `secrets`, replaced by `[secret]`. */
export function withoutSecrets(text: string, secrets: readonly string[] = []): string {
  let clean = text.replace(KEYS, '[secret]');
  for (const secret of secrets) {
    if (secret.length > 0) clean = clean.replaceAll(secret, '[secret]');
  }
  return clean;
}

/** Characters of foreign text that are looked at; what is shown of them is less. */
export const LOOKED_AT = 16_384;
/** Characters before a cut that may be the beginning of a key of known form. */
const KEY_LENGTH = 256;

// oxlint-disable-next-line no-control-regex
const CONTROL = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]/g;

/**
 * What foreign code or a service said, as it may be repeated: without secrets in any of their usual forms, and without
 * what would move a terminal's cursor or turn its writing around. Of a long text the beginning.
 */
export function cleanText(said: string, secrets: readonly string[] = []): string {
  const forms = formsOf(secrets);
  const isCut = said.length > LOOKED_AT;
  const first = withoutSecrets(isCut ? said.slice(0, LOOKED_AT) : said, forms);
  // A key may be hidden by what is taken out between its letters.
  const clean = withoutSecrets(stripVTControlCharacters(first).replace(CONTROL, ' '), forms);
  if (!isCut) return clean;
  const longest = Math.max(KEY_LENGTH, ...forms.map(({ length }) => length));
  return `${clean.slice(0, Math.max(0, clean.length - longest))}…`;
}

/** Secrets as they stand in JSON, in addresses and in base64, the longest first: one may be a part of another. */
function formsOf(secrets: readonly string[]): string[] {
  const forms = secrets.flatMap((secret) =>
    secret === ''
      ? []
      : [
          secret,
          JSON.stringify(secret).slice(1, -1),
          encodeForm(secret),
          Buffer.from(secret).toString('base64').replace(/=+$/, ''),
        ],
  );
  return [...new Set(forms)].toSorted((left, right) => right.length - left.length);
}

function encodeForm(secret: string): string {
  try {
    return encodeURIComponent(secret);
  } catch {
    return secret; // Half a character.
  }
}

/** Entries of a list or an object, and levels of both, that are taken over from foreign data. */
const MOST_ENTRIES = 100;
const MOST_LEVELS = 4;

/** Data with every text in it cleaned; what is no data, or lies too deep, is left out. */
export function cleanData(value: unknown, secrets: readonly string[], levels: number = MOST_LEVELS): unknown {
  if (typeof value === 'string') return cleanText(value, secrets);
  if (typeof value === 'number' || typeof value === 'boolean' || value === null) return value;
  if (typeof value !== 'object' || levels === 0) return undefined;
  if (Array.isArray(value)) {
    return value.slice(0, MOST_ENTRIES).map((item) => cleanData(item, secrets, levels - 1));
  }
  return Object.fromEntries(
    Object.entries(value)
      .slice(0, MOST_ENTRIES)
      .map(([name, item]) => [cleanText(name, secrets), cleanData(item, secrets, levels - 1)]),
  );
}
