import { answerOf } from './answer.js';

/** What a request through a vendor's client needs of us. */
export interface ClientCall {
  /** Default: that of the platform. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly signal?: AbortSignal | undefined;
  /** Bytes of the answer that are read; more are MV015. Default 256 MiB. */
  readonly maxBytes?: number | undefined;
}

/** No service uses it: tells the client that there is no answer for it. */
const NO_ANSWER = 599;

/**
 * Has a vendor's client make one request, and gives the JSON that is answered. The client sees no answer: some follow
 * redirects with the texts and the key, read without an end, take seconds to look through an answer with many entries,
 * print what they did not expect, key and all, wrap what `fetch` throws so that its code is lost, or leave a timer
 * running. `signal` goes to `fetch` itself.
 */
export async function throughClient<T>(
  { fetch = globalThis.fetch, signal, maxBytes }: ClientCall,
  call: (observed: typeof globalThis.fetch) => Promise<unknown>,
): Promise<T> {
  let outcome: Promise<unknown> | undefined;
  const observed: typeof globalThis.fetch = async (input, init) => {
    outcome = answerOf(fetch, input, { ...init, ...(signal === undefined ? {} : { signal }) }, maxBytes);
    await outcome.catch(() => undefined);
    return Response.json({ message: 'no answer' }, { status: NO_ANSWER });
  };
  try {
    await call(observed);
  } catch (error) {
    // Without a request it is the client that refused.
    if (outcome === undefined) throw error;
  }
  return (await outcome) as T;
}

/** For clients that cannot be told to wait without an end: longer than anybody does, in what timers can count. */
export const NO_TIMEOUT_MS = 2_147_483_000;
