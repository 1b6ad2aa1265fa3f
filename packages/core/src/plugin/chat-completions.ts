import { serviceFailure } from '../embedding/request-failed.js';
import { ModelUnsupportedError } from '../errors.js';
import { failureOfModel } from '../generation/model-failure.js';
import type {
  FinishReason,
  GeneratePart,
  GenerateRequest,
  GenerateResult,
  LanguageModel,
  TokenUsage,
} from '../providers/language-model.js';
import { checkOptional, checkInteger, checkNumber } from '../validate.js';
import { HttpError } from './answer.js';
import { checkConnection, type ConnectionOptions, secretsOfCall } from './connection.js';
import { baseUrlOf, requireKey, requireNetwork, type ServiceCall } from './environment-checks.js';
import { postEvents } from './post-events.js';
import { postJson, type PostJsonRequest } from './post-json.js';

/** The options that language models of a service have in common. */
export interface ChatOptions extends ConnectionOptions {
  /** Where a request does not say it; default: the service's. */
  temperature?: number | undefined;
  /** Where a request does not say it; default: the service's. */
  topP?: number | undefined;
  /** Most tokens of an answer, where a request does not say it. Default: the service's. */
  maxTokens?: number | undefined;
  /** Ask for the tokens that a streamed answer cost; some services refuse the question. Default `true`. */
  streamUsage?: boolean | undefined;
  /** For a whole answer of one try, and for a silence of a streamed one, in milliseconds. Default 120 000. */
  timeoutMs?: number | undefined;
  /** Default 2. */
  maxRetries?: number | undefined;
}

/** A service that answers chats as OpenAI's does. */
export interface ChatService extends ServiceCall {
  /** The environment variables that the key may stand in. Messages name the first. */
  readonly variables: readonly [string, ...string[]];
  /** The address when none is given. A bare host gets `/v1`. */
  readonly baseURL: string;
  /** The environment variable that another address may stand in. */
  readonly addressVariable?: string | undefined;
  /** What the service calls the most tokens of an answer. Default `max_tokens`. */
  readonly maxTokensField?: string | undefined;
  /** Headers of the service beside the key, of each request. */
  readonly headers?: (() => Readonly<Record<string, string>>) | undefined;
}

const CHECK_ADDRESS =
  'Check the address (`baseURL`) and the model: what answers there does not do so as the chats of OpenAI.';

/** Bytes of an answer that are read: more than any model writes, with what stands around each word of a stream. */
const MOST_BYTES = 64 * 1024 * 1024;

/**
 * A language model behind an address that speaks like OpenAI's (`POST /v1/chat/completions`, whole and streamed). Each
 * request is refused with MV018 before any socket is opened when `MEMVID_OFFLINE` is on or there is no key; what fails
 * is MV018 without the key, the values of `options.headers` and the secrets of the address in it.
 */
export function chatCompletions(service: ChatService, options: ChatOptions = {}): LanguageModel {
  const { provider, model, variables } = service;
  const call: ServiceCall = { provider, model };
  checkConnection(options);
  checkOptional('temperature', options.temperature, (name, value) => checkNumber(name, value, { min: 0 }));
  checkOptional('topP', options.topP, (name, value) => checkNumber(name, value, { min: 0, max: 1 }));
  checkOptional('maxTokens', options.maxTokens, (name, value) => checkInteger(name, value, { min: 1 }));

  /** The key, unless the request may not leave. */
  const ready = (): string => {
    try {
      requireNetwork(call);
      return requireKey(call, options.apiKey, variables);
    } catch (thrown) {
      throw failureOfModel(thrown, call);
    }
  };
  const failed = (thrown: unknown, key: string): unknown => {
    const what = thrown instanceof NoMessage ? thrown.message : 'that is no JSON';
    if (thrown instanceof NoMessage || thrown instanceof SyntaxError) {
      return new ModelUnsupportedError(`${provider} ${model} gave an answer ${what}`, {
        details: { ...call, reason: 'malformed', retryable: true },
        suggestion: CHECK_ADDRESS,
      });
    }
    const secrets = secretsOfCall(key, options, variables);
    return failureOfModel(serviceFailure(spent(thrown), { ...call, secrets, variable: variables[0] }), call);
  };
  const requestOf = (
    request: GenerateRequest,
    key: string,
    signal: AbortSignal | undefined,
    stream: object,
  ): PostJsonRequest => {
    const { addressVariable } = service;
    const elsewhere = addressVariable === undefined ? undefined : process.env[addressVariable];
    const base = baseUrlOf(options.baseURL ?? options.baseUrl ?? elsewhere, service.baseURL, '/v1');
    return {
      url: `${base}/chat/completions`,
      headers: { ...service.headers?.(), ...options.headers, authorization: `Bearer ${key}` },
      body: { ...bodyOf(request, service, options), ...stream },
      fetch: options.fetch,
      signal,
      maxBytes: MOST_BYTES,
    };
  };

  return {
    spec: 'language-model/v1',
    ...call,
    timeoutMs: options.timeoutMs,
    maxRetries: options.maxRetries,
    assertReady() {
      ready();
    },
    async generate(request, { signal } = {}) {
      // No `fetch` of somebody's own looks at it before it sends.
      signal?.throwIfAborted();
      const key = ready();
      try {
        return resultOf(await postJson<Completion | null>(requestOf(request, key, signal, {})));
      } catch (thrown) {
        throw failed(thrown, key);
      }
    },
    async *stream(request, { signal } = {}) {
      signal?.throwIfAborted();
      const key = ready();
      const usage = options.streamUsage === false ? {} : { stream_options: { include_usage: true } };
      try {
        yield* partsOf(postEvents(requestOf(request, key, signal, { stream: true, ...usage })));
      } catch (thrown) {
        throw failed(thrown, key);
      }
    },
  };
}

