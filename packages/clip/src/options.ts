import { checkInteger, checkOptional, checkString, invalidInput } from '@memvid/core';
import { checkRuntime, type Runtime } from '@memvid/onnx';

export interface ClipOptions {
  /** The folder of all models. Default: `MEMVID_MODELS_DIR`, or `~/.memvid/models`. */
  readonly directory?: string | undefined;
  /** The folder of this very model, for one that is not known by name or lies elsewhere. */
  readonly folder?: string | undefined;
  /** Threads of the computation. Default: all processors up to four, then half of them where two are one core. */
  readonly threads?: number | undefined;
  /** Pictures with more pixels are refused (MV018), before they take up memory. Default: 100 million. */
  readonly maxPixels?: number | undefined;
  /** Default: onnxruntime-node. */
  readonly runtime?: Runtime | undefined;
}

/** The options of a call, checked. What is not known here may be meant for another provider and is left alone. */
export function checkedOptions(given: unknown): ClipOptions {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object') throw invalidInput('options', given, 'an object');
  const options = given as Record<string, unknown>;
  const path = (name: string, value: unknown) => checkString(name, value, { notBlank: true });
  const count = (name: string, value: unknown) => checkInteger(name, value, { min: 1 });
  return {
    directory: checkOptional('directory', options['directory'], path),
    folder: checkOptional('folder', options['folder'], path),
    threads: checkOptional('threads', options['threads'], count),
    maxPixels: checkOptional('maxPixels', options['maxPixels'], count),
    runtime: checkOptional('runtime', options['runtime'], checkRuntime),
  };
}
