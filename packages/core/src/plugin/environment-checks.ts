import { EmbeddingFailedError } from '../errors.js';
import { isOn } from '../environment.js';

/** Who needs the key or the network. */
export interface ServiceCall {
  readonly provider: string;
  readonly model: string;
}

/**
 * The key that was given, or that of the first variable that is set. Called with each request, so that a changed
 * environment counts. None, or a blank one: MV015 naming the variable, before any socket is opened.
 */
export function requireKey(
  { provider, model }: ServiceCall,
  given: string | undefined,
  variables: readonly string[],
): string {
  for (const key of [given, ...variables.map((name) => process.env[name])]) {
    if (key !== undefined && key.trim() !== '') return key.trim();
  }
  throw new EmbeddingFailedError(
    `${provider} ${model} needs a key: neither apiKey nor ${variables.join(' or ')} is set`,
    { details: { provider, model, reason: 'missing_key', variable: variables[0], retryable: false } },
  );
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
