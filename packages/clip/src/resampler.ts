import { Worker } from 'node:worker_threads';
import { type Pixels, resample, type Target } from './resample.js';
import type { ResampleReply, ResampleRequest } from './resample-worker.js';

/** Pictures with more pixels go to the thread: this many take about 5 ms, and a hop with a copy a good part of that. */
const INLINE_PIXELS = 500_000;

interface Waiting {
  resolve(picture: Pixels): void;
  reject(error: Error): void;
}

/** Scales pictures; large ones in a thread of its own, so that a photograph does not stop the application for 100 ms. */
export class Resampler {
  #worker: Worker | undefined;
  readonly #waiting = new Map<number, Waiting>();
  #last = 0;

  async run(picture: Pixels, target: Target): Promise<Pixels> {
    if (picture.width * picture.height <= INLINE_PIXELS) return resample(picture, target);
    const worker = this.#started();
    this.#last += 1;
    const message: ResampleRequest = { id: this.#last, picture, target };
    return new Promise((resolve, reject) => {
      this.#waiting.set(message.id, { resolve, reject });
      worker.ref();
      worker.postMessage(message, []);
    });
  }

  /** Ends the thread; the next large picture starts another. */
  async close(): Promise<void> {
    const worker = this.#worker;
    if (worker === undefined) return;
    this.#end(worker, new Error('the model is closed'));
    await worker.terminate();
  }

  #started(): Worker {
    if (this.#worker !== undefined) return this.#worker;
    // In the sources of this package, which tests import, the file has its other ending.
    const file = import.meta.url.endsWith('.ts') ? './resample-worker.ts' : './resample-worker.js';
    // The application's flags are not for this file: `--input-type`, for one, would refuse it.
    const worker = new Worker(new URL(file, import.meta.url), { name: 'memvid-clip', execArgv: [] });
    worker.unref();
    worker.on('message', (reply: ResampleReply) => this.#settle(worker, reply));
    worker.on('error', (error: Error) => this.#end(worker, error));
    worker.on('exit', (code) => this.#end(worker, new Error(`the thread that scales ended with ${code}`)));
    this.#worker = worker;
    return worker;
  }

  #settle(worker: Worker, { id, picture }: ResampleReply): void {
    const waiting = this.#waiting.get(id);
    this.#waiting.delete(id);
    if (this.#waiting.size === 0) worker.unref();
    waiting?.resolve(picture);
  }

  #end(worker: Worker, error: Error): void {
    if (this.#worker !== worker) return;
    this.#worker = undefined;
    for (const { reject } of this.#waiting.values()) reject(error);
    this.#waiting.clear();
  }
}
