// The thread that computes: onnxruntime-node answers in the thread that asks, which would stop an application for
// as long as a network takes. Only types are imported from beside it, so that Node runs this file as it is.
import { parentPort, workerData } from 'node:worker_threads';
import type * as OnnxRuntime from 'onnxruntime-node';
import type { InferenceSession, Tensor as RuntimeTensor } from 'onnxruntime-node';
import type { Tensor, TensorInfo, TensorType } from './session.js';
import type { Answer, ReplyMessage, Request, RequestMessage } from './worker-messages.js';

type RuntimeModule = typeof OnnxRuntime;
/** One signature in place of one for each type. */
type MakeTensor = new (type: TensorType, data: Tensor['data'], dims: readonly number[]) => RuntimeTensor;

const sessions = new Map<number, InferenceSession>();
let last = 0;
let loading: Promise<RuntimeModule> | undefined;

/** ENDING and BUSY of `worker-messages.ts`, whose values cannot be imported here. */
const state = workerData as Int32Array;
const ENDING = 0;
const BUSY = 1;

/** One after the other, so that the end of a process has to wait for one at most. */
let queue: Promise<void> = Promise.resolve();

parentPort?.on('message', (message: RequestMessage) => {
  queue = queue.then(() => handled(message));
});

async function handled({ id, request }: RequestMessage): Promise<void> {
  // Native code that comes back into a thread which was ended meanwhile aborts the process: the end waits while this
  // thread is busy. Busy first and looking after it: either the end sees it, or this sees the end.
  Atomics.store(state, BUSY, 1);
  try {
    if (Atomics.load(state, ENDING) === 1) return;
    const value = await answer(request);
    reply({ id, answer: value }, buffersOf(value));
  } catch (error) {
    const { message, code } = error as { message?: unknown; code?: unknown };
    reply({
      id,
      error: { message: String(message ?? error), code: typeof code === 'string' ? code : undefined },
    });
  } finally {
    Atomics.store(state, BUSY, 0);
    Atomics.notify(state, BUSY);
  }
}

function reply(message: ReplyMessage, transfer: ArrayBuffer[] = []): void {
  parentPort?.postMessage(message, transfer);
}

async function answer(request: Request): Promise<Answer> {
  loading ??= import('onnxruntime-node');
  const runtime = await loading;
  switch (request.kind) {
    case 'open': {
      const { threads, quantisedKernels } = request.options;
      const settings: InferenceSession.SessionOptions = {
        intraOpNumThreads: threads,
        interOpNumThreads: 1,
        executionProviders: ['cpu'],
        graphOptimizationLevel: 'all',
        // What fails is thrown; a library does not print.
        logSeverityLevel: 4,
        extra: {
          session: {
            // Threads that spin while they wait take the processor from the application's own.
            intra_op: { allow_spinning: '0' },
            disable_quant_qdq: quantisedKernels ? '0' : '1',
          },
        },
      };
      const session = await runtime.InferenceSession.create(request.path, settings);
      last += 1;
      sessions.set(last, session);
      return {
        session: last,
        inputs: session.inputMetadata.map(infoOf),
        outputs: session.outputMetadata.map(infoOf),
      };
    }
    case 'run': {
      const session = sessions.get(request.session);
      if (session === undefined) throw new Error('the network is closed');
      const MadeTensor = runtime.Tensor as unknown as MakeTensor;
      const feeds = Object.fromEntries(
        Object.entries(request.inputs).map(([name, { type, data, dims }]) => [
          name,
          new MadeTensor(type, data, dims),
        ]),
      );
      const results = await session.run(feeds, request.outputs);
      return Object.fromEntries(
        Object.entries(results).map(([name, value]) => [name, tensorOf(value as RuntimeTensor)]),
      );
    }
    case 'close': {
      const session = sessions.get(request.session);
      sessions.delete(request.session);
      await session?.release();
      return undefined;
    }
  }
}

function infoOf(metadata: InferenceSession.ValueMetadata): TensorInfo {
  return metadata.isTensor
    ? { name: metadata.name, type: metadata.type, dims: metadata.shape }
    : { name: metadata.name, type: 'other', dims: [] };
}

function tensorOf({ type, dims, data }: RuntimeTensor): Tensor {
  return { type: type as TensorType, dims, data: data as Tensor['data'] };
}

/** What is handed over and not copied. */
function buffersOf(value: Answer): ArrayBuffer[] {
  if (value === undefined || 'session' in value) return [];
  return Object.values(value).flatMap(({ data }) =>
    data.buffer instanceof ArrayBuffer ? [data.buffer] : [],
  );
}
