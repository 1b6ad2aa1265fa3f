import { checkOptional, checkString, isOn } from '@memvid/core';
import { copyFile, mkdir, rename, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { checksumOf, download } from './download.js';
import { type Failure, fileFailure } from './failure.js';
import { addressOf, type Checksum, DEFAULT_BASE_URL, type Hub, type ListedFile, listFiles } from './hub.js';
import { modelsDirectory } from './models-directory.js';

/** One file of a model. */
export interface ModelFile {
  /** Path in the repository. */
  readonly path: string;
  /** Path in the folder of the model. Default: the same. */
  readonly as?: string | undefined;
  /** Left out when the repository has none. */
  readonly optional?: boolean | undefined;
}

/** Where a model comes from. */
export interface ModelSource {
  /** Name of its folder among the models. */
  readonly folder: string;
  /** `owner/name` on the hub. */
  readonly repository: string;
  /** The network comes last: while it is not there the model is not. */
  readonly files: readonly ModelFile[];
}

export interface InstallProgress {
  /** The file that is being fetched, as the repository calls it. */
  readonly file: string;
  /** Bytes of all files that are there, and all that there will be as far as it is known. */
  readonly done: number;
  readonly total: number | undefined;
}

export interface InstallOptions {
  /** The folder of all models. Default: `MEMVID_MODELS_DIR`, or `~/.memvid/models`. */
  readonly directory?: string | undefined;
  /** A hub with the same interface. Default: `https://huggingface.co`. */
  readonly baseUrl?: string | undefined;
  /** A branch, tag or commit. Default: `main`. */
  readonly revision?: string | undefined;
  /** For repositories that are not public. */
  readonly token?: string | undefined;
  /** SHA-256 of files by their path in the repository; stands above what the hub announces. */
  readonly sha256?: Readonly<Record<string, string>> | undefined;
  readonly fetch?: typeof globalThis.fetch | undefined;
  /** Longest time in which nothing comes, in milliseconds. Default: 30 000. */
  readonly timeoutMs?: number | undefined;
  /** Ends the download; what has arrived is kept, and the next call goes on with it. */
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((progress: InstallProgress) => void) | undefined;
}

export interface InstalledFile {
  readonly path: string;
  readonly size: number;
  /** Whether it came now, or was there before. */
  readonly fetched: boolean;
}

export interface InstalledModel {
  readonly folder: string;
  /** The commit the files are of. */
  readonly commit: string;
  readonly files: readonly InstalledFile[];
}

/**
 * Fetches a model into the folder of models: the only call that does. Every file is checked against a checksum before it
 * gets its name, so what lies in the folder of a model is whole.
 *
 * Fails at once, and before any request, when `MEMVID_OFFLINE` is on.
 */
export async function installModel(
  source: ModelSource,
  options: InstallOptions,
  fail: Failure,
): Promise<InstalledModel> {
  const hub = hubOf(options, fail);
  if (isOn(process.env['MEMVID_OFFLINE'])) {
    throw fail(`The model ${source.folder} cannot be fetched: MEMVID_OFFLINE is on`, {
      details: { reason: 'offline', model: source.folder },
      suggestion: 'Unset MEMVID_OFFLINE for this call, or copy the folder of the model from another machine.',
    });
  }
  hub.signal?.throwIfAborted();
  const folder = join(modelsDirectory(options.directory), source.folder);
  const listing = await listFiles(hub, source.repository, options.revision ?? 'main');
  const wanted = source.files.flatMap((file) => filesOf(file, listing.files, source, options, fail));
  const sizes = wanted.map(({ listed }) => listed.size);
  const total = sizes.includes(undefined)
    ? undefined
    : sizes.reduce<number>((sum, size) => sum + (size ?? 0), 0);

  const incoming = join(folder, '.incoming');
  const files: InstalledFile[] = [];
  const ready: { from: string; to: string }[] = [];
  let done = 0;
  for (const { file, listed, checksum } of wanted) {
    const path = join(folder, file.as ?? file.path);
    const report = (bytes: number): void =>
      options.onProgress?.({ file: file.path, done: done + bytes, total });
    const there = await sizeIfSame(path, checksum, fail);
    const size =
      there ??
      (await fetchFile(hub, listed, checksum, {
        url: addressOf(hub, source.repository, listing.commit, file.path),
        partial: join(incoming, `${checksum.value.slice(0, 16)}.part`),
        report,
      }));
    if (there === undefined) {
      ready.push({ from: join(incoming, `${checksum.value.slice(0, 16)}.part`), to: path });
    }
    report(size);
    done += size;
    files.push({ path, size, fetched: there === undefined });
  }
  hub.signal?.throwIfAborted();
  try {
    // Names are given at the end and one after the other: the network, which makes it a model, gets its last.
    for (const { from, to } of ready) {
      await mkdir(dirname(to), { recursive: true });
      await moved(from, to);
    }
    await rm(incoming, { recursive: true, force: true });
  } catch (error) {
    throw fileFailure(fail, `${folder} cannot be written`, error);
  }
  return { folder, commit: listing.commit, files };
}

function hubOf(options: InstallOptions, fail: Failure): Hub {
  const baseUrl =
    checkOptional('baseUrl', options.baseUrl, (name, value) =>
      checkString(name, value, { notBlank: true }),
    ) ?? DEFAULT_BASE_URL;
  return {
    baseUrl: baseUrl.replace(/\/+$/, ''),
    fetch: options.fetch ?? globalThis.fetch,
    token: options.token || undefined,
    signal: options.signal,
    timeoutMs: options.timeoutMs ?? 30_000,
    fail,
  };
}

/** The file as the hub lists it, with what it is checked against; none for an optional one that is not there. */
function filesOf(
  file: ModelFile,
  listed: readonly ListedFile[],
  { repository }: ModelSource,
  { sha256 }: InstallOptions,
  fail: Failure,
): { file: ModelFile; listed: ListedFile; checksum: Checksum }[] {
  const found = listed.find(({ path }) => path === file.path);
  if (found === undefined) {
    if (file.optional === true) return [];
    throw fail(`There is no file ${file.path} in ${repository}`, {
      details: { reason: 'download', file: file.path, repository },
      suggestion: 'Pass another `revision` or `variant`, or put the files there by hand.',
    });
  }
  const pinned = sha256?.[file.path]?.toLowerCase();
  const checksum: Checksum | undefined =
    pinned === undefined ? found.checksum : { algorithm: 'sha256', value: pinned };
  if (checksum === undefined) {
    throw fail(`The hub announces no checksum for ${file.path} of ${repository}`, {
      details: { reason: 'checksum', file: file.path, repository },
      suggestion: `Pass it: \`sha256: { '${file.path}': '…' }\`.`,
    });
  }
  return [{ file, listed: found, checksum }];
}

async function fetchFile(
  hub: Hub,
  listed: ListedFile,
  checksum: Checksum,
  to: { url: string; partial: string; report: (bytes: number) => void },
): Promise<number> {
  try {
    await mkdir(dirname(to.partial), { recursive: true });
  } catch (error) {
    throw fileFailure(hub.fail, `${to.partial} cannot be written`, error);
  }
  return download(hub, { url: to.url, partial: to.partial, size: listed.size, checksum }, to.report);
}

/** The size of a file that is what is wanted, or `undefined`. */
async function sizeIfSame(path: string, checksum: Checksum, fail: Failure): Promise<number | undefined> {
  try {
    const { size } = await stat(path);
    return (await checksumOf(path, checksum, size)) === checksum.value ? size : undefined;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw fileFailure(fail, `${path} cannot be read`, error);
  }
}

async function moved(from: string, to: string): Promise<void> {
  try {
    await rename(from, to);
  } catch (error) {
    // Windows does not replace a file that is open elsewhere, such as a network that is in use.
    if ((error as NodeJS.ErrnoException).code !== 'EPERM') throw error;
    await copyFile(from, to);
  }
}
