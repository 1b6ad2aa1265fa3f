import { createHash } from 'node:crypto';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { onTestFinished } from 'vitest';

export interface Received {
  readonly path: string;
  readonly range: string | undefined;
  readonly authorization: string | undefined;
}

/** What goes wrong with the next answers for files, one after the other. */
export type Fault =
  | { readonly kind: 'status'; readonly status: number }
  /** The connection is cut after so many bytes of the answer, once the client has noted that it has them all. */
  | { readonly kind: 'cut'; readonly after: number; readonly noted?: number }
  /** Headers and the first byte, and then nothing. */
  | { readonly kind: 'hang' }
  /** The whole file, whatever part was asked for. */
  | { readonly kind: 'no-ranges' }
  | { readonly kind: 'other-bytes' };

export const COMMIT: string = 'c'.repeat(40);

/** A server on this machine that answers as the hub does. */
export async function startHub(
  files: Readonly<Record<string, Buffer>>,
  options: { checksums?: boolean } = {},
): Promise<{ baseUrl: string; received: Received[]; faults: Fault[]; note(done: number): void }> {
  const received: Received[] = [];
  const faults: Fault[] = [];
  // What a client has not taken out of its stream is lost to it when the connection ends.
  let cutting: { at: number; cut(): void } | undefined;
  const note = (done: number): void => {
    if (cutting !== undefined && done >= cutting.at) cutting.cut();
  };
  const server = createServer((request, response) => answer(request, response));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  onTestFinished(() => {
    server.closeAllConnections();
    server.close();
  });
  const { port } = server.address() as AddressInfo;
  return { baseUrl: `http://127.0.0.1:${port}`, received, faults, note };

  function answer(request: IncomingMessage, response: ServerResponse): void {
    const path = decodeURIComponent(request.url ?? '');
    const { range, authorization } = request.headers;
    received.push({ path, range, authorization });
    if (path === '/api/models/owner/model/revision/main?blobs=true') {
      response.setHeader('content-type', 'application/json');
      response.end(JSON.stringify({ sha: COMMIT, siblings: Object.entries(files).map(listed) }));
      return;
    }
    const name = path.replace(`/owner/model/resolve/${COMMIT}/`, '');
    const file = files[name];
    if (file === undefined) {
      response.writeHead(404).end('Entry not found');
      return;
    }
    send(file, range, response);
  }

  function listed([rfilename, data]: [string, Buffer]): object {
    if (options.checksums === false) return { rfilename, size: data.length };
    const large = data.length > 1000;
    const blob = createHash('sha1').update(`blob ${data.length}\0`).update(data).digest('hex');
    const sha256 = createHash('sha256').update(data).digest('hex');
    return {
      rfilename,
      size: data.length,
      blobId: blob,
      ...(large ? { lfs: { sha256, size: data.length, pointerSize: 130 } } : {}),
    };
  }

  function send(file: Buffer, range: string | undefined, response: ServerResponse): void {
    const fault = faults.shift();
    if (fault?.kind === 'status') {
      response.writeHead(fault.status).end();
      return;
    }
    const start =
      fault?.kind === 'no-ranges' || range === undefined ? 0 : Number(/^bytes=(\d+)-$/.exec(range)?.[1]);
    if (start >= file.length && start > 0) {
      response.writeHead(416, { 'content-range': `bytes */${file.length}` }).end();
      return;
    }
    const body =
      fault?.kind === 'other-bytes' ? Buffer.alloc(file.length - start, 'x') : file.subarray(start);
    response.writeHead(start > 0 ? 206 : 200, {
      'content-length': body.length,
      ...(start > 0 ? { 'content-range': `bytes ${start}-${file.length - 1}/${file.length}` } : {}),
    });
    if (fault?.kind === 'hang') {
      response.write(body.subarray(0, 1));
    } else if (fault?.kind === 'cut') {
      response.flushHeaders();
      const cut = (): void => {
        cutting = undefined;
        response.socket?.end();
      };
      if (fault.noted !== undefined) cutting = { at: fault.noted, cut };
      if (fault.after > 0) response.write(body.subarray(0, fault.after));
      if (fault.noted === undefined) cut();
    } else {
      response.end(body);
    }
  }
}
