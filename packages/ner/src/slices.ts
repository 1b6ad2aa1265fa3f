import { setImmediate } from 'node:timers/promises';

/** How long work on texts may keep the event loop, in milliseconds. */
const SLICE = 8;

/** Lets others run when it has been a while, and ends work that nobody waits for. */
export class Slices {
  readonly #signal: AbortSignal | undefined;
  #since = performance.now();

  constructor(signal: AbortSignal | undefined) {
    this.#signal = signal;
  }

  /** Whether {@link rest} is due. */
  get isOver(): boolean {
    return performance.now() - this.#since > SLICE;
  }

  async rest(): Promise<void> {
    await setImmediate();
    this.#signal?.throwIfAborted();
    this.#since = performance.now();
  }
}
