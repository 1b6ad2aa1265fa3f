import { type ReferenceConfig, ReferenceEmbeddings, referenceOptions, requireKey } from '@memvid/core/plugin';
import { openai, type OpenAIOptions } from './openai.js';

/** The options of the reference, and those of `openai`; others are MV019. */
export interface OpenAIEmbeddingsConfig extends OpenAIOptions, ReferenceConfig {
  /** Default `"text-embedding-3-small"`. */
  model?: string | undefined;
  /** Default 2048. */
  batchSize?: number | undefined;
  /** Longer texts are cut. Default 8000. */
  maxTokensPerInput?: number | undefined;
}

/** The class of the reference's name; without a key it is not made (MV015). */
export class OpenAIEmbeddings extends ReferenceEmbeddings {
  constructor(config: OpenAIEmbeddingsConfig = {}) {
    const { model, options } = referenceOptions(config, [
      'organization',
      'project',
      'encodingFormat',
      'truncate',
      'maxTokens',
    ]);
    const embedder = openai(model, options);
    requireKey(embedder, options.apiKey, ['OPENAI_API_KEY']);
    super(embedder);
  }
}
