import { InvalidInputError, MemvidError, messageOf } from '@memvid/core';

/**
 * The border between the caller's code and ours. What the caller passes in may run code of its own when it is read:
 * getters, proxies, iterators. An error of that code is reported as a fault of the argument, with the error as cause.
 */

/** Runs `read`, which reads what the caller gave as `argument`. */
export function reading<T>(argument: string, read: () => T): T {
  try {
    return read();
  } catch (error) {
    throw unreadable(argument, error);
  }
}

/** The same for a whole call, as the last net: every rejection is a `MemvidError`. */
export async function guarded<T>(call: Promise<T>): Promise<T> {
  try {
    return await call;
  } catch (error) {
    throw unreadable('arguments', error);
  }
}

/** MV019 for what the caller's code threw; ours stay as they are. */
export function unreadable(argument: string, thrown: unknown): MemvidError {
  if (MemvidError.isMemvidError(thrown)) return thrown;
  const expected = 'a value that can be read without an error';
  return new InvalidInputError(`\`${argument}\` cannot be read: ${messageOf(thrown)}`, {
    details: { argument, received: 'a value that throws', expected },
    cause: thrown,
  });
}
