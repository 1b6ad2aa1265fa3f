import { invalidInput } from '../validate.js';
import { checkSecret } from './environment-checks.js';

/** How a service is reached. */
export interface ConnectionOptions {
  /** Default: the environment variable of the service, read with each request. */
  apiKey?: string | undefined;
  /** Default: the address of the service. */
  baseURL?: string | undefined;
  /** The same under the name the reference gives it. */
  baseUrl?: string | undefined;
  /** More headers of each request. What stands in them is kept out of errors, as the key is. */
  headers?: Readonly<Record<string, string>> | undefined;
  fetch?: typeof globalThis.fetch | undefined;
}

/** What is no string is MV019 at once; of a key or a header the value is not shown. */
export function checkConnection({ apiKey, baseURL, headers, fetch }: ConnectionOptions): void {
  checkSecret('apiKey', apiKey);
  checkSecret('baseURL', baseURL);
  for (const [name, value] of Object.entries(headers ?? {})) checkSecret(`headers.${name}`, value);
  if (fetch !== undefined && fetch !== null && typeof fetch !== 'function') {
    throw invalidInput('fetch', fetch, 'a function');
  }
}

/** What a failed request must not tell: the key, the values of headers, and the secrets of addresses, given or of the environment. */
export function secretsOfCall(
  key: string,
  { baseURL, baseUrl, headers }: ConnectionOptions,
  variables: readonly string[],
): string[] {
  const addresses = [baseURL, baseUrl, ...addressesOf(variables)];
  return [key, ...secretsOf(headers), ...addresses.flatMap(secretsOfAddress)];
}

/** Shorter values (`1`, `json`) are no secrets, and would be cut out of every word. */
const SHORTEST_SECRET = 6;

/** The values of headers as a gateway may repeat them: whole, and without the scheme before them. */
function secretsOf(headers: ConnectionOptions['headers']): string[] {
  return Object.values(headers ?? {})
    .flatMap((value) => [value, value.replace(/^\S+\s+/, '')].map((part) => part.trim()))
    .filter((part) => part.length >= SHORTEST_SECRET);
}

/** The addresses of the service in the environment, which stand beside the key: `ACME_BASE_URL`, `ACME_API_URL`. */
function addressesOf(variables: readonly string[]): (string | undefined)[] {
  return variables.flatMap((name) => {
    const prefix = name.split('_')[0] ?? name;
    return [process.env[`${prefix}_BASE_URL`], process.env[`${prefix}_API_URL`]];
  });
}

/** What of an address is nobody else's business: its user and password, its query, and all of one that is none. */
function secretsOfAddress(address: string | undefined): string[] {
  if (address === undefined || address === null || address.trim() === '') return [];
  try {
    const { username, password, searchParams, search, hash } = new URL(address.trim());
    const written = /^[^/]*\/\/([^/@]*)@/.exec(address.trim())?.[1] ?? '';
    const parts = [
      password,
      username,
      ...written.split(':'),
      ...searchParams.values(),
      search.slice(1),
      hash.slice(1),
    ];
    // The whole of it covers those too that are short.
    const whole = username + password + search + hash === '' ? [] : [address.trim()];
    const long = parts.flatMap((part) => [part, decoded(part)]);
    return [...whole, ...long.filter((part) => part.length >= SHORTEST_SECRET)];
  } catch {
    return [address.trim(), address.trim().replace(/^\S*?\/\//, '')];
  }
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
