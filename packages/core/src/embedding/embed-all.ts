import { reportProgress } from '../callers.js';
import { createError, EmbeddingFailedError, type MemvidError, UnsupportedOperationError } from '../errors.js';
import type { Embedder, EmbeddingIdentity, EmbedResult } from '../providers/embedder.js';
import { checkArray, checkOneOf, checkOptional, checkInteger, invalidInput } from '../validate.js';
import { again, isTimeout, MOST_WAIT, withAttempts } from './attempts.js';
import { batchesOf } from './batches.js';
import { checkCallSettings, checkEmbedder, declaredDimension } from './check-embedder.js';
import { checkedUsage, checkedVectors } from './check-vectors.js';
import { embeddingFailure } from './request-failed.js';
import { retryAdviceOf } from './retry-advice.js';
import { backoff, limited, pause } from './waiting.js';

/** How far the work is; counts of texts. */
export interface EmbedProgress {
  readonly embedded: number;
  readonly failed: number;
  readonly total: number;
  /** Of `embedded`, those that were longer than the model reads and lost their end; absent when the embedder does not say. */
  readonly truncated?: number | undefined;
}

export interface EmbedAllOptions {
  kind: 'document' | 'query';
  /** Ends the work: MV018, and nothing is given. */
  signal?: AbortSignal | undefined;
  /** Called behind each call of the embedder, and waited for. What it throws ends the work: MV019. */
  onProgress?: ((progress: EmbedProgress) => unknown) | undefined;
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
  /** What `onProgress` is called in messages. Default: `onProgress`. */
  progressName?: string | undefined;
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
  /** Texts that were longer than the model reads and lost their end, as far as the embedder says. */
  readonly truncated: number | undefined;
}

/** A vector for every text. */
export interface Embedded extends EmbedOutcome {
  readonly vectors: readonly Float32Array[];
}

const CONCURRENCY = 4;
const TIMEOUT_MS = 120_000;
const RETRIES = 3;
/** Statuses and reasons that are about one text of a call, and not about the call. */
const ABOUT_A_TEXT: ReadonlySet<unknown> = /* @__PURE__ */ new Set([
  400,
  413,
  422,
  'empty_text',
  'empty',
  'not_finite',
  'zero_vector',
]);
/** From so many texts on a refused call is first tried with single ones, to see whether it is about a text at all. */
const MANY = 16;
/** Most inputs without a vector that an error lists. */
const MOST_LISTED = 100;

