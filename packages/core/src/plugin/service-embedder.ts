import { embeddingFailure } from '../embedding/request-failed.js';
import type { Embedder, EmbedOptions, EmbedResult } from '../providers/embedder.js';
import { requireKey, requireNetwork, type ServiceCall } from './environment-checks.js';

/** The options that embedders of a service have in common. */
export interface ServiceOptions {
  /** Default: the environment variable of the service, read with each request. */
  apiKey?: string | undefined;
  /** Default: the address of the service. */
  baseURL?: string | undefined;
  /** The same under the name the reference gives it. */
  baseUrl?: string | undefined;
  /** More headers of each request. What stands in them is kept out of errors, as the key is. */
  headers?: Readonly<Record<string, string>> | undefined;
  fetch?: typeof globalThis.fetch | undefined;
  /** Numbers in a vector, of models that have sizes to choose from. */
  dimensions?: number | undefined;
  /** Most texts of one request. */
  maxBatch?: number | undefined;
  /** Requests at the same time. Default 4. */
  concurrency?: number | undefined;
  /** For one try, in milliseconds. Default 30 000. */
  timeoutMs?: number | undefined;
  /** Default 3. */
  maxRetries?: number | undefined;
}

/** What one request to a service is made of. */
export interface EmbeddingRequest extends ServiceCall, EmbedOptions {
  /** A list of its own. */
  readonly texts: string[];
  readonly key: string;
}

/** A model that a service embeds with. */
export interface EmbeddingService
  extends ServiceCall, Pick<Embedder, 'dimensions' | 'maxBatch' | 'maxTokens' | 'maxBatchTokens'> {
  /** The environment variables that the key may stand in. Messages name the first. */
  readonly variables: readonly [string, ...string[]];
  /** Translates one request and its answer. */
  request(request: EmbeddingRequest): Promise<EmbedResult>;
}

const TIMEOUT_MS = 30_000;

/**
 * An embedder that asks a service. Each request is refused with MV015 before any socket is opened when
 * `MEMVID_OFFLINE` is on or there is no key; what it throws becomes MV015 without the key, and without the values of
 * `options.headers`, in it.
 */
export function serviceEmbedder(service: EmbeddingService, options: ServiceOptions = {}): Embedder {
  const { provider, model, variables } = service;
  const call: ServiceCall = { provider, model };
  return {
    spec: 'embedder/v1',
    ...call,
    dimensions: options.dimensions ?? service.dimensions,
    maxBatch: options.maxBatch ?? service.maxBatch,
    maxTokens: service.maxTokens,
    maxBatchTokens: service.maxBatchTokens,
    concurrency: options.concurrency,
    timeoutMs: options.timeoutMs ?? TIMEOUT_MS,
    maxRetries: options.maxRetries,
    async embed(texts, { kind, signal }) {
      // Not every client, and no `fetch` of somebody's own, looks at it before it sends.
      signal?.throwIfAborted();
      requireNetwork(call);
      const key = requireKey(call, options.apiKey, variables);
      try {
        return await service.request({ ...call, texts: [...texts], kind, signal, key });
      } catch (thrown) {
        const secrets = [key, ...secretsOf(options.headers)];
        throw embeddingFailure(thrown, { ...call, secrets, variable: variables[0] });
      }
    },
  };
}

/** Shorter values (`1`, `json`) are no secrets, and would be cut out of every word. */
const SHORTEST_SECRET = 6;

/** The values of headers as a gateway may repeat them: whole, and without the scheme before them. */
function secretsOf(headers: ServiceOptions['headers']): string[] {
  return Object.values(headers ?? {})
    .flatMap((value) => [value, value.replace(/^\S+\s+/, '')].map((part) => part.trim()))
    .filter((part) => part.length >= SHORTEST_SECRET);
}
