/**
 * For those who write plugins. What an application needs stands in the main entry.
 */
export { embedAll, embedEach } from './embedding/embed-all.js';
export type {
  Embedded,
  EmbedAllOptions,
  EmbedFailure,
  EmbedOutcome,
  EmbedProgress,
} from './embedding/embed-all.js';
export { requestFailed, type Requester } from './embedding/request-failed.js';
export { retryAdviceOf, type RetryAdvice } from './embedding/retry-advice.js';
export { baseUrlOf, requireKey, requireNetwork, type ServiceCall } from './plugin/environment-checks.js';
export { HttpError } from './plugin/answer.js';
export { postJson, type PostJsonRequest } from './plugin/post-json.js';
export { ReferenceEmbeddings } from './plugin/reference-embeddings.js';
export { referenceOptions, type ReferenceConfig } from './plugin/reference-options.js';
export {
  serviceEmbedder,
  type EmbeddingRequest,
  type EmbeddingService,
  type ServiceOptions,
} from './plugin/service-embedder.js';
export { NO_TIMEOUT_MS, throughClient, type ClientCall } from './plugin/through-client.js';
export { vectorsByIndex, vectorsInOrder, type IndexedEmbedding } from './plugin/vectors-by-index.js';
export { EmbeddingFailedError } from './errors.js';
export type { Embedder, EmbedOptions, EmbedResult } from './providers/embedder.js';
export { definePlugin, type FactoryOptions, type Plugin } from './providers/plugin.js';
