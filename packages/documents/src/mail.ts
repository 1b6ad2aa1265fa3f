import { createRequire } from 'node:module';
import { Worker } from 'node:worker_threads';
import type { Email } from 'postal-mime';

/** Messages in messages are left to ours, which counts how deep they are: each costs the time of all that is in it. */
const OPTIONS = { maxNestingDepth: 64, forceRfc822Attachments: true } as const;

/** Larger messages go to a thread: the library takes some 13 microseconds a line, without a stop. */
const INLINE_BYTES = 128 * 1024;

/** Runs as a script of its own. The bytes of attachments come back as they are, uncopied. */
const THREAD = `
const { parentPort, workerData } = require('node:worker_threads');
const library = require(workerData.path);
(library.default ?? library).parse(workerData.data, workerData.options).then(
  (email) => {
    const contents = email.attachments.map(({ content }) => content);
    parentPort.postMessage({ email }, [...new Set(contents.filter((content) => content instanceof ArrayBuffer))]);
  },
  (error) => parentPort.postMessage({ failure: String(error?.message ?? error) }),
);
`;

/** Takes a message apart. */
export async function parseMail(data: Uint8Array, signal: AbortSignal | undefined): Promise<Email> {
  const path = data.length > INLINE_BYTES ? libraryPath() : undefined;
  if (path !== undefined) return inThread(path, data, signal);
  const { default: PostalMime } = await import('postal-mime');
  return PostalMime.parse(data, OPTIONS);
}

/** Where the library is; `undefined` in a bundle that holds it. */
function libraryPath(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve('postal-mime');
  } catch {
    return undefined;
  }
}

async function inThread(path: string, data: Uint8Array, signal: AbortSignal | undefined): Promise<Email> {
  const worker = new Worker(THREAD, {
    eval: true,
    name: 'memvid-mail',
    // The application's flags are not for it.
    execArgv: [],
    workerData: { path, data, options: OPTIONS },
  });
  try {
    return await new Promise<Email>((resolve, reject) => {
      const abort = (): void => reject(signal?.reason as Error);
      if (signal?.aborted === true) abort();
      signal?.addEventListener('abort', abort, { once: true });
      worker.on('message', ({ email, failure }: { email?: Email; failure?: string }) => {
        signal?.removeEventListener('abort', abort);
        if (email === undefined) reject(new Error(failure));
        else resolve(email);
      });
      worker.on('error', reject);
      worker.on('exit', (code) => reject(new Error(`the thread that reads mail ended with ${code}`)));
    });
  } finally {
    await worker.terminate();
  }
}
