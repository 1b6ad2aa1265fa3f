import { createHash, type Hash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { type FileHandle, open, rm, stat } from 'node:fs/promises';
import { fileFailure } from './failure.js';
import { type Checksum, headersOf, type Hub, refused, unreachable } from './hub.js';

/** What is to be fetched, and where it goes. */
export interface Wanted {
  readonly url: string;
  /** Where it grows. What is there from an earlier try is gone on with. */
  readonly partial: string;
  readonly size: number | undefined;
  readonly checksum: Checksum;
}

/** Most connections for one file that end too early one after the other without a byte more. */
const TRIES = 3;

/** Fetches a file to its end and checks it; the partial file is then whole. Returns its size. */
export async function download(hub: Hub, wanted: Wanted, onBytes: (done: number) => void): Promise<number> {
  const { partial, checksum } = wanted;
  let done = await sizeOf(partial);
  for (let idle = 0; done !== wanted.size || done === 0;) {
    hub.signal?.throwIfAborted();
    const before = done;
    try {
      const end = await fetchRest(hub, wanted, done, onBytes);
      done = end.done;
      if (end.complete) break;
      throw unreachable(hub, wanted.url, new Error(`the connection ended after ${done} bytes`));
    } catch (error) {
      hub.signal?.throwIfAborted();
      done = await sizeOf(partial);
      idle = done > before ? 0 : idle + 1;
      const { details } = error as { details?: { retryable?: unknown } };
      if (details?.retryable !== true || idle >= TRIES) throw error;
    }
  }
  const actual = await checksumOf(partial, checksum, done);
  if (actual !== checksum.value) {
    await rm(partial, { force: true });
    throw hub.fail(
      `${wanted.url} is not what was expected: its ${checksum.algorithm} is ${actual} and not ${checksum.value}`,
      {
        details: { reason: 'checksum', url: wanted.url, expected: checksum.value, actual },
        suggestion:
          'What arrived was deleted. Call again; if it happens again, something between you and the server changes files.',
      },
    );
  }
  return done;
}

/** One request for what is missing. */
async function fetchRest(
  hub: Hub,
  { url, partial, size }: Wanted,
  from: number,
  onBytes: (done: number) => void,
): Promise<{ done: number; complete: boolean }> {
  const silence = new AbortController();
  const signal = hub.signal === undefined ? silence.signal : AbortSignal.any([hub.signal, silence.signal]);
  const wait = (): NodeJS.Timeout =>
    setTimeout(() => silence.abort(new Error(`nothing came for ${hub.timeoutMs} ms`)), hub.timeoutMs);
  let timer = wait();
  let file: FileHandle | undefined;
  try {
    const headers = { ...headersOf(hub), ...(from > 0 ? { range: `bytes=${from}-` } : {}) };
    const response = await hub.fetch(url, { headers, signal });
    if (response.status === 416) {
      // The partial file is not a part of what is there now.
      await rm(partial, { force: true });
      throw unreachable(hub, url, new Error('the server has no such part'));
    }
    if (!response.ok || response.body === null) throw refused(hub, url, response.status);
    const start = response.status === 206 ? from : 0;
    if (start > 0 && !response.headers.get('content-range')?.startsWith(`bytes ${start}-`)) {
      throw hub.fail(`${url} answered with another part than the one that was asked for`, {
        details: { reason: 'download', url },
      });
    }
    const length = Number(response.headers.get('content-length') ?? Number.NaN);
    const end = size ?? (Number.isNaN(length) || encoded(response) ? undefined : start + length);
    file = await opened(hub, partial, start);
    let done = start;
    for await (const piece of response.body as unknown as AsyncIterable<Uint8Array>) {
      clearTimeout(timer);
      timer = wait();
      if (end !== undefined && done + piece.length > end) {
        await rm(partial, { force: true });
        throw hub.fail(`${url} gives more than the ${end} bytes it should have`, {
          details: { reason: 'checksum', url, expected: end },
        });
      }
      await written(hub, file, partial, piece, done);
      done += piece.length;
      onBytes(done);
    }
    await file.sync();
    return { done, complete: end === undefined || done === end };
  } catch (error) {
    const { reason } = silence.signal;
    throw unreachable(hub, url, silence.signal.aborted ? reason : error);
  } finally {
    clearTimeout(timer);
    await file?.close();
  }
}

/** Whether the length that is announced is that of something packed. */
function encoded(response: Response): boolean {
  return (response.headers.get('content-encoding') ?? 'identity') !== 'identity';
}

async function opened(hub: Hub, partial: string, start: number): Promise<FileHandle> {
  try {
    return await open(partial, start > 0 ? 'r+' : 'w');
  } catch (error) {
    throw fileFailure(hub.fail, `${partial} cannot be written`, error);
  }
}

async function written(
  hub: Hub,
  file: FileHandle,
  partial: string,
  piece: Uint8Array,
  at: number,
): Promise<void> {
  try {
    let offset = 0;
    while (offset < piece.length) {
      const { bytesWritten } = await file.write(piece, offset, piece.length - offset, at + offset);
      offset += bytesWritten;
    }
  } catch (error) {
    throw fileFailure(hub.fail, `${partial} cannot be written`, error);
  }
}

async function sizeOf(path: string): Promise<number> {
  return stat(path).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The checksum of a file, by the way it is to be compared. */
export async function checksumOf(path: string, { algorithm }: Checksum, size: number): Promise<string> {
  const hash: Hash =
    algorithm === 'sha256' ? createHash('sha256') : createHash('sha1').update(`blob ${size}\0`);
  for await (const piece of createReadStream(path)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
