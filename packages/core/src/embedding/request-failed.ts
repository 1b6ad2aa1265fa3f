import { inspect } from 'node:util';
import { EmbeddingFailedError, MemvidError } from '../errors.js';
import { withoutSecrets } from '../secrets.js';
import { isConnectionFailure, isUnreadable, retryAdviceOf } from './retry-advice.js';

/** Whose call failed. */
export interface Requester {
  readonly provider: string;
  readonly model: string;
  /** Keys that went with the request: services repeat them in their answers. */
  readonly secrets?: readonly string[] | undefined;
  /** The environment variable the key comes from, for a service that refuses it. */
  readonly variable?: string | undefined;
}

/** Longest piece of what a service said that a message repeats. */
const SHOWN = 300;

/**
 * MV015 for what a provider's client, or a service, threw. Says what the service said, with its status and what it
 * asks to wait; holds no key, neither in the message nor in `cause`.
 */
export function requestFailed(thrown: unknown, requester: Requester): EmbeddingFailedError {
  const { provider, model, secrets = [], variable } = requester;
  const advice = retryAdviceOf(thrown);
  const { status } = advice;
  const said = withoutSecrets(whatWasSaid(thrown), secrets).replaceAll(/\s+/g, ' ').trim();
  const isRefused = status === 401 || status === 403;
  const reason = reasonOf(thrown, status);
  const what = WHAT[reason] ?? `answered ${status}`;
  const short = said.length > SHOWN ? `${said.slice(0, SHOWN)}…` : said;
  return new EmbeddingFailedError(`${provider} ${model} ${what}${short === '' ? '' : `: ${short}`}`, {
    details: {
      provider,
      model,
      reason,
      ...(isRefused && variable !== undefined ? { variable } : {}),
      ...advice,
    },
    cause: withoutSecretsInside(thrown, secrets),
  });
}

const WHAT: Readonly<Record<string, string>> = {
  connection: 'could not be reached',
  malformed: 'gave an answer that is no JSON',
  provider: 'failed',
};

function reasonOf(thrown: unknown, status: number | undefined): string {
  if (status !== undefined) return status === 401 || status === 403 ? 'key_refused' : 'http';
  if (isUnreadable(thrown)) return 'malformed';
  return isConnectionFailure(thrown) ? 'connection' : 'provider';
}

/** The text of the answer where there is one, else the error's own, without what the status says already. */
function whatWasSaid(thrown: unknown): string {
  try {
    if (typeof thrown !== 'object' || thrown === null) return String(thrown);
    const { body, error, message, cause } = thrown as Record<string, unknown>;
    const inner = (cause as { message?: unknown } | undefined)?.message;
    const own = typeof message === 'string' ? message.replace(/^\d{3} /, '') : '';
    return (
      textOf(body) ??
      textOf(error) ??
      (typeof inner === 'string' && inner !== own ? `${own} (${inner})` : own)
    );
  } catch {
    return '';
  }
}

/** Services write `{ error: { message } }`, `{ error }`, `{ message }` or `{ detail }`. */
function textOf(body: unknown): string | undefined {
  if (typeof body === 'string') return body.trim() === '' ? undefined : body;
  if (typeof body !== 'object' || body === null) return undefined;
  const { error, message, detail } = body as Record<string, unknown>;
  return textOf(message) ?? textOf(detail) ?? textOf(error);
}

/** `thrown` itself when no secret is in it, else an error that says the same without. */
function withoutSecretsInside(thrown: unknown, secrets: readonly string[]): unknown {
  try {
    const whole = inspect(thrown, { depth: 6, showHidden: true, maxStringLength: null, maxArrayLength: 200 });
    if (withoutSecrets(whole, secrets) === whole) return thrown;
    const { name, message, stack, code, status } = thrown as Error & { code?: unknown; status?: unknown };
    const copy = new Error(withoutSecrets(String(message), secrets));
    Object.defineProperty(copy, 'name', { value: String(name), configurable: true, writable: true });
    copy.stack = withoutSecrets(String(stack), secrets);
    return Object.assign(
      copy,
      status === undefined ? {} : { status },
      typeof code === 'string' ? { code } : {},
    );
  } catch {
    return undefined; // It does not let itself be looked at, so nobody knows what it holds.
  }
}

/** What an embedder threw, as one of our errors: its own `MemvidError` when no secret is in it, else MV015 about it. */
export function embeddingFailure(thrown: unknown, requester: Requester): MemvidError {
  const isOurs = MemvidError.isMemvidError(thrown);
  return isOurs && withoutSecretsInside(thrown, requester.secrets ?? []) === thrown
    ? thrown
    : requestFailed(thrown, requester);
}
