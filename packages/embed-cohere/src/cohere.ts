import {
  baseUrlOf,
  type Embedder,
  EmbeddingFailedError,
  type EmbedOptions,
  type EmbedResult,
  NO_TIMEOUT_MS,
  requestFailed,
  requireKey,
  requireNetwork,
  throughClient,
} from '@memvid/core/plugin';

export interface CohereOptions {
  /** Default: the environment variable `COHERE_API_KEY`, else `CO_API_KEY`, read with each request. */
  apiKey?: string | undefined;
  /** Default: `CO_API_URL`, else `https://api.cohere.com`. */
  baseURL?: string | undefined;
  /** More headers of each request. */
  headers?: Readonly<Record<string, string>> | undefined;
  fetch?: typeof globalThis.fetch | undefined;
  /** Numbers in a vector; only `embed-v4.0` and newer can give fewer or more (256, 512, 1024, 1536). */
  dimensions?: number | undefined;
  /** What becomes of texts longer than the model reads. Default `"END"`: their end is cut off. */
  truncate?: 'NONE' | 'START' | 'END' | undefined;
  /** Default: `"search_document"` for documents and `"search_query"` for questions. */
  inputType?: 'search_document' | 'search_query' | 'classification' | 'clustering' | undefined;
  /** Most texts of one request. Default 96, the most the service takes. */
  maxBatch?: number | undefined;
  /** Requests at the same time. Default 4. */
  concurrency?: number | undefined;
  /** For one try, in milliseconds. Default 30 000. */
  timeoutMs?: number | undefined;
  /** Default 3. */
  maxRetries?: number | undefined;
}

const DIMENSIONS: Readonly<Record<string, number>> = {
  'embed-v4.0': 1536,
  'embed-english-v3.0': 1024,
  'embed-multilingual-v3.0': 1024,
  'embed-english-light-v3.0': 384,
  'embed-multilingual-light-v3.0': 384,
};
const VARIABLES = ['COHERE_API_KEY', 'CO_API_KEY'] as const;

/** Makes vectors with a model of Cohere. */
export function cohere(model: string = 'embed-english-v3.0', options: CohereOptions = {}): Embedder {
  return {
    spec: 'embedder/v1',
    provider: 'cohere',
    model,
    dimensions: options.dimensions ?? DIMENSIONS[model],
    maxBatch: options.maxBatch ?? 96,
    concurrency: options.concurrency,
    timeoutMs: options.timeoutMs ?? 30_000,
    maxRetries: options.maxRetries,
    embed: (texts, embedOptions) => request(model, [...texts], options, embedOptions),
  };
}

async function request(
  model: string,
  texts: string[],
  options: CohereOptions,
  { kind, signal }: EmbedOptions,
): Promise<EmbedResult> {
  const call = { provider: 'cohere', model };
  requireNetwork(call);
  const token = requireKey(call, options.apiKey, VARIABLES);
  try {
    const { CohereClientV2 } = await import('cohere-ai');
    const answer = await throughClient({ fetch: options.fetch, signal }, (fetch) => {
      const client = new CohereClientV2({
        token,
        environment: baseUrlOf(options.baseURL ?? process.env['CO_API_URL'], 'https://api.cohere.com', ''),
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
    const rows: unknown = answer?.embeddings?.float;
    if (!Array.isArray(rows)) throw noEmbeddings(call);
    const tokens = answer.meta?.billedUnits?.inputTokens;
    return { vectors: rows.map(vectorOf), usage: { tokens } };
  } catch (thrown) {
    throw requestFailed(thrown, { ...call, secrets: [token], variable: VARIABLES[0] });
  }
}

/** What is no number must not become one (`null` would be 0): the pipeline finds NaN. */
function vectorOf(row: unknown): Float32Array {
  return Float32Array.from(Array.isArray(row) ? row : [], (number: unknown) =>
    typeof number === 'number' ? number : NaN,
  );
}

/** Cut on its way, most often: worth another try. */
function noEmbeddings({ provider, model }: { provider: string; model: string }): EmbeddingFailedError {
  return new EmbeddingFailedError(`${provider} ${model}: the answer has no list of embeddings`, {
    details: { provider, model, reason: 'malformed', retryable: true },
  });
}
