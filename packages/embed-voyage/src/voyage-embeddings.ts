import { type ReferenceConfig, ReferenceEmbeddings, referenceOptions, requireKey } from '@memvid/core/plugin';
import { voyage, type VoyageOptions } from './voyage.js';

/** The options of the reference, and those of `voyage`; others are MV019. */
export interface VoyageEmbeddingsConfig extends VoyageOptions, ReferenceConfig {
  /** Default `"voyage-3"`. */
  model?: string | undefined;
  /** Default 128. */
  batchSize?: number | undefined;
}

/** The class of the reference's name; without a key it is not made (MV015). */
export class VoyageEmbeddings extends ReferenceEmbeddings {
  constructor(config: VoyageEmbeddingsConfig = {}) {
    const { model, options } = referenceOptions(config, ['truncation', 'inputType']);
    const embedder = voyage(model, options);
    requireKey(embedder, options.apiKey, ['VOYAGE_API_KEY']);
    super(embedder);
  }
}
