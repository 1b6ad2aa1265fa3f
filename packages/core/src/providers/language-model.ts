/** One turn of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** What a language model is asked. What is left out is the model's to choose. */
export interface GenerateRequest {
  messages: readonly ChatMessage[];
  temperature?: number | undefined;
  topP?: number | undefined;
  /** Most tokens of the answer. */
  maxTokens?: number | undefined;
  stop?: readonly string[] | undefined;
}

/** What comes with a request to a language model. */
export interface GenerateOptions {
  /** Ends the request when aborted. */
  signal?: AbortSignal | undefined;
}

/** Tokens a request cost, as far as the service says. */
export interface TokenUsage {
  promptTokens?: number | undefined;
  completionTokens?: number | undefined;
  totalTokens?: number | undefined;
}

/**
 * Why an answer ended: it was whole (`stop`), as long as it may be (`length`), withheld by the service (`filtered`), or
 * for a reason of the service's own (`other`).
 */
export type FinishReason = 'stop' | 'length' | 'filtered' | 'other';

/** A whole answer. */
export interface GenerateResult {
  text: string;
  usage?: TokenUsage | undefined;
  finishReason?: FinishReason | undefined;
}

/**
 * A part of a streamed answer: the texts in their order are the answer. `finish` is the last part, and there is one: a
 * stream without it was cut off.
 */
export type GeneratePart =
  | { readonly type: 'text'; readonly text: string }
  | {
      readonly type: 'finish';
      readonly finishReason?: FinishReason | undefined;
      readonly usage?: TokenUsage | undefined;
    };

/**
 * Answers messages with text. A plain object; anyone may write one.
 *
 * Must: obey `signal`, pass messages on unchanged, give text as soon as it is there, and end what was begun when a stream
 * is left before its end. Must not: retry, cache, or add instructions of its own; `generateText` and `streamText` try
 * again, for every model. A failure that may pass says so: see `RetryAdvice`.
 */
export interface LanguageModel {
  readonly spec: 'language-model/v1';
  /** Lower case: `nvidia`, `openai`. */
  readonly provider: string;
  readonly model: string;
  /**
   * How long a whole answer may take, and how long a streamed one may be silent, in milliseconds. Default 120 000;
   * `Infinity`: as long as it takes.
   */
  readonly timeoutMs?: number | undefined;
  /** How often a request that failed in a way that may pass is tried again. Default 2. */
  readonly maxRetries?: number | undefined;
  /**
   * Throws what every request would be refused with before it leaves: a key that is missing, no network. Asked before
   * anything else is done for an answer. Absent: there is nothing that could be missing.
   */
  assertReady?(): void | Promise<void>;
  generate(request: GenerateRequest, options?: GenerateOptions): Promise<GenerateResult>;
  /** Absent: the whole answer is one part. */
  stream?(request: GenerateRequest, options?: GenerateOptions): AsyncIterable<GeneratePart>;
}
