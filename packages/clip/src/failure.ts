import { ClipDisabledError, UnsupportedOperationError } from '@memvid/core';
import type { Failure } from '@memvid/onnx';

/**
 * Makes MV016 with the model in its details. What the shared parts call the reason becomes `details.cause`: the reason
 * of this code tells its two meanings apart.
 */
export function failureOf(model: string): Failure {
  return (message, { details: { reason, ...details } = {}, ...options }) =>
    new ClipDisabledError(message, { ...options, details: { model, cause: reason, ...details } });
}

/** MV018 for a picture of more pixels than may be decoded. */
export function tooManyPixels(index: number, maxPixels: number, cause: unknown): UnsupportedOperationError {
  return new UnsupportedOperationError(`images[${index}] has more than ${maxPixels} pixels`, {
    details: { operation: 'embedImages', reason: 'too_large', index, limit: 'maxPixels', value: maxPixels },
    suggestion:
      'Make the picture smaller, or raise `maxPixels` if it is to be trusted: clip(model, { maxPixels: … }).',
    cause,
  });
}

/** MV018 for a picture that cannot be read. */
export function unreadable(index: number, why: string, cause?: unknown): UnsupportedOperationError {
  return new UnsupportedOperationError(`images[${index}] cannot be read as a picture: ${why}`, {
    details: { operation: 'embedImages', reason: 'unreadable', index },
    suggestion: 'Pass the bytes of a JPEG, PNG, WebP, GIF, AVIF, TIFF or SVG file as they are.',
    cause,
  });
}
