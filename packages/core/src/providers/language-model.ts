/** One turn of a conversation. */
export interface ChatMessage {
  role: 'system' | 'user' | 'assistant';
  content: string;
}

/** What a language model is asked. */
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

/** A whole answer. */
export interface GenerateResult {
  text: string;
  usage?: TokenUsage | undefined;
  finishReason?: 'stop' | 'length' | 'filtered' | 'other' | undefined;
}

/** A piece of a streamed answer: the pieces of `text` in their order are the answer. */
export interface GenerateChunk {
  text: string;
  /** On the last piece. */
  usage?: TokenUsage | undefined;
}

/**
 * Answers messages with text. A plain object; anyone may write one.
 *
 * Must: obey `signal`, pass messages on unchanged. Must not: retry, cache, or add instructions of its own.
 */
export interface LanguageModel {
  readonly spec: 'language-model/v1';
  /** Lower case: `nvidia`, `openai`. */
  readonly provider: string;
  readonly model: string;
  generate(request: GenerateRequest, options?: GenerateOptions): Promise<GenerateResult>;
  /** Absent: the SDK gives the whole answer as one piece. */
  stream?(request: GenerateRequest, options?: GenerateOptions): AsyncIterable<GenerateChunk>;
}
