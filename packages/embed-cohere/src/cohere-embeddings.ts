import { type ReferenceConfig, ReferenceEmbeddings, referenceOptions, requireKey } from '@memvid/core/plugin';
import { cohere, type CohereOptions } from './cohere.js';

/** The options of the reference, and those of `cohere`; others are MV019. */
export interface CohereEmbeddingsConfig extends CohereOptions, ReferenceConfig {
  /** Default `"embed-english-v3.0"`. */
  model?: string | undefined;
  /** Default 96. */
  batchSize?: number | undefined;
}

/** The class of the reference's name; without a key it is not made (MV015). */
export class CohereEmbeddings extends ReferenceEmbeddings {
  constructor(config: CohereEmbeddingsConfig = {}) {
    const { model, options } = referenceOptions(config, ['truncate', 'inputType']);
    const embedder = cohere(model, options);
    requireKey(embedder, options.apiKey, ['COHERE_API_KEY', 'CO_API_KEY']);
    super(embedder);
  }
}
