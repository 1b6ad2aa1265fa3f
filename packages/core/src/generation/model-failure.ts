import { requestFailed } from '../embedding/request-failed.js';
import { MemvidError, ModelUnsupportedError } from '../errors.js';
import { suggestionFor } from '../suggestions.js';

/** Whose answer failed. */
export interface ModelName {
  readonly provider: string;
  readonly model: string;
}

/**
 * What a language model threw, as MV018 about it. What says MV015 (the helpers for services are the same for all
 * plugins) is told again under this code; errors of other codes are about something that the model did on its own, and
 * become the cause.
 */
export function failureOfModel(thrown: unknown, { provider, model }: ModelName): MemvidError {
  const error = MemvidError.isMemvidError(thrown) ? thrown : requestFailed(thrown, { provider, model });
  const { code, message, details = {}, suggestion, cause } = error;
  if (code === 'MV018' && (typeof details['model'] === 'string' || details['reason'] === 'plugin_missing')) {
    return error;
  }
  if (code !== 'MV015' && code !== 'MV018') {
    return new ModelUnsupportedError(`${provider} ${model} failed: ${message}`, {
      details: { provider, model, reason: 'provider', retryable: details['retryable'] === true },
      suggestion: suggestion ?? undefined,
      cause: error,
    });
  }
  const whose = message.startsWith(`${provider} ${model}`) ? '' : `${provider} ${model}: `;
  // The usual next step of the other code speaks of embedders.
  const isUsual = suggestion === suggestionFor(code, details, message);
  return new ModelUnsupportedError(`${whose}${message}`, {
    details: { provider, model, ...details },
    suggestion: isUsual ? undefined : (suggestion ?? undefined),
    cause,
  });
}
