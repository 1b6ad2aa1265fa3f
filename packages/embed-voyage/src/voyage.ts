import {
  baseUrlOf,
  type Embedder,
  type EmbeddingRequest,
  type EmbedResult,
  NO_TIMEOUT_MS,
  serviceEmbedder,
  type ServiceOptions,
  throughClient,
  vectorsByIndex,
} from '@memvid/core/plugin';

export interface VoyageOptions extends ServiceOptions {
  /** Default: the environment variable `VOYAGE_API_KEY`, read with each request. */
  apiKey?: string | undefined;
  /** Default: `https://api.voyageai.com/v1`. */
  baseURL?: string | undefined;
  /** Numbers in a vector; the newer models can give 256, 512, 1024 or 2048. */
  dimensions?: number | undefined;
  /** Whether the end of texts longer than the model reads is cut off. Default `true`; `false`: they are refused. */
  truncation?: boolean | undefined;
  /** Default: as the text is used. */
  inputType?: 'document' | 'query' | undefined;
  /** Most texts of one request. Default 128. */
  maxBatch?: number | undefined;
}

/** Numbers in a vector of each model, unless another size is asked for. */
const DIMENSIONS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ['voyage-4-large', 1024],
  ['voyage-4', 1024],
  ['voyage-4-lite', 1024],
  ['voyage-3.5', 1024],
  ['voyage-3.5-lite', 1024],
  ['voyage-3-large', 1024],
  ['voyage-3', 1024],
  ['voyage-3-lite', 512],
  ['voyage-code-3', 1024],
  ['voyage-code-2', 1536],
  ['voyage-finance-2', 1024],
  ['voyage-law-2', 1024],
  ['voyage-multilingual-2', 1024],
]);
/** Most tokens of one request in all, of the models that take the fewest. */
const REQUEST_TOKENS = 120_000;

/** Makes vectors with a model of Voyage AI. */
export function voyage(model: string = 'voyage-3', options: VoyageOptions = {}): Embedder {
  return serviceEmbedder(
    {
      provider: 'voyage',
      model,
      dimensions: DIMENSIONS.get(model),
      maxBatch: 128,
      maxBatchTokens: REQUEST_TOKENS,
      variables: ['VOYAGE_API_KEY'],
      request: (request) => answerOf(request, options),
    },
    options,
  );
}

interface Answer {
  data?: unknown;
  usage?: { total_tokens?: number };
}

async function answerOf(request: EmbeddingRequest, options: VoyageOptions): Promise<EmbedResult> {
  const { model, texts, kind, signal, key, maxBytes } = request;
  // The client without the models that run on this machine: those are `@memvid/embed-local`'s.
  const { GeneratedVoyageAIClient } = await import('voyageai');
  const answer = await throughClient<Answer | null>({ fetch: options.fetch, signal, maxBytes }, (fetch) => {
    const client = new GeneratedVoyageAIClient({
      apiKey: key,
      baseUrl: baseUrlOf(options.baseURL ?? options.baseUrl, 'https://api.voyageai.com', '/v1'),
      ...(options.headers === undefined ? {} : { headers: { ...options.headers } }),
      fetch,
      // Both are the pipeline's.
      maxRetries: 0,
      timeoutInSeconds: NO_TIMEOUT_MS / 1000,
    });
    return client.embed({
      model,
      input: texts,
      inputType: options.inputType ?? kind,
      truncation: options.truncation ?? true,
      ...(options.dimensions === undefined ? {} : { outputDimension: options.dimensions }),
    });
  });
  return { vectors: vectorsByIndex(answer?.data, request), usage: { tokens: answer?.usage?.total_tokens } };
}
