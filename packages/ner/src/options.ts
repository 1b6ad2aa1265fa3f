import {
  checkArray,
  checkInteger,
  checkNumber,
  checkOptional,
  checkString,
  invalidInput,
} from '@memvid/core';
import { checkRuntime, type Runtime } from '@memvid/onnx';

export interface NerOptions {
  /** The folder of all models but the one that comes along. Default: `MEMVID_MODELS_DIR`, or `~/.memvid/models`. */
  readonly directory?: string | undefined;
  /** Report only names of these types. Default: all that the model knows. */
  readonly entityTypes?: readonly string[] | undefined;
  /** Least certainty where a call does not say, 0 to 1. Default: 0.5. */
  readonly minConfidence?: number | undefined;
  /** Threads of the computation. Default: all processors up to four, then half of them where two are one core. */
  readonly threads?: number | undefined;
  /** Default: onnxruntime-node. */
  readonly runtime?: Runtime | undefined;
}

/** The options of a call, checked. What is not known here may be meant for another provider and is left alone. */
export function checkedOptions(given: unknown): NerOptions {
  if (given === undefined || given === null) return {};
  if (typeof given !== 'object') throw invalidInput('options', given, 'an object');
  const options = given as Record<string, unknown>;
  return {
    directory: checkOptional('directory', options['directory'], (name, value) =>
      checkString(name, value, { notBlank: true }),
    ),
    entityTypes: checkOptional('entityTypes', options['entityTypes'], typesGiven),
    minConfidence: checkOptional('minConfidence', options['minConfidence'], checkConfidence),
    threads: checkOptional('threads', options['threads'], (name, value) =>
      checkInteger(name, value, { min: 1 }),
    ),
    runtime: checkOptional('runtime', options['runtime'], checkRuntime),
  };
}

export function checkConfidence(name: string, value: unknown): number {
  return checkNumber(name, value, { min: 0, max: 1 });
}

function typesGiven(name: string, value: unknown): string[] {
  const types = checkArray(name, value).map((type, index) =>
    checkString(`${name}[${index}]`, type, { notBlank: true }).toUpperCase(),
  );
  if (types.length === 0) throw invalidInput(name, value, 'at least one type');
  return types;
}
