import { checkInteger, checkOneOf, checkOptional, checkString, invalidInput } from '@memvid/core';
import { checkRuntime, type Runtime } from '@memvid/onnx';

export interface LocalOptions {
  /** The folder of all models. Default: `MEMVID_MODELS_DIR`, or `~/.memvid/models`. */
  readonly directory?: string | undefined;
  /**
   * The network to use where the folder has several, by how it keeps its weights. Default: the first that is not
   * dynamically quantised. `int8dyn` is smaller and less exact, and its vectors have an identity of their own.
   */
  readonly variant?: Variant | undefined;
  /** Cut texts at so many tokens. Default: what the model was made for. */
  readonly maxTokens?: number | undefined;
  /** Threads of the computation. Default: all processors up to four, then half of them where two are one core. */
  readonly threads?: number | undefined;
  /** Most tokens of one batch, padding included. Default: 256 for each thread, 512 to 4096. */
  readonly batchTokens?: number | undefined;
  /**
   * `reference`: vectors as the reference SDK makes them, to ask files it has written and to add to them: the vector of
   * the first token for every model, no prefixes, 512 tokens.
   */
  readonly compatibility?: 'reference' | undefined;
  /** Default: onnxruntime-node. */
  readonly runtime?: Runtime | undefined;
}

const VARIANTS = ['f32', 'f16', 'int8w', 'int8dyn'] as const;
export type Variant = (typeof VARIANTS)[number];

/** The options of a call, checked. What is not known here may be meant for another provider and is left alone. */
export function checkedOptions(given: unknown): LocalOptions {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object') throw invalidInput('options', given, 'an object');
  const options = given as Record<string, unknown>;
  const count = (least: number) => (name: string, value: unknown) =>
    checkInteger(name, value, { min: least });
  return {
    directory: checkOptional('directory', options['directory'], (name, value) =>
      checkString(name, value, { notBlank: true }),
    ),
    variant: checkOptional('variant', options['variant'], (name, value) => checkOneOf(name, value, VARIANTS)),
    // Begin, end and a token between them.
    maxTokens: checkOptional('maxTokens', options['maxTokens'], count(3)),
    threads: checkOptional('threads', options['threads'], count(1)),
    batchTokens: checkOptional('batchTokens', options['batchTokens'], count(1)),
    compatibility: checkOptional('compatibility', options['compatibility'], (name, value) =>
      checkOneOf(name, value, ['reference']),
    ),
    runtime: checkOptional('runtime', options['runtime'], checkRuntime),
  };
}
