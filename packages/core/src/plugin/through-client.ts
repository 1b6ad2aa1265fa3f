/** What a request through a vendor's client needs of us. */
export interface ClientCall {
  /** Default: that of the platform. */
  readonly fetch?: typeof globalThis.fetch | undefined;
  readonly signal?: AbortSignal | undefined;
}

/** No service uses it: tells the client that there was no answer. */
const NO_ANSWER = 599;

/**
 * Runs one request of a vendor's client with a `fetch` that never rejects. Clients wrap what `fetch` throws so that
 * its code is lost, and some leave a timer running when it does, which would keep the process alive for as long as
 * the time-out that we do not want is. What `fetch` threw is thrown here; `signal` goes to `fetch` itself.
 */
export async function throughClient<T>(
  { fetch = globalThis.fetch, signal }: ClientCall,
  call: (observed: typeof globalThis.fetch) => Promise<T>,
): Promise<T> {
  let failure: { readonly thrown: unknown } | undefined;
  const observed: typeof globalThis.fetch = async (input, init) => {
    try {
      return await fetch(input, { ...init, ...(signal === undefined ? {} : { signal }) });
    } catch (thrown) {
      failure = { thrown };
      return Response.json({ message: 'no answer' }, { status: NO_ANSWER });
    }
  };
  try {
    return await call(observed);
  } catch (error) {
    throw failure === undefined ? error : failure.thrown;
  }
}

/** For clients that cannot be told to wait without an end: longer than anybody does, in what timers can count. */
export const NO_TIMEOUT_MS = 2_147_483_000;
