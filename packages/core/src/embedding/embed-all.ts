import {
  createError,
  EmbeddingFailedError,
  InvalidInputError,
  type MemvidError,
  UnsupportedOperationError,
} from '../errors.js';
import type { Embedder, EmbeddingIdentity, EmbedResult } from '../providers/embedder.js';
import { batchesOf } from './batches.js';
import { checkedVectors } from './check-vectors.js';
import { embeddingFailure } from './request-failed.js';
import { retryAdviceOf } from './retry-advice.js';
import { backoff, limited, pause } from './waiting.js';

/** How far the work is; counts of texts. */
export interface EmbedProgress {
  readonly embedded: number;
  readonly failed: number;
  readonly total: number;
}

export interface EmbedAllOptions {
  kind: 'document' | 'query';
  /** Ends the work: MV018, and nothing is given. */
  signal?: AbortSignal | undefined;
  /** Called behind each call of the embedder. */
  onProgress?: ((progress: EmbedProgress) => void) | undefined;
  /** Numbers a vector must have; otherwise what the embedder declares, or its first answer. */
  dimension?: number | undefined;
  /** Make vectors length 1. Default `true`. */
  normalize?: boolean | undefined;
  /** Default: as the embedder says, else 4. */
  concurrency?: number | undefined;
  /** For one try, in milliseconds. Default: as the embedder says, else 120 000. */
  timeoutMs?: number | undefined;
  /** Default: as the embedder says, else 3. */
  maxRetries?: number | undefined;
  /** What the text with a number is called in messages. Default: `texts[3]`. */
  nameOf?: ((index: number) => string) | undefined;
  /** Waits between two tries. Default: a timer that the signal ends. */
  wait?: ((milliseconds: number, signal: AbortSignal | undefined) => Promise<void>) | undefined;
}

/** Texts that got no vector, and why. */
export interface EmbedFailure {
  readonly indexes: readonly number[];
  readonly error: MemvidError;
}

/** What became of each text. */
export interface EmbedOutcome {
  /** In the order of the texts; `undefined` where there is a failure. */
  readonly vectors: readonly (Float32Array | undefined)[];
  readonly failures: readonly EmbedFailure[];
  /** The failure that ended the work, because it would have met the other texts too. */
  readonly stoppedBy: MemvidError | undefined;
  /** Of the vectors; absent when there are none. */
  readonly identity: EmbeddingIdentity | undefined;
  /** As far as the embedder says. */
  readonly tokens: number | undefined;
}

/** A vector for every text. */
export interface Embedded extends EmbedOutcome {
  readonly vectors: readonly Float32Array[];
}

const CONCURRENCY = 4;
const TIMEOUT_MS = 120_000;
const RETRIES = 3;
/** A service that asks for more patience than this is not waited for. */
const MOST_WAIT = 60_000;
/** Statuses and reasons that are about one text of a call, and not about the call. */
const ABOUT_A_TEXT: ReadonlySet<unknown> = /* @__PURE__ */ new Set([
  400,
  413,
  422,
  'empty_text',
  'empty_vector',
  'non_finite',
  'zero_vector',
]);

/**
 * Vectors for all texts, or an error and none: texts in batches that one call takes, several calls at a time, each
 * tried again as long as its failure may pass, every answer checked. The error's `details` tell how many of the
 * texts had a vector (`embedded` of `total`) and which had none (`failed_inputs`).
 */
export async function embedAll(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedAllOptions,
): Promise<Embedded> {
  const outcome = await run(embedder, texts, options, true);
  const failure = outcome.failures[0];
  if (failure === undefined) return outcome as Embedded;
  throw partial(failure.error, outcome, texts.length);
}

/** The same for texts that stand each for itself: those that cannot be embedded are reported, the others go on. */
export async function embedEach(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedAllOptions,
): Promise<EmbedOutcome> {
  return run(embedder, texts, options, false);
}

async function run(
  embedder: Embedder,
  texts: readonly string[],
  options: EmbedAllOptions,
  together: boolean,
): Promise<EmbedOutcome> {
  return new Work(embedder, texts, options, together).done();
}

