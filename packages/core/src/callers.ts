import { InvalidInputError } from './errors.js';
import { describeValue } from './validate.js';

/** What a thrown value says about itself. */
export function messageOf(thrown: unknown): string {
  try {
    if (thrown instanceof Error && typeof thrown.message === 'string') return thrown.message;
  } catch {
    // Said below in other words.
  }
  return describeValue(thrown);
}

/** MV019 for code of the caller that threw, with its error as cause. */
export function callerFailed(argument: string, expected: string, cause: unknown): InvalidInputError {
  return new InvalidInputError(`\`${argument}\` must be ${expected}, but threw: ${messageOf(cause)}`, {
    details: { argument, received: 'an error', expected },
    cause,
  });
}

/** Calls `onProgress` and waits for it. What it throws is given back: it must not hide what is done. */
export async function reportProgress<T>(
  onProgress: ((progress: T) => unknown) | undefined,
  progress: T,
  argument: string = 'onProgress',
): Promise<InvalidInputError | undefined> {
  try {
    await onProgress?.(progress);
    return undefined;
  } catch (cause) {
    return callerFailed(argument, 'a function that does not throw', cause);
  }
}