/**
 * Vectors for all texts, or an error and none: texts in batches that one call takes, several calls at a time, each
 * tried again as long as its failure may pass, every answer checked. The error's `details` tell how many of the
 * texts had a vector (`embedded` of `total`) and which had none (`failed_inputs`, the first hundred).
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
  checkEmbedder(embedder, 'embedder');
  if (typeof options !== 'object' || options === null) {
    throw invalidInput('options', options, 'an object with `kind`');
  }
  checkOneOf('kind', options.kind, ['document', 'query']);
  checkOptional('dimension', options.dimension, (name, value) => checkInteger(name, value, { min: 1 }));
  checkCallSettings(options, '');
  return new Work(embedder, checkedTexts(texts), options, together).done();
}

function checkedTexts(texts: readonly string[]): readonly string[] {
  return checkArray('texts', texts, 'an array of strings').map((text, index) => {
    if (typeof text !== 'string') throw invalidInput(`texts[${index}]`, text, 'a string');
    return text;
  });
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
  /** Batches that no worker has taken yet, and those that were given up when the work was over. */
  readonly #queue: number[][];
  /** Ends every call and wait: aborted with the caller's signal, and by what ends the work. */
  readonly #over = new AbortController();
  #dimension: number | undefined;
  #tokens: number | undefined;
  #truncated: number | undefined;
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
    this.#dimension = options.dimension ?? declaredDimension(embedder);
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
    const end = (): void => this.#over.abort(signal?.reason);
    signal?.addEventListener('abort', end, { once: true });
    if (isAborted(signal)) end();
    try {
      const workers = Math.min(this.#queue.length, concurrency ?? this.#embedder.concurrency ?? CONCURRENCY);
      await Promise.all(Array.from({ length: workers }, () => this.#work()));
    } finally {
      signal?.removeEventListener('abort', end);
    }
    if (isAborted(signal)) throw aborted(signal);
    if (this.#fatal !== undefined) throw this.#fatal;
    // Texts that were not tried share the failure that ended the work.
    const rest = this.#queue.flat().toSorted((left, right) => left - right);
    const cause = this.#stoppedBy;
    if (cause !== undefined && rest.length > 0) this.#fail(rest, cause);
    if (this.#embedded + this.#failed !== this.#texts.length) {
      // Nobody may take a text that was left out for one that has a vector.
      throw createError(
        'MV999',
        `${this.#embedded} of ${this.#texts.length} texts have a vector, and ${this.#failed} a failure`,
      );
    }
    const dimension = this.#embedded > 0 ? this.#dimension : undefined;
    return {
      vectors: this.#vectors,
      failures: this.#failures,
      stoppedBy: this.#stoppedBy,
      identity: dimension === undefined ? undefined : { ...this.#whose, dimension, normalized: normalize },
      tokens: this.#tokens,
      truncated: this.#truncated,
    };
  }

  /** Takes batches until there are none, or the work is over. */
  async #work(): Promise<void> {
    while (!this.#over.signal.aborted) {
      const batch = this.#queue.shift();
      if (batch === undefined) return;
      const failure = await this.#embed(batch);
      if (failure === undefined) {
        await this.#report();
      } else if (failure === 'over') {
        this.#queue.push(batch);
      } else if (this.#together || batch.length === 1 || !isAboutAText(failure)) {
        this.#fail(batch, failure);
        await this.#report();
      } else {
        await this.#divide(batch, failure);
      }
    }
  }

  /**
   * Takes a refused batch apart: which text it is about the service seldom says, and halves tell. But a refusal may be
   * about what all calls have in common (an option that the model does not know), and then every text would be asked for
   * in vain. So as long as nothing has succeeded, the shortest text and one of middle length are tried alone: when both
   * are refused, it is not about a text.
   */
  async #divide(batch: readonly number[], failure: MemvidError): Promise<void> {
    const tried = new Set<number>();
    if (this.#embedded === 0 && batch.length >= MANY) {
      const byLength = batch.toSorted((left, right) => this.#lengthOf(left) - this.#lengthOf(right));
      const refused: EmbedFailure[] = [];
      for (const index of [byLength[0] ?? 0, byLength[byLength.length >> 1] ?? 0]) {
        const alone = await this.#embed([index]);
        if (alone === 'over' || (alone !== undefined && !isAboutAText(alone))) {
          if (alone !== 'over') this.#stop(alone);
          this.#queue.push(batch.filter((other) => !tried.has(other)));
          return;
        }
        if (alone !== undefined) refused.push({ indexes: [index], error: alone });
        else tried.add(index);
        if (alone === undefined || this.#embedded > 0) break;
      }
      if (this.#embedded === 0) {
        this.#stop(failure);
        this.#queue.push([...batch]);
        return;
      }
      for (const { indexes, error } of refused) {
        this.#fail(indexes, error);
        for (const index of indexes) tried.add(index);
      }
      await this.#report();
    }
    const rest = batch.filter((index) => !tried.has(index));
    const middle = rest.length >> 1;
    this.#queue.unshift(...[rest.slice(0, middle), rest.slice(middle)].filter(({ length }) => length > 0));
  }

  #lengthOf(index: number): number {
    return this.#texts[index]?.length ?? 0;
  }

  /** One call, tried until it succeeds (`undefined`), fails for good, or the work is over before. */
  async #embed(batch: readonly number[]): Promise<MemvidError | 'over' | undefined> {
    const { wait = pause, maxRetries = this.#embedder.maxRetries ?? RETRIES } = this.#options;
    const { signal } = this.#over;
    for (let tries = 1; ; tries += 1) {
      try {
        this.#take(batch, await this.#call(batch));
        return undefined;
      } catch (thrown) {
        if (signal.aborted) return 'over';
        const error = failureOf(thrown, this.#whose, this.#timeoutMs);
        const { retryable, retryAfterMs } = retryAdviceOf(error);
        const delay = retryAfterMs ?? backoff(tries);
        // One that was tried by a pipeline further in has had its tries.
        const hadTries = error.details?.['attempts'] !== undefined;
        const isLast = tries > maxRetries || delay > MOST_WAIT || hadTries;
        if (!retryable || isLast) return withAttempts(error, tries);
        await wait(delay, signal);
        if (signal.aborted) return 'over';
      }
    }
  }

  /** The embedder gets a list of its own, and what it throws at once rejects like any other failure. */
  #call(batch: readonly number[]): Promise<EmbedResult> {
    const { kind } = this.#options;
    const texts = batch.map((index) => this.#texts[index] ?? '');
    return limited(this.#timeoutMs, [this.#over.signal], async (own) =>
      this.#embedder.embed(texts, { kind, signal: own }),
    );
  }

  #take(batch: readonly number[], given: EmbedResult): void {
    const vectors = checkedVectors(given, {
      ...this.#whose,
      count: batch.length,
      dimension: this.#dimension,
      isDeclared: this.#options.dimension === undefined && declaredDimension(this.#embedder) !== undefined,
      normalize: this.#options.normalize ?? true,
      nameOf: (place) => this.#nameOf(batch[place] ?? 0),
      indexOf: (place) => batch[place] ?? 0,
    });
    // Read before anything counts as made: it may throw, and then the call has failed.
    const { tokens, truncated } = checkedUsage(given, this.#whose);
    this.#dimension ??= vectors[0]?.length;
    vectors.forEach((vector, place) => {
      this.#vectors[batch[place] ?? 0] = vector;
    });
    this.#embedded += batch.length;
    this.#tokens = sum(this.#tokens, tokens);
    this.#truncated = sum(this.#truncated, truncated);
  }

  #fail(indexes: readonly number[], error: MemvidError): void {
    this.#failures.push({ indexes, error });
    this.#failed += indexes.length;
    // What is wrong with the key, the plugin or the network is wrong for the others too.
    if (this.#together || !isAboutAText(error)) this.#stop(error);
  }

  /** Ends the work: what other workers do would be in vain. */
  #stop(error: MemvidError): void {
    this.#stoppedBy ??= error;
    this.#over.abort();
  }

  async #report(): Promise<void> {
    const { onProgress, progressName: argument = 'onProgress' } = this.#options;
    if (onProgress === undefined) return;
    const progress = {
      embedded: this.#embedded,
      failed: this.#failed,
      total: this.#texts.length,
      ...(this.#truncated === undefined ? {} : { truncated: this.#truncated }),
    };
    const failure = await reportProgress(onProgress, progress, argument);
    if (failure === undefined) return;
    this.#fatal ??= failure;
    this.#over.abort();
  }
}

/** A count that is unknown until somebody says it. */
function sum(before: number | undefined, more: number | undefined): number | undefined {
  return more === undefined ? before : (before ?? 0) + more;
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
  if (isTimeout(thrown)) {
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

function partial(error: MemvidError, outcome: EmbedOutcome, total: number): MemvidError {
  const without = outcome.vectors.flatMap((vector, index) => (vector === undefined ? [index] : []));
  const { index } = error.details ?? {};
  // Where one input is at fault, those that were asked for with it, and behind it, are not.
  const failed = typeof index === 'number' ? [index] : without;
  return again(error, error.message, {
    embedded: total - without.length,
    total,
    failed: failed.length,
    failed_inputs: failed.slice(0, MOST_LISTED),
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
