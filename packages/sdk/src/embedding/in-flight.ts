import { limited } from '@memvid/core';

/**
 * What is asked for: a question, whose caller wants nothing of a closed memory, a write that was promised, or the documents
 * of a source that nobody knows the end of.
 */
export type Purpose = 'question' | 'write' | 'source';

/** Work that is under way. */
export interface Entered {
  readonly signal: AbortSignal;
  leave(): void;
}

/**
 * The work of embedders, language models, readers of documents and sources that is under way for one handle. They may hang, and must
 * not hold the handle with them.
 */
export class InFlight {
  readonly #running = new Map<AbortController, Purpose>();
  /** Why nothing may begin any more, by what it would be for. */
  readonly #ended = new Map<Purpose, Error>();
  /** Of the memory that this is a part of. */
  readonly #outer: InFlight | undefined;

  constructor(outer: InFlight | undefined) {
    this.#outer = outer;
  }

  /**
   * Runs work until it is done, `signal` is aborted, or it is ended: then it rejects with the reason, though what it
   * called may not listen.
   */
  run<T>(
    purpose: Purpose,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const entered = this.enter(purpose);
    return limited(Infinity, [signal, entered.signal], work).finally(entered.leave);
  }

  /** For work that is done step by step: `signal` is aborted when it is ended, until it leaves. */
  enter(purpose: Purpose): Entered {
    const stop = new AbortController();
    const whole = this.#whole();
    for (const part of whole) {
      part.#running.set(stop, purpose);
      const reason = part.#ended.get(purpose);
      if (reason !== undefined) stop.abort(reason);
    }
    return {
      signal: stop.signal,
      leave: () => {
        for (const part of whole) part.#running.delete(stop);
      },
    };
  }

  /** Ends what runs for a purpose, and what begins from now on, for a reason. */
  end(purpose: Purpose, reason: Error): void {
    this.#ended.set(purpose, reason);
    for (const [stop, of] of this.#running) if (of === purpose) stop.abort(reason);
  }

  /** This, and what it is a part of. */
  #whole(): InFlight[] {
    return this.#outer === undefined ? [this] : [this, ...this.#outer.#whole()];
  }
}
