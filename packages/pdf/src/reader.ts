import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { toMemvidError, UnsupportedOperationError } from '@memvid/core';
import { addonMissing, addonTargets } from './addon.js';
import type { PdfDocument, PdfPage } from './document.js';
import { isReason, unreadable } from './failures.js';
import type { Answer, Request } from './messages.js';

/** A document to be read, nothing left open. */
export interface Order {
  readonly layout: boolean;
  readonly maxPages: number;
  readonly timeoutMs: number;
  readonly filename: string | undefined;
  readonly signal: AbortSignal | undefined;
}

/** Bytes that reading may write to, where the system can be told. A thousand pages take some 200 MB. */
const MEMORY = 2 ** 31;
/** Readers at work at the same time. */
const MOST = 2;
/** How long a reader waits for the next document, in milliseconds: starting one takes some 50. */
const IDLE = 5000;

/**
 * A process that reads one document after the other. What a file can do to it (a crash, a loop, all the memory) it can do
 * to nobody else; it is stopped when the time is over or nobody wants the answer any more.
 */
export class Reader {
  static readonly #idle: Reader[] = [];
  static readonly #waiting: ((reader: Reader) => void)[] = [];
  static #alive = 0;

  /** Reads a document with a reader that is idle, a new one, or the next that is done with its own. */
  static async read(data: Uint8Array, order: Order): Promise<PdfDocument> {
    const reader = await Reader.#take(order.signal);
    try {
      return await reader.#read(data, order);
    } finally {
      reader.#done();
    }
  }

  static #take(signal: AbortSignal | undefined): Promise<Reader> {
    const idle = Reader.#idle.pop();
    if (idle !== undefined) return Promise.resolve(idle);
    if (Reader.#alive < MOST) return Promise.resolve(new Reader());
    return new Promise((resolve, reject) => {
      const abort = (): void => {
        Reader.#waiting.splice(Reader.#waiting.indexOf(take), 1);
        reject(signal?.reason as Error);
      };
      const take = (reader: Reader): void => {
        signal?.removeEventListener('abort', abort);
        resolve(reader);
      };
      signal?.addEventListener('abort', abort, { once: true });
      Reader.#waiting.push(take);
    });
  }

  readonly #process: ChildProcess;
  #ended = false;
  #rest: NodeJS.Timeout | undefined;

  constructor() {
    Reader.#alive += 1;
    // In the sources of this package, which tests import, the file has its other ending.
    const file = import.meta.url.endsWith('.ts') ? './reader-process.ts' : './reader-process.js';
    this.#process = fork(fileURLToPath(new URL(file, import.meta.url)), [], {
      // The application's flags are not for this file: `--input-type`, for one, would refuse it.
      execArgv: [],
      env: { ...process.env, ELECTRON_RUN_AS_NODE: '1', NODE_OPTIONS: '' },
      serialization: 'advanced',
      stdio: ['ignore', 'ignore', 'ignore', 'ipc'],
    });
    this.#process.once('exit', () => this.#end());
    this.#process.once('error', () => this.#end());
  }

  #read(data: Uint8Array, { layout, maxPages, timeoutMs, filename, signal }: Order): Promise<PdfDocument> {
    clearTimeout(this.#rest);
    this.#hold();
    const child = this.#process;
    const pages: PdfPage[] = [];
    return new Promise<PdfDocument>((resolve, reject) => {
      const settle = (act: () => void): void => {
        clearTimeout(timer);
        signal?.removeEventListener('abort', abort);
        child.off('message', answered).off('exit', exited).off('error', broken);
        act();
      };
      const stop = (error: unknown): void => {
        settle(() => reject(error as Error));
        this.#end();
      };
      const abort = (): void => stop(signal?.reason);
      const timer = setTimeout(() => {
        stop(unreadable('too_long', filename, `: more than ${timeoutMs} ms`));
      }, timeoutMs);
      const answered = (answer: Answer): void => {
        if ('page' in answer) {
          pages.push(JSON.parse(answer.page) as PdfPage);
        } else if ('summary' in answer) {
          const summary = JSON.parse(answer.summary) as Omit<PdfDocument, 'pages'>;
          settle(() => resolve({ ...summary, pages }));
        } else if ('notLoaded' in answer) {
          settle(() => reject(addonMissing(answer.notLoaded)));
        } else {
          settle(() => reject(refusal(answer.refused, filename)));
        }
      };
      const exited = (code: number | null, died: NodeJS.Signals | null): void => {
        // Memory that is not given ends a process with SIGABRT; whoever takes too much is ended with SIGKILL.
        const reason = died === 'SIGABRT' || died === 'SIGKILL' ? 'too_large' : 'damaged';
        settle(() =>
          reject(unreadable(reason, filename, `: the process that read it ended with ${died ?? code}`)),
        );
      };
      const broken = (error: Error): void => {
        settle(() => reject(notStarted(error)));
      };
      child.on('message', answered).once('exit', exited).once('error', broken);
      signal?.addEventListener('abort', abort, { once: true });
      if (signal?.aborted === true) {
        abort();
        return;
      }
      const request: Request = { data, layout, maxPages, addons: addonTargets(), memory: MEMORY };
      child.send(request, (error) => {
        if (error !== null && child.exitCode === null && child.signalCode === null) broken(error);
      });
    });
  }

  /** The next document, or some rest. */
  #done(): void {
    if (this.#ended) return;
    const next = Reader.#waiting.shift();
    if (next !== undefined) {
      next(this);
      return;
    }
    this.#letGo();
    Reader.#idle.push(this);
    this.#rest = setTimeout(() => this.#end(), IDLE);
    this.#rest.unref();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearTimeout(this.#rest);
    this.#process.kill('SIGKILL');
    const index = Reader.#idle.indexOf(this);
    if (index >= 0) Reader.#idle.splice(index, 1);
    Reader.#alive -= 1;
    Reader.#waiting.shift()?.(new Reader());
  }

  /** The application stays for as long as a document is read. */
  #hold(): void {
    this.#process.ref();
    this.#process.channel?.ref();
  }

  #letGo(): void {
    this.#process.unref();
    this.#process.channel?.unref();
  }
}

function refusal(reason: string, filename: string | undefined): Error {
  return isReason(reason) ? unreadable(reason, filename) : toMemvidError(new Error(reason));
}

function notStarted(cause: Error): UnsupportedOperationError {
  return new UnsupportedOperationError(`The process that reads PDFs could not be started: ${cause.message}`, {
    details: { operation: 'read a PDF', reason: 'process' },
    suggestion:
      'Allow this application to start processes of its own (`--allow-child-process` under `--permission`).',
    cause,
  });
}
