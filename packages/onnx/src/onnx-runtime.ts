import { Worker } from 'node:worker_threads';
import { orAborted } from './ended-by-signal.js';
import type { RunOptions, Runtime, Session, SessionOptions, Tensor, TensorInfo } from './session.js';
import { defaultThreads } from './threads.js';
import {
  type Answer,
  BUSY,
  ENDING,
  type Opened,
  type ReplyMessage,
  type Request,
  type RequestMessage,
} from './worker-messages.js';

/** Longest that the end of the process waits for what is being computed, in milliseconds. */
const LONGEST_END = 30_000;

/** Runs networks with onnxruntime-node, in one thread of the process beside the event loop. */
export const onnxRuntime: Runtime = {
  name: 'onnxruntime-node',
  async open(path: string, options: SessionOptions): Promise<Session> {
    const thread = ComputeThread.current();
    const settings = {
      threads: options.threads ?? defaultThreads(),
      quantisedKernels: options.quantisedKernels ?? false,
    };
    const opened = (await thread.ask({ kind: 'open', path, options: settings })) as Opened;
    return new WorkerSession(thread, opened);
  },
};

interface Waiting {
  resolve(answer: Answer): void;
  reject(error: Error): void;
}

/** The thread, which lives while a network is open. It never keeps the process alive by itself. */
class ComputeThread {
  static #current: ComputeThread | undefined;

  static current(): ComputeThread {
    ComputeThread.#current ??= new ComputeThread();
    return ComputeThread.#current;
  }

  readonly #worker: Worker;
  readonly #waiting = new Map<number, Waiting>();
  /** See the worker: places ENDING and BUSY. */
  readonly #state = new Int32Array(new SharedArrayBuffer(8));
  readonly #onExit = (): void => {
    Atomics.store(this.#state, ENDING, 1);
    Atomics.wait(this.#state, BUSY, 1, LONGEST_END);
  };
  /** Networks that are open or being opened. */
  #networks = 0;
  #last = 0;
  #ended: Error | undefined;

  constructor() {
    // In the sources of this package, which tests import, the file has its other ending.
    const file = import.meta.url.endsWith('.ts') ? './onnx-worker.ts' : './onnx-worker.js';
    // The application's flags are not for this file: `--input-type`, for one, would refuse it.
    const options = { name: 'memvid-onnx', execArgv: [], workerData: this.#state };
    this.#worker = new Worker(new URL(file, import.meta.url), options);
    this.#worker.unref();
    process.on('exit', this.#onExit);
    this.#worker.on('message', (message: ReplyMessage) => this.#settle(message));
    this.#worker.on('error', (error: Error) => this.#end(error));
    this.#worker.on('exit', (code) => this.#end(new Error(`the thread that computes ended with ${code}`)));
  }

  get alive(): boolean {
    return this.#ended === undefined;
  }

  ask(request: Request, transfer: readonly ArrayBuffer[] = []): Promise<Answer> {
    if (this.#ended !== undefined) return Promise.reject(this.#ended);
    if (request.kind === 'open') this.#networks += 1;
    this.#last += 1;
    const message: RequestMessage = { id: this.#last, request };
    const answer = new Promise<Answer>((resolve, reject) => {
      this.#worker.postMessage(message, transfer);
      this.#waiting.set(message.id, { resolve, reject });
    });
    this.#worker.ref();
    return request.kind === 'open' ? answer.catch((error: unknown) => this.#notOpened(error)) : answer;
  }

  /** One network less; with the last one the thread and its memory go. */
  async left(): Promise<void> {
    this.#networks -= 1;
    if (this.#networks > 0 || this.#ended !== undefined) return;
    this.#end(new Error('the network is closed'));
    await this.#worker.terminate();
  }

  async #notOpened(error: unknown): Promise<never> {
    await this.left();
    throw error;
  }

  #settle(message: ReplyMessage): void {
    const waiting = this.#waiting.get(message.id);
    this.#waiting.delete(message.id);
    if (this.#waiting.size === 0) this.#worker.unref();
    if ('error' in message) {
      const { message: text, code } = message.error;
      waiting?.reject(Object.assign(new Error(text), code === undefined ? {} : { code }));
    } else {
      waiting?.resolve(message.answer);
    }
  }

  #end(error: Error): void {
    this.#ended ??= error;
    process.off('exit', this.#onExit);
    if (ComputeThread.#current === this) ComputeThread.#current = undefined;
    for (const { reject } of this.#waiting.values()) reject(this.#ended);
    this.#waiting.clear();
  }
}

class WorkerSession implements Session {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
  readonly #thread: ComputeThread;
  readonly #session: number;
  #closed: Promise<void> | undefined;

  constructor(thread: ComputeThread, { session, inputs, outputs }: Opened) {
    this.#thread = thread;
    this.#session = session;
    this.inputs = inputs;
    this.outputs = outputs;
  }

  get usable(): boolean {
    return this.#closed === undefined && this.#thread.alive;
  }

  async run(
    inputs: Readonly<Record<string, Tensor>>,
    { outputs = this.outputs.map(({ name }) => name), signal }: RunOptions = {},
  ): Promise<Record<string, Tensor>> {
    signal?.throwIfAborted();
    if (this.#closed !== undefined) throw new Error('the network is closed');
    const buffers = Object.values(inputs).flatMap(({ data }) =>
      data.buffer instanceof ArrayBuffer ? [data.buffer] : [],
    );
    const request: Request = { kind: 'run', session: this.#session, inputs, outputs };
    // One buffer may serve several inputs, and is handed over once.
    const answer = this.#thread.ask(request, [...new Set(buffers)]);
    return (await orAborted(answer, signal)) as Record<string, Tensor>;
  }

  close(): Promise<void> {
    this.#closed ??= this.#close();
    return this.#closed;
  }

  async #close(): Promise<void> {
    try {
      await this.#thread.ask({ kind: 'close', session: this.#session });
    } catch {
      // The thread is gone already, and the network with it.
    }
    await this.#thread.left();
  }
}
