import { MemvidError } from '../errors.js';

/**
 * What a thrown error may say about trying again, as fields of its own (`details` of a `MemvidError`). The errors of
 * `fetch` and of the vendors' clients are understood without them: by status, headers, code and name.
 */
export interface RetryAdvice {
  /** HTTP status of the answer. */
  readonly status?: number | undefined;
  /** Whether the same call may succeed later. Absent: the status decides, or that no answer came at all. */
  readonly retryable?: boolean | undefined;
  /** Not before so many milliseconds. */
  readonly retryAfterMs?: number | undefined;
  /** By which the service knows the request. */
  readonly requestId?: string | undefined;
}

/** 408 time-out, 409 conflict, 429 too many requests; every 5xx as well. */
const PASSING: ReadonlySet<number> = /* @__PURE__ */ new Set([408, 409, 429]);

/** Codes of the system and of `fetch` for a connection that was not made or did not last. */
const CONNECTION =
  /^(?:ECONN(?:RESET|REFUSED|ABORTED)|EPIPE|ETIMEDOUT|ENOTFOUND|EAI_AGAIN|E(?:HOST|NET)UNREACH|UND_ERR_\w+)$/;
const CONNECTION_MESSAGE = /^(?:fetch failed|terminated|network error|connection error|socket hang up)\b/i;
const CONNECTION_NAME = /(?:Timeout|Connection)\w*Error$/;

/** What `thrown` says about trying again. Never throws. */
export function retryAdviceOf(thrown: unknown): RetryAdvice & { readonly retryable: boolean } {
  try {
    return read(thrown);
  } catch {
    return { retryable: false }; // An object that does not let itself be asked.
  }
}

type Fields = Readonly<Record<string, unknown>>;

function read(thrown: unknown): RetryAdvice & { readonly retryable: boolean } {
  if (typeof thrown !== 'object' || thrown === null) return { retryable: false };
  const fields: Fields = MemvidError.isMemvidError(thrown) ? (thrown.details ?? {}) : (thrown as Fields);
  const headers = fields['headers'] ?? (fields['rawResponse'] as Fields | undefined)?.['headers'];
  const status = numberOf(fields['status']) ?? numberOf(fields['statusCode']);
  const retryAfterMs = numberOf(fields['retryAfterMs']) ?? retryAfterOf(headers);
  const said = fields['requestId'] ?? fields['requestID'] ?? headerOf(headers, 'x-request-id');
  const requestId = typeof said === 'string' ? said : undefined;
  return {
    ...(status === undefined ? {} : { status }),
    ...(retryAfterMs === undefined ? {} : { retryAfterMs }),
    ...(requestId === undefined ? {} : { requestId }),
    retryable: isRetryable(fields, headers, status, thrown),
  };
}

function isRetryable(fields: Fields, headers: unknown, status: number | undefined, thrown: unknown): boolean {
  if (typeof fields['retryable'] === 'boolean') return fields['retryable'];
  const advised = headerOf(headers, 'x-should-retry');
  if (advised === 'true' || advised === 'false') return advised === 'true';
  if (status !== undefined && status >= 400) return PASSING.has(status) || status >= 500;
  return isConnectionFailure(thrown) || isUnreadable(thrown);
}

/** Whether an answer was no JSON: most often it was cut on its way. */
export function isUnreadable(thrown: unknown): boolean {
  return thrown instanceof SyntaxError;
}

/** Whether no answer came: by the error itself, or one that it was caused by. */
export function isConnectionFailure(thrown: unknown): boolean {
  let error: unknown = thrown;
  for (let depth = 0; depth < 4 && typeof error === 'object' && error !== null; depth += 1) {
    if (MemvidError.isMemvidError(error)) return false;
    const { code, name, message, cause } = error as Fields;
    if (typeof code === 'string' && CONNECTION.test(code)) return true;
    const names = [String(name), error.constructor?.name ?? ''];
    if (names.some((text) => CONNECTION_NAME.test(text))) return true;
    if (typeof message === 'string' && CONNECTION_MESSAGE.test(message)) return true;
    error = cause;
  }
  return false;
}

/** Milliseconds that the headers of an answer ask to wait; an HTTP date is counted from now. */
function retryAfterOf(headers: unknown): number | undefined {
  const milliseconds = Number.parseFloat(headerOf(headers, 'retry-after-ms') ?? '');
  if (milliseconds >= 0) return milliseconds;
  const value = headerOf(headers, 'retry-after');
  if (value === undefined) return undefined;
  const seconds = Number(value);
  if (value.trim() !== '' && seconds >= 0) return seconds * 1000;
  const date = Date.parse(value);
  return Number.isNaN(date) ? undefined : Math.max(0, date - Date.now());
}

/** Of `Headers`, or of a plain object with names in any case. */
function headerOf(headers: unknown, name: string): string | undefined {
  if (typeof headers !== 'object' || headers === null) return undefined;
  const { get } = headers as { get?: unknown };
  if (typeof get === 'function') {
    const value: unknown = get.call(headers, name);
    return typeof value === 'string' ? value : undefined;
  }
  const found = Object.entries(headers).find(([key]) => key.toLowerCase() === name);
  return typeof found?.[1] === 'string' ? found[1] : undefined;
}

function numberOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) ? value : undefined;
}
