import { ReferenceEmbeddings, requireKey } from '@memvid/core/plugin';
import { nvidia, type NvidiaOptions } from './nvidia.js';

export interface NvidiaEmbeddingsConfig {
  apiKey?: string | undefined;
  /** Default: `NVIDIA_EMBEDDING_MODEL`, else `"nvidia/nv-embed-v1"`. */
  model?: string | undefined;
  baseUrl?: string | undefined;
  /** Numbers a vector has; otherwise the first answer tells. It is not sent. */
  dimension?: number | undefined;
  /** Default 64. */
  batchSize?: number | undefined;
  documentInputType?: string | undefined;
  queryInputType?: string | undefined;
  encodingFormat?: NvidiaOptions['encodingFormat'];
  /** Default `"NONE"`, as in the reference: longer texts are refused. */
  truncate?: NvidiaOptions['truncate'];
}

/** The class of the reference's name; without a key it is not made (MV015). */
export class NvidiaEmbeddings extends ReferenceEmbeddings {
  constructor(config: NvidiaEmbeddingsConfig = {}) {
    const { apiKey, model, baseUrl, dimension, batchSize, truncate = 'NONE', ...rest } = config;
    const { documentInputType, queryInputType, encodingFormat } = rest;
    const embedder = nvidia(model, {
      apiKey,
      baseURL: baseUrl,
      maxBatch: batchSize,
      truncate,
      documentInputType,
      queryInputType,
      encodingFormat,
    });
    requireKey(embedder, apiKey, ['NVIDIA_API_KEY']);
    super({ ...embedder, dimensions: dimension ?? embedder.dimensions });
  }
}
