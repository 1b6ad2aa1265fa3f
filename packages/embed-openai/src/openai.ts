import {
  baseUrlOf,
  type Embedder,
  type EmbeddingRequest,
  type EmbedResult,
  HttpError,
  NO_TIMEOUT_MS,
  serviceEmbedder,
  type ServiceOptions,
  throughClient,
  vectorsByIndex,
} from '@memvid/core/plugin';

export interface OpenAIOptions extends ServiceOptions {
  /** Default: the environment variable `OPENAI_API_KEY`, read with each request. */
  apiKey?: string | undefined;
  /** Of the service or of one that speaks like it. Default: `OPENAI_BASE_URL`, else `https://api.openai.com/v1`. */
  baseURL?: string | undefined;
  /** Default: `OPENAI_ORG_ID`. */
  organization?: string | undefined;
  /** Default: `OPENAI_PROJECT_ID`. */
  project?: string | undefined;
  /** Shorter vectors than the model's own; only `text-embedding-3-*` can. */
  dimensions?: number | undefined;
  /** How numbers travel. Default `"base64"`, a quarter of the bytes; some gateways know only `"float"`. */
  encodingFormat?: 'base64' | 'float' | undefined;
  /** Texts longer than the model reads: their end is cut off (`"END"`, default), or they are refused (`"NONE"`). */
  truncate?: 'END' | 'NONE' | undefined;
  /** Tokens from which a text is cut, estimated as a third of its bytes. Default 8000; the model reads 8192. */
  maxTokens?: number | undefined;
  /** Most texts of one request. Default 2048. */
  maxBatch?: number | undefined;
}

const DIMENSIONS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ['text-embedding-3-small', 1536],
  ['text-embedding-3-large', 3072],
  ['text-embedding-ada-002', 1536],
]);
/** Most tokens of one request in all. */
const REQUEST_TOKENS = 300_000;
const TEXT_TOKENS = 8000;

/** Makes vectors with a model of OpenAI, or of a service that speaks like it. */
export function openai(model: string = 'text-embedding-3-small', options: OpenAIOptions = {}): Embedder {
  return serviceEmbedder(
    {
      provider: 'openai',
      model,
      dimensions: DIMENSIONS.get(model),
      maxBatch: 2048,
      maxTokens: options.maxTokens ?? TEXT_TOKENS,
      maxBatchTokens: REQUEST_TOKENS,
      variables: ['OPENAI_API_KEY'],
      request: (request) => answerOf(request, options),
    },
    options,
  );
}

interface Answer {
  data?: unknown;
  usage?: { total_tokens?: number };
}

interface Refusal {
  error?: { code?: unknown };
}

async function answerOf(request: EmbeddingRequest, options: OpenAIOptions): Promise<EmbedResult> {
  const { model, texts, signal, key, maxBytes } = request;
  const { dimensions, encodingFormat = 'base64', truncate = 'END', maxTokens = TEXT_TOKENS } = options;
  const input = truncate === 'END' ? texts.map((text) => cut(text, maxTokens)) : texts;
  const truncated = input.filter((text, at) => text.length !== texts[at]?.length).length;
  try {
    const { OpenAI } = await import('openai');
    const answer = await throughClient<Answer | null>({ fetch: options.fetch, signal, maxBytes }, (fetch) => {
      const client = new OpenAI({
        apiKey: key,
        baseURL: baseUrlOf(
          options.baseURL ?? options.baseUrl ?? process.env['OPENAI_BASE_URL'],
          'https://api.openai.com',
          '/v1',
        ),
        ...(options.organization === undefined ? {} : { organization: options.organization }),
        ...(options.project === undefined ? {} : { project: options.project }),
        ...(options.headers === undefined ? {} : { defaultHeaders: options.headers }),
        fetch,
        // Both are the pipeline's.
        maxRetries: 0,
        timeout: NO_TIMEOUT_MS,
        logLevel: 'off',
      });
      const size = dimensions === undefined ? {} : { dimensions };
      return client.embeddings.create({ model, input, encoding_format: encodingFormat, ...size });
    });
    const usage = { tokens: answer?.usage?.total_tokens, truncated };
    return { vectors: vectorsByIndex(answer?.data, request), usage };
  } catch (thrown) {
    // The account has no money left: that does not pass by waiting.
    const body = thrown instanceof HttpError ? (thrown.body as Refusal | null) : undefined;
    const isSpent = body?.error?.code === 'insufficient_quota';
    throw isSpent ? Object.assign(thrown as object, { retryable: false }) : thrown;
  }
}

/** The beginning of a text of about so many tokens, in whole characters. */
function cut(text: string, tokens: number): string {
  const most = tokens * 3;
  // Three bytes is the most that a UTF-16 unit takes.
  if (text.length * 3 <= most || Buffer.byteLength(text) <= most) return text;
  const { read } = new TextEncoder().encodeInto(text, new Uint8Array(most));
  return text.slice(0, read);
}
