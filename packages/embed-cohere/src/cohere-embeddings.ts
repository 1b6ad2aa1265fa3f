import { ReferenceEmbeddings, requireKey } from '@memvid/core/plugin';
import { cohere, type CohereOptions } from './cohere.js';

export interface CohereEmbeddingsConfig {
  apiKey?: string | undefined;
  /** Default `"embed-english-v3.0"`. */
  model?: string | undefined;
  inputType?: CohereOptions['inputType'];
  /** Default 96. */
  batchSize?: number | undefined;
  baseUrl?: string | undefined;
  dimension?: number | undefined;
}

/** The class of the reference's name; without a key it is not made (MV015). */
export class CohereEmbeddings extends ReferenceEmbeddings {
  constructor(config: CohereEmbeddingsConfig = {}) {
    const { apiKey, model, inputType, batchSize, baseUrl, dimension } = config;
    const embedder = cohere(model, {
      apiKey,
      inputType,
      maxBatch: batchSize,
      baseURL: baseUrl,
      dimensions: dimension,
    });
    requireKey(embedder, apiKey, ['COHERE_API_KEY', 'CO_API_KEY']);
    super(embedder);
  }
}
