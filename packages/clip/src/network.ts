import {
  type Failure,
  openSession,
  type Runtime,
  type Session,
  type Tensor,
  type TensorInfo,
} from '@memvid/onnx';
import type { TokenRow } from './text-tokens.js';

export interface NetworkOptions {
  readonly path: string;
  /** What the vectors are called. */
  readonly output: string;
  /** `undefined`: the network tells. */
  readonly dimensions: number | undefined;
  readonly threads: number | undefined;
  readonly runtime: Runtime | undefined;
  readonly fail: Failure;
}

/** One half of a model, loaded. */
export interface Network {
  readonly inputs: readonly TensorInfo[];
  readonly usable: boolean;
  /** Vectors of length 1, one a row. The data of `inputs` is handed over. */
  run(
    inputs: Readonly<Record<string, Tensor>>,
    rows: number,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]>;
  close(): Promise<void>;
}

/** Loads a network; what it may be asked for is in `known`. */
export async function openNetwork(options: NetworkOptions, known: readonly string[]): Promise<Network> {
  const { path, fail, threads, runtime } = options;
  const session = await openSession(path, { fail, threads, runtime });
  try {
    const output = outputOf(session, options);
    const other = session.inputs.find(({ name }) => !known.includes(name));
    if (other !== undefined) throw invalid(`asks for ${other.name}, which is not known here`, options);
    return {
      inputs: session.inputs,
      get usable() {
        return session.usable;
      },
      async run(inputs, rows, signal) {
        const { [output]: vectors } = await session.run(inputs, { outputs: [output], signal });
        return vectorsOf(vectors, rows, options);
      },
      close: () => session.close(),
    };
  } catch (error) {
    await session.close();
    throw error;
  }
}

function outputOf(session: Session, options: NetworkOptions): string {
  const { output, dimensions } = options;
  const found =
    session.outputs.find(({ name }) => name === output) ??
    session.outputs.find(({ type, dims }) => type === 'float32' && dims.length === 2);
  if (found === undefined) throw invalid(`gives no vectors (${output})`, options);
  const size = found.dims[1];
  if (dimensions !== undefined && typeof size === 'number' && size !== dimensions) {
    throw invalid(`gives vectors of ${size} numbers, and the model has ${dimensions}`, options);
  }
  return found.name;
}

export function invalid(what: string, { path, fail }: Pick<NetworkOptions, 'path' | 'fail'>): Error {
  return fail(`The network in ${path} ${what}`, {
    details: { reason: 'invalid_model', path },
    suggestion: 'Put the network of the published model there.',
  });
}

function vectorsOf(tensor: Tensor | undefined, rows: number, options: NetworkOptions): Float32Array[] {
  const { data, dims = [] } = tensor ?? {};
  const width = dims[1] ?? 0;
  const fits = dims.length === 2 && dims[0] === rows && width > 0 && width === (options.dimensions ?? width);
  if (!(data instanceof Float32Array) || !fits) {
    const shape = dims.join(' x ');
    throw invalid(`gave ${shape} numbers in place of ${rows} x ${options.dimensions ?? 'any'}`, options);
  }
  return Array.from({ length: rows }, (_, row) => {
    const vector = data.slice(row * width, (row + 1) * width);
    let square = 0;
    for (const value of vector) square += value * value;
    const length = Math.sqrt(square);
    if (!(length > 0) || length === Infinity) throw invalid('gave a vector without a direction', options);
    return vector.map((value) => value / length);
  });
}

/** What stands at a token, and behind the last one of a row. */
const CONTENTS: Readonly<Record<string, (row: TokenRow, at: number) => number>> = {
  input_ids: ({ ids }, at) => ids[at] ?? 0,
  attention_mask: ({ used }, at) => (at < used ? 1 : 0),
  position_ids: (_, at) => at,
};
export const TEXT_INPUTS: readonly string[] = Object.keys(CONTENTS);
export const PICTURE_INPUT = 'pixel_values';

/** The tensors a network of texts asks for, of rows of one length. */
export function textTensors(
  inputs: readonly TensorInfo[],
  rows: readonly TokenRow[],
  length: number,
): Record<string, Tensor> {
  return Object.fromEntries(
    inputs.map(({ name, type }) => {
      // A number of 64 bits is two of 32, the lower one first; making each as a BigInt would cost ten times as much.
      const stride = type === 'int32' ? 1 : 2;
      const numbers = new Int32Array(rows.length * length * stride);
      rows.forEach((row, index) => {
        for (let at = 0; at < length; at += 1) {
          numbers[(index * length + at) * stride] = CONTENTS[name]?.(row, at) ?? 0;
        }
      });
      const dims = [rows.length, length];
      const tensor: Tensor =
        type === 'int32'
          ? { type: 'int32', dims, data: numbers }
          : { type: 'int64', dims, data: new BigInt64Array(numbers.buffer) };
      return [name, tensor];
    }),
  );
}
