import type { EmbedResult } from './embedder.js';

/** A picture: the bytes of a file as they are (JPEG, PNG, WebP …). */
export interface ImageInput {
  data: Uint8Array;
  mimeType?: string | undefined;
}

/** What comes with a request to an image embedder. */
export interface ImageEmbedOptions {
  /** Ends the request when aborted. */
  signal?: AbortSignal | undefined;
}

/**
 * Makes vectors of one space from pictures and from text, so that either finds the other.
 * The rules of `Embedder` hold here too. An error that is about one picture of a call is a `MemvidError` that says which in
 * `details.index`; of a batch, the others are then asked for again without it.
 */
export interface ImageEmbedder {
  readonly spec: 'image-embedder/v1';
  /** Lower case, stored in the file with each vector. */
  readonly provider: string;
  readonly model: string;
  /** Numbers in a vector; known without loading the model where possible. */
  readonly dimensions?: number | undefined;
  /** Most pictures or texts one call takes. */
  readonly maxBatch: number;
  embedImages(images: readonly ImageInput[], options?: ImageEmbedOptions): Promise<EmbedResult>;
  embedTexts(texts: readonly string[], options?: ImageEmbedOptions): Promise<EmbedResult>;
}
