/** Longest time that a timer counts, in milliseconds; it fires at once for a longer one. */
const LONGEST_TIMER = 2_147_483_647;
/** First and longest wait between two tries, in milliseconds. */
const SHORTEST = 500;
const LONGEST = 8000;

/** How long to wait behind the `tries`-th try: doubled each time, and off by up to a half, so that many do not come back at once. */
export function backoff(tries: number, random: () => number = Math.random): number {
  const whole = Math.min(LONGEST, SHORTEST * 2 ** tries);
  return Math.round(whole / 2 + (random() * whole) / 2);
}

/** Waits, or less when `signal` is aborted. */
export function pause(milliseconds: number, signal: AbortSignal | undefined): Promise<void> {
  return new Promise((resolve) => {
    if (signal?.aborted === true) {
      resolve();
      return;
    }
    const done = (): void => {
      clearTimeout(timer);
      signal?.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, milliseconds);
    signal?.addEventListener('abort', done, { once: true });
  });
}

/**
 * What `start` gives, unless the time is over or one of the outer signals aborted before: then it rejects with that
 * signal's reason, though what was started may not listen.
 */
export async function limited<T>(
  milliseconds: number,
  outer: readonly (AbortSignal | undefined)[],
  start: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const own = new AbortController();
  const ends = outer.map((signal) => {
    const end = (): void => own.abort(signal?.reason);
    signal?.addEventListener('abort', end, { once: true });
    if (signal?.aborted === true) end();
    return () => signal?.removeEventListener('abort', end);
  });
  // What a timer cannot count, some 25 days, is no limit.
  const timer =
    milliseconds <= LONGEST_TIMER
      ? setTimeout(
          () => own.abort(new DOMException(`no answer within ${milliseconds} ms`, 'TimeoutError')),
          milliseconds,
        )
      : undefined;
  let stop = (): void => undefined;
  try {
    const ended = new Promise<never>((_, reject) => {
      stop = () => reject(own.signal.reason as Error);
      if (own.signal.aborted) stop();
      else own.signal.addEventListener('abort', stop, { once: true });
    });
    const answer = start(own.signal);
    // Who loses the race must not go unheard either.
    answer.catch(() => undefined);
    return await Promise.race([ended, answer]);
  } finally {
    clearTimeout(timer);
    for (const end of ends) end();
    own.signal.removeEventListener('abort', stop);
  }
}
