import { isOn } from '../environment.js';
import { EmbeddingFailedError, InvalidInputError } from '../errors.js';

/** Who needs the key or the network. */
export interface ServiceCall {
  readonly provider: string;
  readonly model: string;
}

/**
 * The key that was given, or that of the first variable that is set. Called with each request, so that a changed
 * environment counts. None, or a blank one: MV015 naming the variable, before any socket is opened; one that is no
 * string: MV019.
 */
export function requireKey(
  { provider, model }: ServiceCall,
  given: string | undefined,
  variables: readonly string[],
): string {
  checkSecret('apiKey', given);
  for (const key of [given, ...variables.map((name) => process.env[name])]) {
    if (typeof key === 'string' && key.trim() !== '') return key.trim();
  }
  throw new EmbeddingFailedError(
    `${provider} ${model} needs a key: neither apiKey nor ${variables.join(' or ')} is set`,
    { details: { provider, model, reason: 'missing_key', variable: variables[0], retryable: false } },
  );
}

/** MV019 for a secret that is no string; its value is not shown, whatever it is. */
export function checkSecret(argument: string, value: unknown): void {
  if (value === undefined || value === null || typeof value === 'string') return;
  const received = `a value of type ${typeof value}`;
  throw new InvalidInputError(`\`${argument}\` must be a string, but is ${received}`, {
    details: { argument, received, expected: 'a string' },
  });
}

/** MV015 when `MEMVID_OFFLINE` is on: nothing may leave this machine. */
export function requireNetwork({ provider, model }: ServiceCall): void {
  if (!isOn(process.env['MEMVID_OFFLINE'])) return;
  throw new EmbeddingFailedError(
    `${provider} ${model} needs the network, and MEMVID_OFFLINE is on (offline)`,
    {
      details: { provider, model, reason: 'offline', retryable: false },
    },
  );
}

/**
 * The base of a service's addresses, without a slash at its end. A bare host gets `path` (`/v1`); what has a path of
 * its own is a gateway and knows better. Blank counts as not given.
 */
export function baseUrlOf(given: string | undefined, standard: string, path: string): string {
  const base = (given === undefined || given.trim() === '' ? standard : given.trim()).replace(/\/+$/, '');
  return /^\w+:\/\/[^/]+$/.test(base) ? `${base}${path}` : base;
}
