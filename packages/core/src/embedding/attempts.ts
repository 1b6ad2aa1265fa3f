import { createError, type MemvidError } from '../errors.js';

/** A service that asks for more patience than this, in milliseconds, is not waited for. */
export const MOST_WAIT = 60_000;

/** The same error with the number of tries among its details. */
export function withAttempts(error: MemvidError, attempts: number): MemvidError {
  if (error.details?.['attempts'] !== undefined) return error;
  const tried = attempts === 1 ? '' : ` (after ${attempts} tries)`;
  return again(error, `${error.message}${tried}`, { attempts });
}

/** The same error in other words, and with more details. */
export function again(error: MemvidError, message: string, details: Record<string, unknown>): MemvidError {
  return createError(error.code, message, {
    details: { ...error.details, ...details },
    suggestion: error.suggestion ?? undefined,
    cause: error.cause,
  });
}

export function isTimeout(thrown: unknown): boolean {
  try {
    return thrown instanceof DOMException && thrown.name === 'TimeoutError';
  } catch {
    return false; // An object that does not let itself be asked.
  }
}
