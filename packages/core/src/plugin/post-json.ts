/** A request to a service that speaks JSON. */
export interface PostJsonRequest {
  url: string;
  headers?: Readonly<Record<string, string>> | undefined;
  body: unknown;
  /** Default: that of the platform. */
  fetch?: typeof globalThis.fetch | undefined;
  signal?: AbortSignal | undefined;
}

/** An answer that is no success. Its fields are what `retryAdviceOf` reads. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Headers;
  /** What the service wrote: JSON where it is, else its text. */
  readonly body: unknown;

  constructor(status: number, headers: Headers, body: unknown) {
    super(`HTTP status ${status}`);
    this.status = status;
    this.headers = headers;
    this.body = body;
  }
  override get name(): string {
    return 'HttpError';
  }
}

/**
 * One POST, one answer: no retries and no time-out of its own, those are `embedAll`'s. Other answers than 2xx are
 * an `HttpError`. Redirects are refused: they turn a POST into a GET, or carry it somewhere else.
 */
export async function postJson<T>(request: PostJsonRequest): Promise<T> {
  const { url, headers, body, signal, fetch = globalThis.fetch } = request;
  const response = await fetch(url, {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    redirect: 'error',
    ...(signal === undefined ? {} : { signal }),
  });
  const text = await response.text();
  const answer = parsed(text);
  if (!response.ok) throw new HttpError(response.status, response.headers, answer ?? text);
  if (answer === undefined) {
    // Cut on its way, or a page of something in between: the next try may get through.
    throw new SyntaxError(`${text.length} characters`);
  }
  return answer as T;
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
