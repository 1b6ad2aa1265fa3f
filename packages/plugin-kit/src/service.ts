import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request that a service got. */
export interface ServiceRequest {
  readonly method: string;
  /** With its query. */
  readonly path: string;
  readonly headers: Readonly<Record<string, string>>;
  /** JSON where it is, else text. */
  readonly body: unknown;
}

/** What a service answers: JSON, or text as it is; `"hang"`: nothing; `"reset"`: it breaks the connection. */
export type ServiceReply =
  | 'hang'
  | 'reset'
  | {
      readonly status?: number | undefined;
      readonly headers?: Readonly<Record<string, string>> | undefined;
      readonly body: unknown;
    }
  | ServiceStream;

/** An answer that is written piece by piece. Where `pieces` throw, the connection breaks. */
export interface ServiceStream {
  readonly headers?: Readonly<Record<string, string>> | undefined;
  readonly pieces: Iterable<string | Uint8Array> | AsyncIterable<string | Uint8Array>;
}

/** A service on this machine that stands for a vendor's. */
export interface Service {
  /** `http://127.0.0.1:PORT` */
  readonly url: string;
  readonly requests: readonly ServiceRequest[];
  /** Resolves when the client has broken the connection of as many requests. */
  left(count: number): Promise<void>;
  close(): Promise<void>;
}

/** Starts a service that answers each request by `reply`, which also gets how many came before. */
export async function startService(
  reply: (request: ServiceRequest, count: number) => ServiceReply,
): Promise<Service> {
  const requests: ServiceRequest[] = [];
  const connections = new Connections();
  const answer = async (message: IncomingMessage, response: ServerResponse): Promise<void> => {
    response.on('close', () => {
      if (!response.writableFinished) connections.leave();
    });
    const request = await received(message);
    const count = requests.push(request) - 1;
    const given = reply(request, count);
    if (given === 'hang') return;
    if (given === 'reset') {
      message.socket.resetAndDestroy();
      return;
    }
    if ('pieces' in given) {
      await writeStream(response, given);
      return;
    }
    const { status = 200, headers = {}, body } = given;
    const text = typeof body === 'string' ? body : JSON.stringify(body);
    response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text);
  };
  const server = createServer((message, response) => {
    answer(message, response).catch(() => message.socket.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, '127.0.0.1', resolve);
  });
  const { port } = server.address() as AddressInfo;
  return {
    url: `http://127.0.0.1:${port}`,
    requests,
    left: (count) => connections.left(count),
    close: () => closed(server),
  };
}

/** Counts the requests whose client did not stay until the end of the answer. */
class Connections {
  #left = 0;
  readonly #waiting: { readonly count: number; readonly resolve: () => void }[] = [];

  leave(): void {
    this.#left += 1;
    for (const { count, resolve } of this.#waiting) if (this.#left >= count) resolve();
  }

  left(count: number): Promise<void> {
    return new Promise((resolve) => {
      this.#waiting.push({ count, resolve });
      if (this.#left >= count) resolve();
    });
  }
}

async function writeStream(response: ServerResponse, { headers, pieces }: ServiceStream): Promise<void> {
  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache', ...headers });
  response.flushHeaders();
  for await (const piece of pieces) {
    if (response.destroyed) return;
    response.write(piece);
  }
  response.end();
}

async function received(message: IncomingMessage): Promise<ServiceRequest> {
  let text = '';
  for await (const chunk of message.setEncoding('utf8')) text += chunk as string;
  let body: unknown = text;
  try {
    body = JSON.parse(text);
  } catch {
    // Text, then.
  }
  const headers = Object.fromEntries(
    Object.entries(message.headers).map(([name, value]) => [
      name,
      Array.isArray(value) ? value.join(', ') : (value ?? ''),
    ]),
  );
  return { method: message.method ?? '', path: message.url ?? '', headers, body };
}

function closed(server: Server): Promise<void> {
  return new Promise((resolve) => {
    server.close(() => resolve());
    server.closeAllConnections();
  });
}
