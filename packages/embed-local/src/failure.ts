import { EmbeddingFailedError } from '@memvid/core';
import type { Failure } from '@memvid/onnx';

/** Makes MV015 with the model in its details. */
export function failureOf(provider: string, model: string): Failure {
  return (message, { details, ...options }) =>
    new EmbeddingFailedError(message, { ...options, details: { provider, model, ...details } });
}