/** One call of `embedAll` or `embedEach`. */
class Work {
  readonly #embedder: Embedder;
  readonly #texts: readonly string[];
  readonly #options: EmbedAllOptions;
  /** Whether one failure ends it. */
  readonly #together: boolean;
  readonly #whose: Whose;
  readonly #timeoutMs: number;
  readonly #nameOf: (index: number) => string;
  readonly #vectors: (Float32Array | undefined)[];
  readonly #failures: EmbedFailure[] = [];
  /** Batches that no worker has taken yet. */
  readonly #queue: number[][];
  #dimension: number | undefined;
  #tokens: number | undefined;
  #embedded = 0;
  #failed = 0;
  #stoppedBy: MemvidError | undefined;
  #fatal: MemvidError | undefined;

  constructor(embedder: Embedder, texts: readonly string[], options: EmbedAllOptions, together: boolean) {
    this.#embedder = embedder;
    this.#texts = texts;
    this.#options = options;
    this.#together = together;
    this.#whose = { provider: embedder.provider.toLowerCase(), model: embedder.model };
    this.#timeoutMs = options.timeoutMs ?? embedder.timeoutMs ?? TIMEOUT_MS;
    this.#nameOf = options.nameOf ?? ((index) => `texts[${index}]`);
    this.#dimension = options.dimension ?? (embedder.dimensions || undefined);
    this.#vectors = Array.from(texts, () => undefined);
    const filled: number[] = [];
    texts.forEach((text, index) => {
      if (text.trim() !== '') filled.push(index);
      else this.#fail([index], emptyText(this.#whose, this.#nameOf(index), index));
    });
    this.#queue = batchesOf(texts, filled, embedder);
  }

  async done(): Promise<EmbedOutcome> {
    const { signal, normalize = true, concurrency } = this.#options;
    const workers = Math.min(this.#queue.length, concurrency ?? this.#embedder.concurrency ?? CONCURRENCY);
    await Promise.all(Array.from({ length: workers }, () => this.#work()));
    if (isAborted(signal)) throw aborted(signal);
    if (this.#fatal !== undefined) throw this.#fatal;
    // Texts that were not tried share the failure that ended the work.
    const rest = this.#queue.flat();
    const cause = this.#stoppedBy;
    if (cause !== undefined && rest.length > 0) this.#failures.push({ indexes: rest, error: cause });
    const dimension = this.#embedded > 0 ? this.#dimension : undefined;
    return {
      vectors: this.#vectors,
      failures: this.#failures,
      stoppedBy: this.#stoppedBy,
      identity: dimension === undefined ? undefined : { ...this.#whose, dimension, normalized: normalize },
      tokens: this.#tokens,
    };
  }

  get #isOver(): boolean {
    return this.#stoppedBy !== undefined || this.#fatal !== undefined || isAborted(this.#options.signal);
  }

  /** Takes batches until there are none, or the work is over. */
  async #work(): Promise<void> {
    while (!this.#isOver) {
      const batch = this.#queue.shift();
      if (batch === undefined) return;
      try {
        await this.#embed(batch);
      } catch (error) {
        const failure = error as MemvidError;
        if (!this.#together && batch.length > 1 && isAboutAText(failure)) {
          // Which text it is about the service seldom says: the halves tell.
          const middle = batch.length >> 1;
          this.#queue.unshift(batch.slice(0, middle), batch.slice(middle));
          continue;
        }
        this.#fail(batch, failure);
      }
      this.#report();
    }
  }

  /** One call, tried until it succeeds or cannot. */
  async #embed(batch: readonly number[]): Promise<void> {
    const { signal, wait = pause, maxRetries = this.#embedder.maxRetries ?? RETRIES } = this.#options;
    for (let tries = 1; ; tries += 1) {
      try {
        this.#take(batch, await this.#call(batch));
        return;
      } catch (thrown) {
        if (isAborted(signal)) return;
        const error = failureOf(thrown, this.#whose, this.#timeoutMs);
        const { retryable, retryAfterMs } = retryAdviceOf(error);
        const delay = retryAfterMs ?? backoff(tries);
        // One that was tried by a pipeline further in has had its tries.
        const hadTries = error.details?.['attempts'] !== undefined;
        const isLast = tries > maxRetries || delay > MOST_WAIT || hadTries || this.#isOver;
        if (!retryable || isLast) throw withAttempts(error, tries);
        await wait(delay, signal);
        if (isAborted(signal)) return;
      }
    }
  }

  /** The embedder gets a list of its own, and what it throws at once rejects like any other failure. */
  #call(batch: readonly number[]): Promise<EmbedResult> {
    const { kind, signal } = this.#options;
    const texts = batch.map((index) => this.#texts[index] ?? '');
    return limited(this.#timeoutMs, signal, async (own) =>
      this.#embedder.embed(texts, { kind, signal: own }),
    );
  }

  #take(batch: readonly number[], given: EmbedResult): void {
    const vectors = checkedVectors(given, {
      ...this.#whose,
      count: batch.length,
      dimension: this.#dimension,
      normalize: this.#options.normalize ?? true,
      nameOf: (place) => this.#nameOf(batch[place] ?? 0),
      indexOf: (place) => batch[place] ?? 0,
    });
    this.#dimension ??= vectors[0]?.length;
    vectors.forEach((vector, place) => {
      this.#vectors[batch[place] ?? 0] = vector;
    });
    this.#embedded += batch.length;
    const used = given.usage?.tokens;
    if (typeof used === 'number') this.#tokens = (this.#tokens ?? 0) + used;
  }

  #fail(indexes: readonly number[], error: MemvidError): void {
    this.#failures.push({ indexes, error });
    this.#failed += indexes.length;
    // What is wrong with the key, the plugin or the network is wrong for the others too.
    if (this.#together || !isAboutAText(error)) this.#stoppedBy ??= error;
  }

  #report(): void {
    try {
      this.#options.onProgress?.({
        embedded: this.#embedded,
        failed: this.#failed,
        total: this.#texts.length,
      });
    } catch (cause) {
      const expected = 'a function that does not throw';
      this.#fatal ??= new InvalidInputError(`\`onProgress\` must be ${expected}, but threw`, {
        details: { argument: 'onProgress', received: 'an error', expected },
        cause,
      });
    }
  }
}

