import { UnsupportedOperationError } from '@memvid/core';

/**
 * What `run` gives, for a call that a caller may end: then it rejects with MV018, and the reason of the signal is the cause.
 * @param operation the call, as its errors name it
 */
export async function endedBySignal<T>(
  operation: string,
  signal: AbortSignal | undefined,
  run: () => Promise<T>,
): Promise<T> {
  try {
    signal?.throwIfAborted();
    return await run();
  } catch (error) {
    if (signal?.aborted !== true || error !== signal.reason) throw error;
    throw new UnsupportedOperationError(`${operation} was ended by its signal`, {
      details: { operation, reason: 'aborted' },
      cause: error,
    });
  }
}

/** Waits for `promise`, but no longer than until `signal` is aborted. */
export function orAborted<T>(promise: Promise<T>, signal: AbortSignal | undefined): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = (): void => reject(signal.reason as Error);
    if (signal.aborted) abort();
    signal.addEventListener('abort', abort, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', abort));
  });
}
