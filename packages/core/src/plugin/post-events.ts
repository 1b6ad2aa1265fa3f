import { responseOf, tooLarge } from './answer.js';
import type { PostJsonRequest } from './post-json.js';
import { EventDecoder } from './server-sent-events.js';

/** Bytes of a stream that are read where nobody says how many. */
const STREAM_BYTES = 256 * 1024 * 1024;

/**
 * One POST that is answered in server-sent events: the data of each, as soon as it is there. A service that answers with
 * JSON instead gives one. Refusals, redirects and `maxBytes` are as for `postJson`. Whoever leaves the loop early ends
 * the request.
 */
export async function* postEvents(request: PostJsonRequest): AsyncGenerator<string, void, undefined> {
  const { url, headers, body, signal, fetch = globalThis.fetch, maxBytes = STREAM_BYTES } = request;
  const response = await responseOf(fetch, url, {
    method: 'POST',
    headers: { accept: 'text/event-stream', 'content-type': 'application/json', ...headers },
    body: JSON.stringify(body),
    ...(signal === undefined ? {} : { signal }),
  });
  const isWhole = /\bjson\b/.test(response.headers.get('content-type') ?? '');
  const decoder = new EventDecoder();
  let whole = '';
  for await (const text of textsOf(response, maxBytes)) {
    if (isWhole) whole += text;
    else yield* decoder.push(text);
  }
  const last = isWhole ? whole : decoder.end();
  if (last !== undefined) yield last;
}

/** The text of an answer in the pieces in which it comes; characters are never taken apart. */
async function* textsOf(response: Response, most: number): AsyncGenerator<string, void, undefined> {
  const body = response.body as ReadableStream<Uint8Array> | null;
  // A `fetch` of another make may have no streams.
  if (typeof body?.getReader !== 'function') {
    yield await response.text();
    return;
  }
  const reader = body.getReader();
  const decoder = new TextDecoder();
  let size = 0;
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.byteLength;
      if (size > most) throw tooLarge(most);
      yield decoder.decode(value, { stream: true });
    }
    yield decoder.decode();
  } finally {
    // Of a stream that is over this does nothing; of another it ends the request.
    reader.cancel().catch(() => undefined);
  }
}
