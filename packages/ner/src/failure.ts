import { NerModelUnavailableError } from '@memvid/core';
import type { Failure } from '@memvid/onnx';

/** Makes MV017 with the model in its details. */
export function failureOf(model: string): Failure {
  return (message, { details, ...options }) =>
    new NerModelUnavailableError(message, { ...options, details: { model, ...details } });
}

/** MV017 for a file that is not what it should be. */
export function invalidModel(fail: Failure, path: string, what: string, cause?: unknown): Error {
  return fail(`${path} ${what}`, {
    details: { reason: 'invalid_model', path },
    suggestion: 'Put the file of the published model there again.',
    ...(cause === undefined ? {} : { cause }),
  });
}

/** The words of a thrown value. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
