import { isTimeout, MOST_WAIT, again, withAttempts } from '../embedding/attempts.js';
import { checkCallSettings } from '../embedding/check-embedder.js';
import { retryAdviceOf } from '../embedding/retry-advice.js';
import { backoff, limited, pause } from '../embedding/waiting.js';
import { type MemvidError, ModelUnsupportedError, UnsupportedOperationError } from '../errors.js';
import type {
  FinishReason,
  GeneratePart,
  GenerateRequest,
  GenerateResult,
  LanguageModel,
  TokenUsage,
} from '../providers/language-model.js';
import { checkLanguageModel } from './check-language-model.js';
import { failureOfModel, type ModelName } from './model-failure.js';

export interface GenerateTextOptions {
  /** Ends the work: MV018. */
  signal?: AbortSignal | undefined;
  /** For a whole answer of one try, and for a silence of a streamed one, in milliseconds. Default: as the model says, else 120 000. */
  timeoutMs?: number | undefined;
  /** Default: as the model says, else 2. */
  maxRetries?: number | undefined;
  /** Waits between two tries. Default: a timer that the signal ends. */
  wait?: ((milliseconds: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
}

const TIMEOUT_MS = 120_000;
const RETRIES = 2;
/** More than any model writes in one answer. */
const MOST_CHARACTERS = 1024 * 1024;
const REASONS: ReadonlySet<unknown> = /* @__PURE__ */ new Set<FinishReason | undefined>([
  undefined,
  'stop',
  'length',
  'filtered',
  'other',
]);

/** The whole answer of a model: tried again as long as its failure may pass, ended when it takes too long, checked. */
export async function generateText(
  model: LanguageModel,
  request: GenerateRequest,
  options: GenerateTextOptions = {},
): Promise<GenerateResult> {
  const work = new Work(model, options);
  for (;;) {
    try {
      return await limited(work.timeoutMs, [options.signal], async (signal) =>
        checkedResult(await model.generate(ownCopy(request), { signal }), work.whose),
      );
    } catch (thrown) {
      await work.again(thrown, 'gave no answer', 0);
    }
  }
}

/**
 * The same part by part, as soon as each is there; a model that does not stream gives its answer in one. Nothing is asked
 * of the model before the first part is asked for, and it is tried again only as long as none was given. Whoever leaves
 * the loop ends the request. A stream that ends without `finish` is MV018.
 */
export async function* streamText(
  model: LanguageModel,
  request: GenerateRequest,
  options: GenerateTextOptions = {},
): AsyncGenerator<GeneratePart, void, undefined> {
  const work = new Work(model, options);
  const { signal } = options;
  let received = 0;
  for (;;) {
    const stop = new AbortController();
    const end = (): void => stop.abort(signal?.reason);
    signal?.addEventListener('abort', end, { once: true });
    let parts: AsyncIterator<GeneratePart> | undefined;
    try {
      for (;;) {
        const part = await limited(work.timeoutMs, [signal], async (own) => {
          parts ??= partsOf(model, ownCopy(request), stop.signal);
          return spoken(parts, own, work.whose);
        });
        if (part.type === 'text') {
          if (received + part.text.length > MOST_CHARACTERS) throw tooLong(work.whose);
          received += part.text.length;
        }
        yield part;
        if (part.type === 'finish') return;
      }
    } catch (thrown) {
      await work.again(thrown, 'sent no part of an answer', received);
    } finally {
      signal?.removeEventListener('abort', end);
      stop.abort();
      // Not waited for: it may hang in what it was asked for.
      try {
        parts?.return?.().catch(() => undefined);
      } catch {
        // An iterator of somebody's own may throw at once, and nobody needs it any more.
      }
    }
  }
}

/**
 * Has a model say what every request would be refused with. It is ended as a request is: by the signal, and when it takes
 * too long.
 */
export async function assertModelReady(
  model: LanguageModel,
  { signal }: Pick<GenerateTextOptions, 'signal'> = {},
): Promise<void> {
  const work = new Work(model, { signal });
  try {
    await limited(work.timeoutMs, [signal], async () => model.assertReady?.());
  } catch (thrown) {
    if (isAborted(signal)) throw aborted(signal);
    throw work.failureOf(thrown, 'did not say whether it is ready');
  }
}

/** What the tries of one call have in common. */
class Work {
  readonly whose: ModelName;
  readonly timeoutMs: number;
  readonly #options: GenerateTextOptions;
  readonly #maxRetries: number;
  #tries = 0;

  constructor(model: LanguageModel, options: GenerateTextOptions) {
    checkLanguageModel(model, 'model');
    checkCallSettings({ timeoutMs: options.timeoutMs, maxRetries: options.maxRetries }, '');
    this.whose = { provider: model.provider.toLowerCase(), model: model.model };
    this.timeoutMs = options.timeoutMs ?? model.timeoutMs ?? TIMEOUT_MS;
    this.#maxRetries = options.maxRetries ?? model.maxRetries ?? RETRIES;
    this.#options = options;
  }

  /** Waits before another try, or throws what failed when there is to be none. */
  async again(thrown: unknown, silence: string, received: number): Promise<void> {
    const { signal, wait = pause } = this.#options;
    if (isAborted(signal)) throw aborted(signal);
    this.#tries += 1;
    const error = this.failureOf(thrown, silence);
    const { retryable, retryAfterMs } = retryAdviceOf(error);
    const delay = retryAfterMs ?? backoff(this.#tries);
    const hadTries = error.details?.['attempts'] !== undefined;
    const isLast = this.#tries > this.#maxRetries || delay > MOST_WAIT || hadTries;
    // What was given cannot be taken back, and another answer would not fit behind it.
    if (received > 0) throw again(error, `${error.message} (after ${received} characters)`, { received });
    if (!retryable || isLast) throw withAttempts(error, this.#tries);
    await wait(delay, signal);
    if (isAborted(signal)) throw aborted(signal);
  }

  failureOf(thrown: unknown, silence: string): MemvidError {
    const { provider, model } = this.whose;
    if (!isTimeout(thrown)) return failureOfModel(thrown, this.whose);
    return new ModelUnsupportedError(`${provider} ${model} ${silence} within ${this.timeoutMs} ms`, {
      details: { provider, model, reason: 'timeout', retryable: true },
      cause: thrown,
    });
  }
}

/** The model keeps what it is given, or changes it: each try gets its own. */
function ownCopy(request: GenerateRequest): GenerateRequest {
  return { ...request, messages: request.messages.map((message) => ({ ...message })) };
}

function partsOf(
  model: LanguageModel,
  request: GenerateRequest,
  signal: AbortSignal,
): AsyncIterator<GeneratePart> {
  if (model.stream !== undefined && model.stream !== null) {
    return model.stream(request, { signal })[Symbol.asyncIterator]();
  }
  return (async function* whole(): AsyncGenerator<GeneratePart, void, undefined> {
    const { text, usage, finishReason } = await model.generate(request, { signal });
    yield { type: 'text', text };
    yield { type: 'finish', usage, finishReason };
  })();
}

/** The next part that says something. Parts without a text do not end a silence, however many come. */
async function spoken(
  parts: AsyncIterator<GeneratePart>,
  signal: AbortSignal,
  whose: ModelName,
): Promise<GeneratePart> {
  for (;;) {
    const { done, value } = await parts.next();
    if (done === true) throw cutOff(whose);
    const part = checkedPart(value, whose);
    if (part !== undefined) return part;
    // They may come without a pause, and then no timer would end them.
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    signal.throwIfAborted();
  }
}

function checkedResult(result: GenerateResult | undefined, whose: ModelName): GenerateResult {
  if (typeof result?.text !== 'string') throw malformed(whose, 'an answer without a text');
  const { text, finishReason, usage } = result;
  if (text.length > MOST_CHARACTERS) throw tooLong(whose);
  return { text, ...checkedEnd(finishReason, usage, whose) };
}

/** `undefined`: nothing to pass on. */
function checkedPart(part: GeneratePart | undefined, whose: ModelName): GeneratePart | undefined {
  if (part?.type === 'text') {
    if (typeof part.text !== 'string') throw malformed(whose, 'a part of an answer without its text');
    return part.text === '' ? undefined : { type: 'text', text: part.text };
  }
  if (part?.type === 'finish') {
    return { type: 'finish', ...checkedEnd(part.finishReason, part.usage, whose) };
  }
  throw malformed(whose, 'a part of an answer of no known type');
}

function checkedEnd(
  finishReason: FinishReason | null | undefined,
  usage: TokenUsage | null | undefined,
  whose: ModelName,
): { finishReason?: FinishReason; usage?: TokenUsage } {
  const reason = finishReason ?? undefined;
  if (!REASONS.has(reason)) throw malformed(whose, 'a `finishReason` that is none');
  for (const count of Object.values(usage ?? {}) as unknown[]) {
    if (count !== undefined && count !== null && !(typeof count === 'number' && count >= 0)) {
      throw malformed(whose, 'a count of tokens that is none');
    }
  }
  return {
    ...(reason === undefined ? {} : { finishReason: reason }),
    ...(usage === undefined || usage === null ? {} : { usage }),
  };
}

function malformed({ provider, model }: ModelName, what: string): MemvidError {
  return new ModelUnsupportedError(`${provider} ${model} gave ${what}`, {
    details: { provider, model, reason: 'malformed', retryable: false },
  });
}

function tooLong({ provider, model }: ModelName): MemvidError {
  return new ModelUnsupportedError(
    `${provider} ${model} gave an answer of more than ${MOST_CHARACTERS} characters`,
    {
      details: { provider, model, reason: 'too_large', limit: MOST_CHARACTERS, retryable: false },
      suggestion: 'Give the model less room to write (`maxTokens`), or ask another one.',
    },
  );
}

function cutOff({ provider, model }: ModelName): MemvidError {
  return new ModelUnsupportedError(`${provider} ${model} ended its answer before it was whole`, {
    details: { provider, model, reason: 'cut_off', retryable: true },
  });
}

/** Asked again each time: it changes while others are waited for. */
function isAborted(signal: AbortSignal | undefined): signal is AbortSignal {
  return signal?.aborted === true;
}

function aborted(signal: AbortSignal): UnsupportedOperationError {
  return new UnsupportedOperationError('The answer was ended by its signal', {
    details: { operation: 'generate', reason: 'aborted' },
    cause: signal.reason,
  });
}
