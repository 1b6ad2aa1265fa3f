/** Which model made a vector. Vectors of different identities must not be compared. */
export interface EmbeddingIdentity {
  /** Lower case: `openai`, `local`. */
  provider?: string | undefined;
  model?: string | undefined;
  /** Numbers in a vector. */
  dimension?: number | undefined;
  /** Whether vectors have length 1. */
  normalized?: boolean | undefined;
}

/** What comes with a request to an embedder. */
export interface EmbedOptions {
  /** Some models treat what is stored and what is asked differently. */
  kind: 'document' | 'query';
  /** Ends the request when aborted. */
  signal?: AbortSignal | undefined;
}

/** An embedder's answer. */
export interface EmbedResult {
  /** One vector a text, in the order of the texts. */
  vectors: readonly Float32Array[];
  usage?: { tokens?: number | undefined } | undefined;
}

/**
 * Makes vectors from text. A plain object; anyone may write one.
 *
 * Must: keep the order, give one finite vector a text, obey `signal`.
 * Must not: batch, retry, cache, or normalise on its own account; the SDK does all that once, for every embedder.
 */
export interface Embedder {
  readonly spec: 'embedder/v1';
  /** Lower case, stored in the file with each vector. */
  readonly provider: string;
  readonly model: string;
  /** Numbers in a vector; `undefined` when only the first answer tells. */
  readonly dimensions?: number | undefined;
  /** Most texts one call of `embed` takes. */
  readonly maxBatch: number;
  /** Most tokens of one text; longer ones are cut by the service or refused. */
  readonly maxTokens?: number | undefined;
  embed(texts: readonly string[], options: EmbedOptions): Promise<EmbedResult>;
}
