import {
  baseUrlOf,
  type Embedder,
  type EmbedOptions,
  type EmbedResult,
  type IndexedEmbedding,
  postJson,
  requestFailed,
  requireKey,
  requireNetwork,
  vectorsByIndex,
} from '@memvid/core/plugin';

export interface NvidiaOptions {
  /** Default: the environment variable `NVIDIA_API_KEY`, read with each request. */
  apiKey?: string | undefined;
  /** Of the hosted service, or of a container of your own. Default: `NVIDIA_BASE_URL`, else `https://integrate.api.nvidia.com/v1`. */
  baseURL?: string | undefined;
  /** More headers of each request. */
  headers?: Readonly<Record<string, string>> | undefined;
  fetch?: typeof globalThis.fetch | undefined;
  /** Numbers in a vector; only models with sizes to choose from take it. */
  dimensions?: number | undefined;
  /** What becomes of texts longer than the model reads. Default `"END"`: their end is cut off. */
  truncate?: 'NONE' | 'START' | 'END' | undefined;
  /** What documents are called. Default `"passage"`. */
  documentInputType?: string | undefined;
  /** What questions are called. Default `"query"`. */
  queryInputType?: string | undefined;
  /** How numbers travel. Default `"float"`. */
  encodingFormat?: 'float' | 'base64' | undefined;
  /** Most texts of one request. Default 64. */
  maxBatch?: number | undefined;
  /** Requests at the same time. Default 4. */
  concurrency?: number | undefined;
  /** For one try, in milliseconds. Default 30 000. */
  timeoutMs?: number | undefined;
  /** Default 3. */
  maxRetries?: number | undefined;
}

const DIMENSIONS: Readonly<Record<string, number>> = {
  'nvidia/nv-embedqa-e5-v5': 1024,
  'nvidia/llama-3.2-nv-embedqa-1b-v2': 2048,
  'nvidia/llama-nemotron-embed-1b-v2': 2048,
  'nvidia/nemotron-3-embed-1b': 2048,
  'nvidia/nv-embedqa-mistral-7b-v2': 4096,
  'baai/bge-m3': 1024,
};
const VARIABLE = 'NVIDIA_API_KEY';

interface Answer {
  data?: IndexedEmbedding[];
  usage?: { total_tokens?: number };
}

/** The model that is meant when none is named: `NVIDIA_EMBEDDING_MODEL`, else `nvidia/nv-embed-v1`. */
function usualModel(): string {
  return process.env['NVIDIA_EMBEDDING_MODEL'] || 'nvidia/nv-embed-v1';
}

/** Makes vectors with a model that NVIDIA hosts, or that runs in a container of yours. */
export function nvidia(model: string = usualModel(), options: NvidiaOptions = {}): Embedder {
  return {
    spec: 'embedder/v1',
    provider: 'nvidia',
    model,
    dimensions: options.dimensions ?? DIMENSIONS[model.toLowerCase()],
    maxBatch: options.maxBatch ?? 64,
    concurrency: options.concurrency,
    timeoutMs: options.timeoutMs ?? 30_000,
    maxRetries: options.maxRetries,
    embed: (texts, embedOptions) => request(model, texts, options, embedOptions),
  };
}

async function request(
  model: string,
  input: readonly string[],
  options: NvidiaOptions,
  { kind, signal }: EmbedOptions,
): Promise<EmbedResult> {
  const call = { provider: 'nvidia', model };
  requireNetwork(call);
  const apiKey = requireKey(call, options.apiKey, [VARIABLE]);
  const { documentInputType = 'passage', queryInputType = 'query', dimensions } = options;
  const base = baseUrlOf(
    options.baseURL ?? process.env['NVIDIA_BASE_URL'],
    'https://integrate.api.nvidia.com',
    '/v1',
  );
  try {
    const answer = await postJson<Answer | null>({
      url: `${base}/embeddings`,
      headers: { ...options.headers, authorization: `Bearer ${apiKey}` },
      body: {
        model,
        input,
        input_type: kind === 'query' ? queryInputType : documentInputType,
        encoding_format: options.encodingFormat ?? 'float',
        truncate: options.truncate ?? 'END',
        ...(dimensions === undefined ? {} : { dimensions }),
      },
      fetch: options.fetch,
      signal,
    });
    return { vectors: vectorsByIndex(answer?.data, call), usage: { tokens: answer?.usage?.total_tokens } };
  } catch (thrown) {
    throw requestFailed(thrown, { ...call, secrets: [apiKey], variable: VARIABLE });
  }
}
