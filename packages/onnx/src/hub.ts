import { type Failure, messageOf } from './failure.js';

/** Where models come from when nothing else is said. */
export const DEFAULT_BASE_URL = 'https://huggingface.co';

/** One file as the hub lists it. */
export interface ListedFile {
  readonly path: string;
  readonly size: number | undefined;
  /** Large files have a SHA-256, small ones only the hash of a git blob. */
  readonly checksum: Checksum | undefined;
}

export interface Checksum {
  readonly algorithm: 'sha256' | 'git-sha1';
  /** Hexadecimal digits. */
  readonly value: string;
}

/** The files of a repository at one commit. */
export interface Listing {
  /** Files are fetched at this commit, so that a new version cannot come between two of them. */
  readonly commit: string;
  readonly files: readonly ListedFile[];
}

/** How to talk to the hub. */
export interface Hub {
  readonly baseUrl: string;
  readonly fetch: typeof globalThis.fetch;
  /** For repositories that are not public. Never part of a message. */
  readonly token: string | undefined;
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number;
  readonly fail: Failure;
}

/** What a repository holds at `revision`, by the hub's interface for models. */
export async function listFiles(hub: Hub, repository: string, revision: string): Promise<Listing> {
  const url = `${hub.baseUrl}/api/models/${repository}/revision/${encodeURIComponent(revision)}?blobs=true`;
  const timeout = AbortSignal.timeout(hub.timeoutMs);
  const signal = hub.signal === undefined ? timeout : AbortSignal.any([hub.signal, timeout]);
  let body: unknown;
  try {
    const response = await hub.fetch(url, { headers: headersOf(hub), signal });
    if (!response.ok) throw refused(hub, url, response.status);
    body = await response.json();
  } catch (error) {
    hub.signal?.throwIfAborted();
    throw unreachable(hub, url, error);
  }
  const { sha, siblings } = (body ?? {}) as { sha?: unknown; siblings?: unknown };
  if (typeof sha !== 'string' || !Array.isArray(siblings)) {
    throw hub.fail(`${url} did not answer with the files of a model`, {
      details: { reason: 'download', url },
    });
  }
  return { commit: sha, files: siblings.flatMap(listedFile) };
}

/** The address of a file. */
export function addressOf(hub: Hub, repository: string, commit: string, path: string): string {
  return `${hub.baseUrl}/${repository}/resolve/${encodeURIComponent(commit)}/${path.split('/').map(encodeURIComponent).join('/')}`;
}

export function headersOf({ token }: Hub): Record<string, string> {
  return token === undefined ? {} : { authorization: `Bearer ${token}` };
}

/** The error for an answer that is none. */
export function refused(hub: Hub, url: string, status: number): Error {
  const suggestion =
    status === 401 || status === 403
      ? 'Pass a `token` that may read the repository.'
      : status === 404
        ? 'Check the base URL and the revision: there is no such file.'
        : 'Call again: what has arrived is kept.';
  return hub.fail(`${url} answered ${status}`, {
    details: { reason: 'download', url, status, retryable: status >= 500 || status === 429 },
    suggestion,
  });
}

/** The error for a connection that failed; one of ours stays what it is. */
export function unreachable(hub: Hub, url: string, error: unknown): Error {
  if (isOwn(error)) return error;
  const cause = (error as { cause?: unknown }).cause;
  const why = cause instanceof Error ? `${messageOf(error)}: ${cause.message}` : messageOf(error);
  return hub.fail(`${url} could not be fetched: ${why}`, {
    details: { reason: 'download', url, retryable: true },
    suggestion: 'Call again: what has arrived is kept.',
    cause: error,
  });
}

function isOwn(error: unknown): error is Error {
  return error instanceof Error && 'code' in error && /^MV\d+$/.test(String(error.code));
}

function listedFile(value: unknown): ListedFile[] {
  const { rfilename, size, blobId, lfs } = (value ?? {}) as Record<string, unknown>;
  if (typeof rfilename !== 'string') return [];
  const sha256 = (lfs as { sha256?: unknown } | null | undefined)?.sha256;
  const checksum: Checksum | undefined = isHex(sha256, 64)
    ? { algorithm: 'sha256', value: sha256 }
    : isHex(blobId, 40) && lfs == null
      ? { algorithm: 'git-sha1', value: blobId }
      : undefined;
  return [{ path: rfilename, size: typeof size === 'number' ? size : undefined, checksum }];
}

function isHex(value: unknown, digits: number): value is string {
  return typeof value === 'string' && value.length === digits && /^[0-9a-f]+$/.test(value);
}
