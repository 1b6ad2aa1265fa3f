import { type ReferenceConfig, ReferenceEmbeddings, referenceOptions, requireKey } from '@memvid/core/plugin';
import { nvidia, type NvidiaOptions } from './nvidia.js';

/** The options of the reference, and those of `nvidia`; others are MV019. */
export interface NvidiaEmbeddingsConfig extends NvidiaOptions, ReferenceConfig {
  /** Default: `NVIDIA_EMBEDDING_MODEL`, else `"nvidia/nv-embed-v1"`. */
  model?: string | undefined;
  /** Numbers a vector has; otherwise the first answer tells. It is not sent. */
  dimension?: number | undefined;
  /** Default 64. */
  batchSize?: number | undefined;
  /** Default `"NONE"`, as in the reference: longer texts are refused. */
  truncate?: NvidiaOptions['truncate'];
}

/** The class of the reference's name; without a key it is not made (MV015). */
export class NvidiaEmbeddings extends ReferenceEmbeddings {
  constructor(config: NvidiaEmbeddingsConfig = {}) {
    const { dimension, ...rest } = config;
    const { model, options } = referenceOptions(rest, [
      'truncate',
      'documentInputType',
      'queryInputType',
      'encodingFormat',
    ]);
    const embedder = nvidia(model, { truncate: 'NONE', ...options });
    requireKey(embedder, options.apiKey, ['NVIDIA_API_KEY']);
    super({ ...embedder, dimensions: dimension ?? embedder.dimensions });
  }
}
