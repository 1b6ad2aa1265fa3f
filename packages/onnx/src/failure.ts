import { fromSystemError, type MemvidError, type MemvidErrorOptions } from '@memvid/core';

/** Makes the error of the plugin that asks: MV015 for embeddings, MV016 for pictures, MV017 for names. */
export type Failure = (message: string, options: MemvidErrorOptions) => MemvidError;

/** What a failed call of the file system means: the system's own code where it has one (a full disk is MV001). */
export function fileFailure(fail: Failure, message: string, error: unknown): MemvidError {
  const own = fromSystemError(error);
  if (own?.code === 'MV001') return own;
  return fail(`${message}: ${messageOf(error)}`, { details: { reason: 'file' }, cause: error });
}

/** The words of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
