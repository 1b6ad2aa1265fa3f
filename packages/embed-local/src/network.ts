import {
  type Failure,
  loadTokenizer,
  openSession,
  type Runtime,
  type Session,
  type Tensor,
  type TensorInfo,
  type TextTokenizer,
} from '@memvid/onnx';
import type { Row } from './batches.js';
import type { ModelFolder } from './model-folder.js';
import type { Hidden } from './pooling.js';

/** A model that is loaded. */
export interface Network {
  readonly tokenizer: TextTokenizer;
  readonly usable: boolean;
  /** The vectors of all tokens of a batch. */
  run(batch: readonly Row[], signal: AbortSignal | undefined): Promise<Hidden>;
  close(): Promise<void>;
}

export interface NetworkOptions {
  readonly folder: ModelFolder;
  readonly dimensions: number;
  readonly threads: number | undefined;
  readonly runtime: Runtime | undefined;
  readonly fail: Failure;
}

/** What exporters call the vectors of tokens. */
const OUTPUTS = ['last_hidden_state', 'token_embeddings'];

/** Loads the network and the tokenizer of a model. */
export async function loadNetwork(options: NetworkOptions): Promise<Network> {
  const { folder, fail, threads, runtime } = options;
  const opening = openSession(folder.network, { fail, threads, runtime });
  // Should it fail while the tokenizer is read, somebody has to have listened.
  opening.catch(() => undefined);
  const tokenizer = await loadTokenizer(folder.tokenizer, fail).catch(async (error: unknown) => {
    await opening.then(
      (opened) => opened.close(),
      () => undefined,
    );
    throw error;
  });
  const session = await opening;
  try {
    const output = outputOf(session, options);
    for (const input of session.inputs) checkInput(input, options);
    return {
      tokenizer,
      get usable() {
        return session.usable;
      },
      async run(batch, signal) {
        const width = Math.max(...batch.map(({ ids }) => ids.length));
        const inputs = inputsOf(session.inputs, batch, width, tokenizer.padId);
        const { [output]: hidden } = await session.run(inputs, { outputs: [output], signal });
        return hiddenOf(hidden, batch.length, width, options);
      },
      close: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

function outputOf(session: Session, { folder, dimensions, fail }: NetworkOptions): string {
  const output =
    session.outputs.find(({ name }) => OUTPUTS.includes(name)) ??
    session.outputs.find(({ type, dims }) => type === 'float32' && dims.length === 3);
  const size = output?.dims[2];
  if (output === undefined || output.dims.length !== 3) {
    throw invalid(`gives no vectors of tokens (${OUTPUTS.join(', ')})`, folder, fail);
  }
  if (typeof size === 'number' && size !== dimensions) {
    throw invalid(`gives vectors of ${size} numbers, and the model has ${dimensions}`, folder, fail);
  }
  return output.name;
}

function checkInput({ name, type }: TensorInfo, { folder, fail }: NetworkOptions): void {
  if (!Object.hasOwn(CONTENTS, name) || (type !== 'int64' && type !== 'int32')) {
    throw invalid(`asks for ${name} (${type}), which is not known here`, folder, fail);
  }
}

function invalid(what: string, { network }: ModelFolder, fail: Failure): Error {
  return fail(`The network in ${network} ${what}`, {
    details: { reason: 'invalid_model', path: network },
    suggestion: 'Put the network of the published model there.',
  });
}

/** What stands at the place of a token, and behind the last one of a row. */
const CONTENTS: Readonly<Record<string, { own(id: number): number; padding(padId: number): number }>> = {
  input_ids: { own: (id) => id, padding: (padId) => padId },
  attention_mask: { own: () => 1, padding: () => 0 },
  token_type_ids: { own: () => 0, padding: () => 0 },
};

function inputsOf(
  wanted: readonly TensorInfo[],
  batch: readonly Row[],
  width: number,
  padId: number,
): Record<string, Tensor> {
  return Object.fromEntries(
    wanted.map(({ name, type }) => {
      const content = CONTENTS[name];
      // A number of 64 bits is two of 32, the lower one first; making each as a BigInt would cost ten times as much.
      const stride = type === 'int64' ? 2 : 1;
      const numbers = new Int32Array(batch.length * width * stride);
      batch.forEach(({ ids }, row) => {
        for (let at = 0; at < width; at += 1) {
          const id = ids[at];
          const value = (id === undefined ? content?.padding(padId) : content?.own(id)) ?? 0;
          numbers[(row * width + at) * stride] = value;
        }
      });
      const dims = [batch.length, width];
      const tensor: Tensor =
        type === 'int64'
          ? { type: 'int64', dims, data: new BigInt64Array(numbers.buffer) }
          : { type: 'int32', dims, data: numbers };
      return [name, tensor];
    }),
  );
}

function hiddenOf(
  tensor: Tensor | undefined,
  rows: number,
  width: number,
  { folder, dimensions, fail }: NetworkOptions,
): Hidden {
  const { data, dims = [] } = tensor ?? {};
  const fits = dims.length === 3 && dims[0] === rows && dims[1] === width && dims[2] === dimensions;
  if (!(data instanceof Float32Array) || !fits) {
    const shape = dims.join(' x ');
    throw invalid(`gave ${shape} numbers in place of ${rows} x ${width} x ${dimensions}`, folder, fail);
  }
  return { data, width, dimensions };
}
