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
  usage?:
    | {
        tokens?: number | undefined;
        /** How many of the texts were longer than the model reads and lost their end. */
        truncated?: number | undefined;
      }
    | undefined;
}

/**
 * Makes vectors from text. A plain object; anyone may write one.
 *
 * Must: keep the order, give one finite vector a text, obey `signal`, leave `texts` as they are.
 * Must not: batch, retry, cache, or normalise on its own account; {@link embedAll} does all that once, for every
 * embedder. A failure that may pass says so: see {@link RetryAdvice}.
 */
export interface Embedder {
  readonly spec: 'embedder/v1';
  /** Lower case, stored in the file with each vector. */
  readonly provider: string;
  readonly model: string;
  /** Numbers in a vector; `undefined` or 0 when only the first answer tells. */
  readonly dimensions?: number | undefined;
  /** Most texts one call of `embed` takes. */
  readonly maxBatch: number;
  /** Most tokens of one text; longer ones are cut by the service or refused. */
  readonly maxTokens?: number | undefined;
  /** Most tokens of all texts of one call together. Absent: only `maxBatch` counts. */
  readonly maxBatchTokens?: number | undefined;
  /** Most calls of `embed` at the same time. Default 4; 1 for what computes on this machine. */
  readonly concurrency?: number | undefined;
  /** How long one call may take, in milliseconds; it is ended and tried again then. Default 120 000; `Infinity`: as long as it takes. */
  readonly timeoutMs?: number | undefined;
  /** How often a call that failed in a way that may pass is tried again. Default 3. */
  readonly maxRetries?: number | undefined;
  embed(texts: readonly string[], options: EmbedOptions): Promise<EmbedResult>;
}
