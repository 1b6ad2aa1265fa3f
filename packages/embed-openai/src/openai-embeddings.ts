import { ReferenceEmbeddings, requireKey } from '@memvid/core/plugin';
import { openai } from './openai.js';

export interface OpenAIEmbeddingsConfig {
  apiKey?: string | undefined;
  /** Default `"text-embedding-3-small"`. */
  model?: string | undefined;
  /** Default 2048. */
  batchSize?: number | undefined;
  /** Longer texts are cut. Default 8000. */
  maxTokensPerInput?: number | undefined;
  baseUrl?: string | undefined;
  dimension?: number | undefined;
}

/** The class of the reference's name; without a key it is not made (MV015). */
export class OpenAIEmbeddings extends ReferenceEmbeddings {
  constructor(config: OpenAIEmbeddingsConfig = {}) {
    const { apiKey, model, batchSize, maxTokensPerInput, baseUrl, dimension } = config;
    const embedder = openai(model, {
      apiKey,
      baseURL: baseUrl,
      maxBatch: batchSize,
      maxTokens: maxTokensPerInput,
      dimensions: dimension,
    });
    requireKey(embedder, apiKey, ['OPENAI_API_KEY']);
    super(embedder);
  }
}
