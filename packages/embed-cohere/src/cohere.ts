import {
  baseUrlOf,
  type Embedder,
  type EmbeddingRequest,
  type EmbedResult,
  NO_TIMEOUT_MS,
  serviceEmbedder,
  type ServiceOptions,
  throughClient,
  vectorsInOrder,
} from '@memvid/core/plugin';

export interface CohereOptions extends ServiceOptions {
  /** Default: the environment variable `COHERE_API_KEY`, else `CO_API_KEY`, read with each request. */
  apiKey?: string | undefined;
  /** Default: `CO_API_URL`, else `https://api.cohere.com`. */
  baseURL?: string | undefined;
  /** Numbers in a vector; only `embed-v4.0` and newer can give fewer or more (256, 512, 1024, 1536). */
  dimensions?: number | undefined;
  /** What becomes of texts longer than the model reads. Default `"END"`: their end is cut off. */
  truncate?: 'NONE' | 'START' | 'END' | undefined;
  /** Default: `"search_document"` for documents and `"search_query"` for questions. */
  inputType?: 'search_document' | 'search_query' | 'classification' | 'clustering' | undefined;
  /** Most texts of one request. Default 96, the most the service takes. */
  maxBatch?: number | undefined;
}

const DIMENSIONS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ['embed-v4.0', 1536],
  ['embed-english-v3.0', 1024],
  ['embed-multilingual-v3.0', 1024],
  ['embed-english-light-v3.0', 384],
  ['embed-multilingual-light-v3.0', 384],
]);

/** Makes vectors with a model of Cohere. */
export function cohere(model: string = 'embed-english-v3.0', options: CohereOptions = {}): Embedder {
  return serviceEmbedder(
    {
      provider: 'cohere',
      model,
      dimensions: DIMENSIONS.get(model),
      maxBatch: 96,
      variables: ['COHERE_API_KEY', 'CO_API_KEY'],
      request: (request) => answerOf(request, options),
    },
    options,
  );
}

interface Answer {
  embeddings?: { float?: unknown };
  meta?: { billed_units?: { input_tokens?: number } };
}

async function answerOf(request: EmbeddingRequest, options: CohereOptions): Promise<EmbedResult> {
  const { model, texts, kind, signal, key, maxBytes } = request;
  const { CohereClientV2 } = await import('cohere-ai');
  const answer = await throughClient<Answer | null>({ fetch: options.fetch, signal, maxBytes }, (fetch) => {
    const client = new CohereClientV2({
      token: key,
      environment: baseUrlOf(
        options.baseURL ?? options.baseUrl ?? process.env['CO_API_URL'],
        'https://api.cohere.com',
        '',
      ),
      ...(options.headers === undefined ? {} : { headers: { ...options.headers } }),
      fetch,
      // Both are the pipeline's.
      maxRetries: 0,
      timeoutInSeconds: NO_TIMEOUT_MS / 1000,
    });
    return client.embed({
      model,
      texts,
      inputType: options.inputType ?? (kind === 'query' ? 'search_query' : 'search_document'),
      embeddingTypes: ['float'],
      truncate: options.truncate ?? 'END',
      ...(options.dimensions === undefined ? {} : { outputDimension: options.dimensions }),
    });
  });
  const vectors = vectorsInOrder(answer?.embeddings?.float, request);
  return { vectors, usage: { tokens: answer?.meta?.billed_units?.input_tokens } };
}
