import { inspect } from 'node:util';
import { createError, EmbeddingFailedError, MemvidError } from '../errors.js';
import { cleanData, cleanText, LOOKED_AT, withoutSecrets } from '../secrets.js';
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
 * asks to wait; holds no key, neither in the message nor in `details` nor in `cause`.
 */
export function requestFailed(thrown: unknown, requester: Requester): EmbeddingFailedError {
  const { provider, model, secrets = [], variable } = requester;
  const { requestId, ...advice } = retryAdviceOf(thrown);
  const { status } = advice;
  const said = oneLine(cleanText(whatWasSaid(thrown), secrets));
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
      ...(requestId === undefined ? {} : { requestId: cleanText(requestId, secrets).slice(0, SHOWN) }),
    },
    cause: cleanCause(thrown, secrets),
  });
}

function oneLine(text: string): string {
  return text.replaceAll(/\s+/g, ' ').trim();
}

const WHAT: Readonly<Record<string, string>> = {
  connection: 'could not be reached',
  malformed: 'gave an answer that is no JSON',
  provider: 'failed',
};

function reasonOf(thrown: unknown, status: number | undefined): string {
  if (status !== undefined) return status === 401 || status === 403 ? 'key_refused' : 'http';
  try {
    if (isUnreadable(thrown)) return 'malformed';
    return isConnectionFailure(thrown) ? 'connection' : 'provider';
  } catch {
    return 'provider'; // An object that does not let itself be asked.
  }
}

/** The text of the answer where there is one, else the error's own, without what the status says already. */
function whatWasSaid(thrown: unknown): string {
  try {
    if (typeof thrown !== 'object' || thrown === null) return String(thrown);
    const { body, error, message, cause } = thrown as Record<string, unknown>;
    const inner = (cause as { message?: unknown } | undefined)?.message;
    const own = typeof message === 'string' ? message.replace(/^(?:\d{3} |HTTP status \d+$)/, '') : '';
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

/** Errors underneath errors that are taken over. */
const MOST_CAUSES = 4;

/**
 * What was thrown, as a `cause`. Of a call with secrets a copy, with nothing that was not looked through: clients keep the
 * request, key and all, somewhere in what they throw. Of others `thrown` itself, unless something looks like a key.
 */
function cleanCause(thrown: unknown, secrets: readonly string[], levels: number = MOST_CAUSES): unknown {
  try {
    if (secrets.length === 0 && levels === MOST_CAUSES) {
      const whole = inspect(thrown, {
        depth: 6,
        showHidden: true,
        maxStringLength: LOOKED_AT,
        maxArrayLength: 200,
      });
      if (withoutSecrets(whole) === whole) return thrown;
    }
    if (typeof thrown !== 'object' || thrown === null) return cleanData(thrown, secrets);
    const { name, message, stack, code, status, cause } = thrown as Error & {
      code?: unknown;
      status?: unknown;
    };
    const copy = new Error(cleanText(String(message), secrets));
    Object.defineProperty(copy, 'name', {
      value: cleanText(String(name), secrets),
      configurable: true,
      writable: true,
    });
    copy.stack = cleanText(String(stack), secrets);
    if (cause !== undefined && levels > 1) {
      Object.defineProperty(copy, 'cause', {
        value: cleanCause(cause, secrets, levels - 1),
        configurable: true,
        writable: true,
      });
    }
    return Object.assign(
      copy,
      typeof status === 'number' ? { status } : {},
      typeof code === 'string' ? { code: cleanText(code, secrets) } : {},
    );
  } catch {
    return undefined; // It does not let itself be looked at, so nobody knows what it holds.
  }
}

/** Codes of errors that are about making vectors, whoever raises them. */
const ABOUT_VECTORS: ReadonlySet<string> = /* @__PURE__ */ new Set(['MV014', 'MV015', 'MV016']);

/**
 * What an embedder threw, as one of our errors: MV015 about it, unless it is an error about vectors, or about a package
 * that is missing. A `MemvidError` of another kind is about something that the embedder did on its own (a memory that
 * it reads), and not about the memory that is written.
 */
export function embeddingFailure(thrown: unknown, requester: Requester): MemvidError {
  try {
    if (!MemvidError.isMemvidError(thrown)) return requestFailed(thrown, requester);
    const isAboutVectors = ABOUT_VECTORS.has(thrown.code) || thrown.details?.['reason'] === 'plugin_missing';
    if (isAboutVectors && cleanCause(thrown, []) === thrown) return thrown;
    const { provider, model } = requester;
    const said = oneLine(cleanText(thrown.message));
    return new EmbeddingFailedError(`${provider} ${model} failed: ${said}`, {
      details: { provider, model, reason: 'provider', retryable: retryAdviceOf(thrown).retryable },
      suggestion: thrown.suggestion === null ? undefined : cleanText(thrown.suggestion),
      cause: cleanCause(thrown, []),
    });
  } catch {
    return unreadable(requester);
  }
}

function unreadable({ provider, model }: Requester): EmbeddingFailedError {
  return new EmbeddingFailedError(`${provider} ${model} failed with an error that cannot be read`, {
    details: { provider, model, reason: 'provider', retryable: false },
  });
}

/** The same for a request to a service, with whose secrets nothing leaves: errors of ours are told again without them. */
export function serviceFailure(thrown: unknown, requester: Requester): MemvidError {
  if (!MemvidError.isMemvidError(thrown)) return embeddingFailure(thrown, requester);
  try {
    const { secrets = [], provider, model } = requester;
    const { code, message, details, suggestion, cause } = thrown;
    const whose = message.startsWith(`${provider} ${model}`) ? '' : `${provider} ${model}: `;
    const told = createError(code, `${whose}${oneLine(cleanText(message, secrets))}`, {
      details: { provider, model, ...(cleanData(details ?? {}, secrets) as object) },
      suggestion: suggestion === null ? undefined : cleanText(suggestion, secrets),
      cause: cause === undefined ? undefined : cleanCause(cause, secrets),
    });
    // Nothing was taken out: the error itself has its stack.
    const isClean = cause === undefined && JSON.stringify(told) === JSON.stringify(thrown);
    return embeddingFailure(isClean ? thrown : told, { ...requester, secrets: [] });
  } catch {
    return unreadable(requester);
  }
}
