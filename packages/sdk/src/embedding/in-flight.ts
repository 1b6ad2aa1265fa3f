/** What vectors are made for: a question, whose caller wants nothing of a closed memory, or a write that was promised. */
export type Purpose = 'question' | 'write';

/** The work of embedders that is under way for one handle. An embedder may hang, and must not hold the handle with it. */
export class InFlight {
  readonly #running: Readonly<Record<Purpose, Set<AbortController>>> = {
    question: new Set(),
    write: new Set(),
  };
  /** Of the memory that this is a part of. */
  readonly #outer: InFlight | undefined;

  constructor(outer: InFlight | undefined) {
    this.#outer = outer;
  }

  /**
   * Runs work until it is done, `signal` is aborted, or it is ended: then it rejects with the reason, though what it
   * called may not listen.
   */
  async run<T>(
    purpose: Purpose,
    signal: AbortSignal | undefined,
    work: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const stop = new AbortController();
    const end = (): void => stop.abort(signal?.reason);
    const places = this.#placesOf(purpose);
    for (const place of places) place.add(stop);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
    try {
      const ended = new Promise<never>((_, reject) => {
        const refuse = (): void => reject(stop.signal.reason as Error);
        if (stop.signal.aborted) refuse();
        else stop.signal.addEventListener('abort', refuse, { once: true });
      });
      ended.catch(() => undefined);
      const working = work(stop.signal);
      // Who loses the race must not go unheard either.
      working.catch(() => undefined);
      return await Promise.race([ended, working]);
    } finally {
      signal?.removeEventListener('abort', end);
      for (const place of places) place.delete(stop);
    }
  }

  /** Ends what runs for a purpose, for a reason. */
  end(purpose: Purpose, reason: Error): void {
    for (const stop of this.#running[purpose]) stop.abort(reason);
  }

  #placesOf(purpose: Purpose): Set<AbortController>[] {
    const outer = this.#outer === undefined ? [] : this.#outer.#placesOf(purpose);
    return [this.#running[purpose], ...outer];
  }
}
