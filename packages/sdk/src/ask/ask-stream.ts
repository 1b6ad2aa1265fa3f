import type { AskPart, AskResult, AskStream } from '../ask.js';
import { UnsupportedOperationError } from '@memvid/core';
import type { AskSource } from './sources.js';

/** What an answer comes from: its pieces, and what is known of it at the end. */
export type Pieces = AsyncGenerator<string, AskResult, undefined>;

/** What a stream holds while it is read. */
export interface Turn {
  /** With the first call for a part or the result, before anything is asked. Throws what stands against it. */
  begin(): void;
  /** It is over, though it may not have begun. */
  end(): void;
}

/** An answer that is pulled out of its pieces: by whoever reads them, or by whoever waits for the result alone. */
export class PulledStream implements AskStream {
  readonly sources: AskSource[];
  readonly model: string | undefined;
  readonly #pieces: Pieces;
  readonly #stop: AbortController;
  readonly #turn: Turn;
  readonly #result: Promise<AskResult>;
  #resolve!: (result: AskResult) => void;
  #reject!: (error: unknown) => void;
  /** Parts that were pulled and that nobody has read yet. */
  readonly #parts: AskPart[] = [];
  /** The pull that is under way; all who wait share it, so that parts stay in their order. */
  #pulling: Promise<void> | undefined;
  #isOver = false;
  #failure: { readonly error: unknown } | undefined;
  #isRead = false;

  constructor(
    pieces: Pieces,
    stop: AbortController,
    turn: Turn,
    { sources, model }: { sources: AskSource[]; model: string | undefined },
  ) {
    this.#pieces = pieces;
    this.#stop = stop;
    this.#turn = turn;
    this.sources = sources;
    this.model = model;
    this.#result = new Promise((resolve, reject) => {
      this.#resolve = resolve;
      this.#reject = reject;
    });
    // Nobody has to ask for it.
    this.#result.catch(() => undefined);
  }

  get result(): Promise<AskResult> {
    this.#begin();
    // Whoever reads the parts as well begins before the next turn, and sets the pace then.
    setImmediate(() => {
      if (!this.#isRead) this.#drain().catch(() => undefined);
    });
    return this.#result;
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<AskPart, void, undefined> {
    this.#isRead = true;
    this.#begin();
    try {
      for (;;) {
        const part = this.#parts.shift();
        if (part !== undefined) yield part;
        else if (this.#failure !== undefined) throw this.#failure.error;
        else if (this.#isOver) return;
        else await this.#pull();
      }
    } finally {
      await this.cancel();
    }
  }

  async cancel(): Promise<void> {
    if (this.#isOver) return;
    const error = new UnsupportedOperationError('The answer was left before its end', {
      details: { operation: 'askStream', reason: 'aborted' },
      suggestion: 'Read the parts to their end, or wait for `result` alone.',
    });
    this.#end({ error });
    this.#stop.abort(error);
    // Not waited for: it may hang in what it asked for.
    this.#pieces.return(undefined as never).catch(() => undefined);
  }

  #begin(): void {
    if (this.#isOver) return;
    try {
      this.#turn.begin();
    } catch (error) {
      this.#end({ error });
    }
  }

  async #drain(): Promise<void> {
    while (!this.#isOver) await this.#pull();
  }

  #pull(): Promise<void> {
    this.#pulling ??= this.#next().finally(() => {
      this.#pulling = undefined;
    });
    return this.#pulling;
  }

  async #next(): Promise<void> {
    try {
      const { done, value } = await this.#pieces.next();
      if (this.#isOver) return;
      if (done !== true) {
        this.#parts.push({ type: 'text', text: value });
        return;
      }
      this.#parts.push({ type: 'result', result: value });
      this.#isOver = true;
      this.#turn.end();
      this.#resolve(value);
    } catch (error) {
      this.#end({ error });
    }
  }

  #end(failure: { readonly error: unknown }): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#failure = failure;
    this.#turn.end();
    this.#reject(failure.error);
  }
}