function bodyOf(request: GenerateRequest, service: ChatService, options: ChatOptions): object {
  const { messages, stop } = request;
  const { temperature = options.temperature, topP = options.topP, maxTokens = options.maxTokens } = request;
  return {
    model: service.model,
    messages: messages.map(({ role, content }) => ({ role, content })),
    ...(temperature === undefined ? {} : { temperature }),
    ...(topP === undefined ? {} : { top_p: topP }),
    ...(maxTokens === undefined ? {} : { [service.maxTokensField ?? 'max_tokens']: maxTokens }),
    ...(stop === undefined || stop.length === 0 ? {} : { stop }),
  };
}

/** What of an answer, or of a piece of one, is read here. */
interface Completion {
  readonly choices?: readonly (Choice | null)[] | null;
  readonly usage?: Readonly<Record<string, unknown>> | null;
  /** Of a stream that went wrong behind its beginning. */
  readonly error?: unknown;
}

interface Choice {
  readonly message?: Message | null;
  readonly delta?: Message | null;
  readonly finish_reason?: unknown;
}

interface Message {
  readonly content?: unknown;
  readonly refusal?: unknown;
}

/** JSON that is no answer to a chat. */
class NoMessage extends Error {}

function resultOf(answer: Completion | null): GenerateResult {
  throwIfError(answer);
  const choice = answer?.choices?.[0];
  if (choice?.message === undefined || choice.message === null) {
    throw new NoMessage('without a message');
  }
  return {
    text: textOf(choice.message) ?? '',
    finishReason: finishOf(choice),
    usage: usageOf(answer?.usage),
  };
}

async function* partsOf(events: AsyncIterable<string>): AsyncGenerator<GeneratePart, void, undefined> {
  let finishReason: FinishReason | undefined;
  let usage: TokenUsage | undefined;
  let isOver = false;
  for await (const event of events) {
    if (event.trim() === '[DONE]') {
      isOver = true;
      break;
    }
    const piece = JSON.parse(event) as Completion | null;
    throwIfError(piece);
    // The tokens come with a piece of their own behind the last word, or with each piece.
    usage = usageOf(piece?.usage) ?? usage;
    const choice = piece?.choices?.[0];
    const text = textOf(choice?.delta ?? choice?.message);
    if (text !== undefined && text !== '') yield { type: 'text', text };
    finishReason = finishOf(choice) ?? finishReason;
  }
  // Without either it was cut off, and whoever asked is told so by the part that is missing.
  if (isOver || finishReason !== undefined) yield { type: 'finish', finishReason, usage };
}

/** The words of an answer. What a model thinks beside them stands elsewhere and is not read. */
function textOf(message: Message | null | undefined): string | undefined {
  const content = message?.content;
  if (typeof content === 'string') return content;
  // Some services give a list of pieces.
  if (!Array.isArray(content)) return undefined;
  return content
    .map((piece: { text?: unknown } | null) => (typeof piece?.text === 'string' ? piece.text : ''))
    .join('');
}

const REASONS: Readonly<Record<string, FinishReason>> = {
  stop: 'stop',
  length: 'length',
  content_filter: 'filtered',
};

function finishOf(choice: Choice | null | undefined): FinishReason | undefined {
  const reason = choice?.finish_reason;
  if (typeof reason !== 'string') return undefined;
  if (typeof choice?.message?.refusal === 'string') return 'filtered';
  return Object.hasOwn(REASONS, reason) ? REASONS[reason] : 'other';
}

function usageOf(usage: Completion['usage']): TokenUsage | undefined {
  if (typeof usage !== 'object' || usage === null) return undefined;
  const { prompt_tokens, completion_tokens, total_tokens } = usage;
  return {
    promptTokens: countOf(prompt_tokens),
    completionTokens: countOf(completion_tokens),
    totalTokens: countOf(total_tokens),
  };
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined;
}

/** An error that comes with status 200: in a stream nothing else is left to say it with. */
function throwIfError(answer: Completion | null): void {
  const error = answer?.error ?? undefined;
  if (error === undefined) return;
  const code = Number((error as { code?: unknown; status?: unknown }).code);
  if (code >= 400 && code < 600) throw new HttpError(code, new Headers(), answer);
  throw Object.assign(new Error('the service broke its answer off'), { body: answer, retryable: true });
}

/** An account without money does not pass by waiting, though it is said with 429. */
function spent(thrown: unknown): unknown {
  if (!(thrown instanceof HttpError)) return thrown;
  const { error } = (thrown.body ?? {}) as { error?: { code?: unknown } | null };
  return error?.code === 'insufficient_quota' ? Object.assign(thrown, { retryable: false }) : thrown;
}
