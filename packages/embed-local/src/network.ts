import {
  type Failure,
  isTokenInput,
  loadTokenizer,
  openSession,
  type Row,
  type Runtime,
  type Session,
  type Tensor,
  type TensorInfo,
  type TextTokenizer,
  tokenInputs,
} from '@memvid/onnx';
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
        const inputs = tokenInputs(session.inputs, batch, width, tokenizer.padId);
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

function checkInput(input: TensorInfo, { folder, fail }: NetworkOptions): void {
  if (!isTokenInput(input)) {
    throw invalid(`asks for ${input.name} (${input.type}), which is not known here`, folder, fail);
  }
}

function invalid(what: string, { network }: ModelFolder, fail: Failure): Error {
  return fail(`The network in ${network} ${what}`, {
    details: { reason: 'invalid_model', path: network },
    suggestion: 'Put the network of the published model there.',
  });
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
