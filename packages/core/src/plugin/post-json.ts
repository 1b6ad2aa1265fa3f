import { answerOf } from './answer.js';

/** A request to a service that speaks JSON. */
export interface PostJsonRequest {
  url: string;
  headers?: Readonly<Record<string, string>> | undefined;
  body: unknown;
  /** Default: that of the platform. */
  fetch?: typeof globalThis.fetch | undefined;
  signal?: AbortSignal | undefined;
  /** Bytes of the answer that are read; more are MV015. Default 256 MiB. */
  maxBytes?: number | undefined;
}

/**
 * One POST, one answer: no retries and no time-out of its own, those are `embedAll`'s. Other answers than 2xx are
 * an `HttpError`. Redirects are refused (MV015): they turn a POST into a GET, or carry it somewhere else.
 */
export async function postJson<T>(request: PostJsonRequest): Promise<T> {
  const { url, headers, body, signal, fetch = globalThis.fetch, maxBytes } = request;
  const init: RequestInit = {
    method: 'POST',
    headers: { accept: 'application/json', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  };
  return (await answerOf(fetch, url, init, maxBytes)) as T;
}
