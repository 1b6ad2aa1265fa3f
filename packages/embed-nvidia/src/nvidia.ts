import {
  baseUrlOf,
  type Embedder,
  type EmbeddingRequest,
  type EmbedResult,
  type IndexedEmbedding,
  postJson,
  serviceEmbedder,
  type ServiceOptions,
  vectorsByIndex,
} from '@memvid/core/plugin';

export interface NvidiaOptions extends ServiceOptions {
  /** Default: the environment variable `NVIDIA_API_KEY`, read with each request. */
  apiKey?: string | undefined;
  /** Of the hosted service, or of a container of your own. Default: `NVIDIA_BASE_URL`, else `https://integrate.api.nvidia.com/v1`. */
  baseURL?: string | undefined;
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
}

const DIMENSIONS: ReadonlyMap<string, number> = /* @__PURE__ */ new Map([
  ['nvidia/nv-embedqa-e5-v5', 1024],
  ['nvidia/llama-3.2-nv-embedqa-1b-v2', 2048],
  ['nvidia/llama-nemotron-embed-1b-v2', 2048],
  ['nvidia/nemotron-3-embed-1b', 2048],
  ['nvidia/nv-embedqa-mistral-7b-v2', 4096],
  ['baai/bge-m3', 1024],
]);

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
  return serviceEmbedder(
    {
      provider: 'nvidia',
      model,
      dimensions: DIMENSIONS.get(model.toLowerCase()),
      maxBatch: 64,
      variables: ['NVIDIA_API_KEY'],
      request: (request) => answerOf(request, options),
    },
    options,
  );
}

async function answerOf(request: EmbeddingRequest, options: NvidiaOptions): Promise<EmbedResult> {
  const { model, texts, kind, signal, key, maxBytes } = request;
  const { documentInputType = 'passage', queryInputType = 'query', dimensions } = options;
  const base = baseUrlOf(
    options.baseURL ?? options.baseUrl ?? process.env['NVIDIA_BASE_URL'],
    'https://integrate.api.nvidia.com',
    '/v1',
  );
  const answer = await postJson<Answer | null>({
    url: `${base}/embeddings`,
    headers: { ...options.headers, authorization: `Bearer ${key}` },
    body: {
      model,
      input: texts,
      input_type: kind === 'query' ? queryInputType : documentInputType,
      encoding_format: options.encodingFormat ?? 'float',
      truncate: options.truncate ?? 'END',
      ...(dimensions === undefined ? {} : { dimensions }),
    },
    fetch: options.fetch,
    signal,
    maxBytes,
  });
  return { vectors: vectorsByIndex(answer?.data, request), usage: { tokens: answer?.usage?.total_tokens } };
}
