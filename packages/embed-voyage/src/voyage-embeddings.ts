import { ReferenceEmbeddings, requireKey } from '@memvid/core/plugin';
import { voyage, type VoyageOptions } from './voyage.js';

export interface VoyageEmbeddingsConfig {
  apiKey?: string | undefined;
  /** Default `"voyage-3"`. */
  model?: string | undefined;
  inputType?: VoyageOptions['inputType'];
  /** Default 128. */
  batchSize?: number | undefined;
  baseUrl?: string | undefined;
  dimension?: number | undefined;
}

/** The class of the reference's name; without a key it is not made (MV015). */
export class VoyageEmbeddings extends ReferenceEmbeddings {
  constructor(config: VoyageEmbeddingsConfig = {}) {
    const { apiKey, model, inputType, batchSize, baseUrl, dimension } = config;
    const embedder = voyage(model, {
      apiKey,
      inputType,
      maxBatch: batchSize,
      baseURL: baseUrl,
      dimensions: dimension,
    });
    requireKey(embedder, apiKey, ['VOYAGE_API_KEY']);
    super(embedder);
  }
}
