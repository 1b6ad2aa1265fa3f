import { limited } from '@memvid/core';

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
    const places = this.#placesOf(purpose);
    for (const place of places) place.add(stop);
    try {
      return await limited(Infinity, [signal, stop.signal], work);
    } finally {
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
