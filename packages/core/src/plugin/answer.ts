import { EmbeddingFailedError } from '../errors.js';

/** An answer that is no success. Its fields are what `retryAdviceOf` reads. */
export class HttpError extends Error {
  readonly status: number;
  readonly headers: Headers;
  /** What the service wrote: JSON where it is, else its text; of a long one the beginning. */
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

/** Bytes of a refusal that are read: what it says fits in, and nobody waits for the rest. */
const REFUSAL_BYTES = 64 * 1024;
/** Bytes of an answer that are read where nobody knows what a right one needs. */
const ANSWER_BYTES = 256 * 1024 * 1024;

/**
 * The JSON that a service answers. Redirects are refused, since they carry texts and key somewhere else, and no more is
 * read than `maxBytes`, counted as they come out of their compression: both MV015. Other answers than 2xx are an
 * `HttpError`.
 */
export async function answerOf(
  fetch: typeof globalThis.fetch,
  input: Parameters<typeof globalThis.fetch>[0],
  init: RequestInit,
  maxBytes: number = ANSWER_BYTES,
): Promise<unknown> {
  const response = await responseOf(fetch, input, init);
  const text = await textOf(response, maxBytes);
  const answer = parsed(text);
  // Cut on its way, or a page of something in between: the next try may get through.
  if (answer === undefined) throw new SyntaxError(`${text.length} characters`);
  return answer;
}

/** An answer that is a success, with its body still to be read. */
export async function responseOf(
  fetch: typeof globalThis.fetch,
  input: Parameters<typeof globalThis.fetch>[0],
  init: RequestInit,
): Promise<Response> {
  const response = await fetch(input, { ...init, redirect: 'manual' });
  const { status } = response;
  if (response.type === 'opaqueredirect' || (status >= 300 && status < 400)) {
    response.body?.cancel().catch(() => undefined);
    throw new EmbeddingFailedError(
      `The service answered ${status} with another address, which gets neither the texts nor the key`,
      {
        details: { reason: 'redirected', status, retryable: false },
        suggestion: 'Pass the address that answers as `baseURL`.',
      },
    );
  }
  if (!response.ok) {
    const text = await textOf(response, REFUSAL_BYTES);
    throw new HttpError(status, response.headers, parsed(text) ?? text);
  }
  // A `fetch` of another make may have no headers.
  const type = (response.headers as Headers | undefined)?.get('content-type') ?? '';
  if (/^\s*(?:text\/html|application\/xhtml)/i.test(type)) {
    response.body?.cancel().catch(() => undefined);
    throw new EmbeddingFailedError(
      `The address answered ${status} with a web page, and is none of a service`,
      {
        details: { reason: 'web_page', status, retryable: false },
        suggestion: 'Correct the address (`baseURL`): most end in `/v1`.',
      },
    );
  }
  return response;
}

/** The text of an answer; of a refusal the beginning. */
async function textOf(response: Response, most: number): Promise<string> {
  const body = response.body as ReadableStream<Uint8Array> | null;
  // A `fetch` of another make may have no streams.
  if (typeof body?.getReader !== 'function') return (await response.text()).slice(0, most);
  const reader = body.getReader();
  const chunks: Uint8Array[] = [];
  let size = 0;
  for (;;) {
    const { done, value } = await reader.read();
    if (done) break;
    chunks.push(value);
    size += value.byteLength;
    if (size <= most) continue;
    // Whoever goes on sending is not waited for.
    reader.cancel().catch(() => undefined);
    if (!response.ok) break;
    throw tooLarge(most);
  }
  return new TextDecoder().decode(Buffer.concat(chunks).subarray(0, most));
}

export function tooLarge(limit: number): EmbeddingFailedError {
  return new EmbeddingFailedError(
    `The service answered with more than ${limit} bytes, which no right answer needs`,
    {
      details: { reason: 'too_large', limit, retryable: false },
      suggestion:
        'Check the address (`baseURL`): what answers there is none of the services that it should be.',
    },
  );
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}