/** Asked again each time: it changes while others are waited for. */
function isAborted(signal: AbortSignal | undefined): signal is AbortSignal {
  return signal?.aborted === true;
}

function isAboutAText({ details }: MemvidError): boolean {
  return ABOUT_A_TEXT.has(details?.['status']) || ABOUT_A_TEXT.has(details?.['reason']);
}

type Whose = Readonly<Record<'provider' | 'model', string>>;

function failureOf(thrown: unknown, whose: Whose, timeoutMs: number): MemvidError {
  if (thrown instanceof DOMException && thrown.name === 'TimeoutError') {
    return new EmbeddingFailedError(
      `${whose.provider} ${whose.model} gave no answer within ${timeoutMs} ms`,
      {
        details: { ...whose, reason: 'timeout', retryable: true },
        cause: thrown,
      },
    );
  }
  return embeddingFailure(thrown, whose);
}

/** The same error with the number of tries among its details. */
function withAttempts(error: MemvidError, attempts: number): MemvidError {
  if (error.details?.['attempts'] !== undefined) return error;
  const tried = attempts === 1 ? '' : ` (after ${attempts} tries)`;
  return again(error, `${error.message}${tried}`, { attempts });
}

function partial(error: MemvidError, outcome: EmbedOutcome, total: number): MemvidError {
  const without = outcome.vectors.flatMap((vector, index) => (vector === undefined ? [index] : []));
  return again(error, error.message, { embedded: total - without.length, total, failed_inputs: without });
}

function again(error: MemvidError, message: string, details: Record<string, unknown>): MemvidError {
  return createError(error.code, message, {
    details: { ...error.details, ...details },
    suggestion: error.suggestion ?? undefined,
    cause: error.cause,
  });
}

function emptyText(whose: Whose, name: string, index: number): EmbeddingFailedError {
  return new EmbeddingFailedError(
    `${name} is empty: there is nothing ${whose.provider} ${whose.model} could make a vector of`,
    { details: { ...whose, reason: 'empty_text', index, retryable: false } },
  );
}

function aborted(signal: AbortSignal): UnsupportedOperationError {
  return new UnsupportedOperationError('Embedding was ended by its signal', {
    details: { operation: 'embed', reason: 'aborted' },
    cause: signal.reason,
  });
}
