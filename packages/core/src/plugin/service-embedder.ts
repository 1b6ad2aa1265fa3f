import { serviceFailure } from '../embedding/request-failed.js';
import type { Embedder, EmbedOptions, EmbedResult } from '../providers/embedder.js';
import { checkConnection, type ConnectionOptions, secretsOfCall } from './connection.js';
import { requireKey, requireNetwork, type ServiceCall } from './environment-checks.js';

/** The options that embedders of a service have in common. */
export interface ServiceOptions extends ConnectionOptions {
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
  /** Bytes that a right answer can need, for `postJson` and `throughClient`: by the texts, and the size of their vectors. */
  readonly maxBytes: number;
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
 * `MEMVID_OFFLINE` is on or there is no key; what it throws becomes MV015 without the key, the values of
 * `options.headers` and the secrets of `options.baseURL` in it, wherever they stand.
 */
export function serviceEmbedder(service: EmbeddingService, options: ServiceOptions = {}): Embedder {
  const { provider, model, variables } = service;
  const call: ServiceCall = { provider, model };
  checkConnection(options);
  const dimensions = options.dimensions ?? service.dimensions;
  return {
    spec: 'embedder/v1',
    ...call,
    dimensions,
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
        const maxBytes = bytesFor(texts, dimensions);
        return await service.request({ ...call, texts: [...texts], kind, signal, key, maxBytes });
      } catch (thrown) {
        const secrets = secretsOfCall(key, options, variables);
        throw serviceFailure(thrown, { ...call, secrets, variable: variables[0] });
      }
    },
  };
}

/** Bytes of an answer beside its vectors and the texts that it may repeat. */
const ANSWER_BYTES = 1024 * 1024;
/** Bytes of a number, with what stands before and behind it. */
const NUMBER_BYTES = 40;
/** Numbers of a vector where nobody says how many. */
const MOST_DIMENSIONS = 8192;
/** Bytes of a character of a text in JSON. */
const CHARACTER_BYTES = 6;

function bytesFor(texts: readonly string[], dimensions: number | undefined): number {
  const characters = texts.reduce((sum, text) => sum + text.length, 0);
  const numbers = texts.length * (dimensions || MOST_DIMENSIONS);
  return ANSWER_BYTES + characters * CHARACTER_BYTES + numbers * NUMBER_BYTES;
}
