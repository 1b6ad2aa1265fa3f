import { realpath, stat } from 'node:fs/promises';
import { type Failure, fileFailure, messageOf } from './failure.js';
import { onnxRuntime } from './onnx-runtime.js';
import type { RunOptions, Runtime, Session, SessionOptions, Tensor } from './session.js';

export interface OpenOptions extends SessionOptions {
  /** Makes the errors. */
  readonly fail: Failure;
  /** Default: onnxruntime-node. */
  readonly runtime?: Runtime | undefined;
}

interface Shared {
  readonly opening: Promise<Session>;
  /** Once it is open. */
  session?: Session;
  users: number;
}

const shared = new Map<string, Shared>();

/**
 * The network of a file. Calls with the same file and options share one session, which is freed when the last of
 * them has closed it; a file that was replaced since gets a new one.
 */
export async function openSession(path: string, options: OpenOptions): Promise<Session> {
  const { fail, runtime = onnxRuntime, threads, quantisedKernels } = options;
  const settings: SessionOptions = { threads, quantisedKernels };
  let key: string;
  try {
    const file = await realpath(path);
    const { size, mtimeMs, ino } = await stat(file);
    key = JSON.stringify([runtime.name, file, size, mtimeMs, ino, threads ?? 0, quantisedKernels ?? false]);
  } catch (error) {
    throw fileFailure(fail, `${path} cannot be read`, error);
  }
  const known = shared.get(key);
  // One that was lost is nobody's any more.
  const entry: Shared =
    known !== undefined && known.session?.usable !== false
      ? known
      : { opening: runtime.open(path, settings), users: 0 };
  shared.set(key, entry);
  entry.users += 1;
  try {
    const session = await entry.opening;
    entry.session = session;
    return leased(session, path, fail, () => release(key, entry));
  } catch (error) {
    await release(key, entry);
    throw notOpened(path, runtime, fail, error);
  }
}

async function release(key: string, entry: Shared): Promise<void> {
  entry.users -= 1;
  if (entry.users > 0) return;
  if (shared.get(key) === entry) shared.delete(key);
  await entry.opening.then(
    (session) => session.close(),
    () => undefined,
  );
}

/** One user's hold on a session. */
function leased(session: Session, path: string, fail: Failure, leave: () => Promise<void>): Session {
  let closed: Promise<void> | undefined;
  return {
    inputs: session.inputs,
    outputs: session.outputs,
    get usable() {
      return closed === undefined && session.usable;
    },
    async run(inputs: Readonly<Record<string, Tensor>>, options?: RunOptions) {
      if (closed !== undefined) throw failed(path, fail, new Error('the network is closed'));
      try {
        return await session.run(inputs, options);
      } catch (error) {
        if (options?.signal?.aborted === true) throw error;
        throw failed(path, fail, error);
      }
    },
    close() {
      closed ??= leave();
      return closed;
    },
  };
}

function failed(path: string, fail: Failure, error: unknown): Error {
  const details = { reason: 'runtime', path };
  return fail(`The network in ${path} could not be run: ${messageOf(error)}`, { details, cause: error });
}

function notOpened(path: string, runtime: Runtime, fail: Failure, error: unknown): Error {
  const code = (error as { code?: unknown }).code;
  if (code === 'ERR_DLOPEN_FAILED' || code === 'MODULE_NOT_FOUND' || code === 'ERR_MODULE_NOT_FOUND') {
    return fail(
      `${runtime.name} cannot be loaded on ${process.platform}-${process.arch}: ${messageOf(error)}`,
      {
        details: { reason: 'runtime_missing', package: runtime.name },
        suggestion: `It runs on Linux with glibc (x64, arm64), macOS (arm64) and Windows (x64, arm64). Install it again there (npm install ${runtime.name}), and keep it and @memvid/onnx out of bundles.`,
        cause: error,
      },
    );
  }
  return fail(`The network in ${path} cannot be loaded: ${messageOf(error)}`, {
    details: { reason: 'invalid_model', path },
    suggestion: 'Put the file there again; it may be cut off, or made for a newer runtime.',
    cause: error,
  });
}
