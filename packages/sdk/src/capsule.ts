import { callNativeAsync, EncryptionError, loadNative } from '@memvid/core';
import { filledString, optionalBoolean, optionalFilledString, optionsOf, type Options } from './check.js';

export interface CapsuleOptions {
  password: string;
  /** Default: the input with an `e` added (`lock`) or taken away (`unlock`). */
  output?: string | undefined;
  /** Replace an existing output. Default `false`. */
  force?: boolean | undefined;
}

/** Writes an encrypted copy of a memory, the capsule, and gives its path. The original stays. */
export async function lock(path: string, options: CapsuleOptions): Promise<string> {
  const file = filledString(path, 'path');
  const { password, output, force } = capsuleOptions(options, 'lock', file);
  return callNativeAsync(() => loadNative().lockCapsule(file, password, output, force));
}

/** Writes the memory that a capsule holds, byte for byte, and gives its path. */
export async function unlock(path: string, options: CapsuleOptions): Promise<string> {
  const file = filledString(path, 'path');
  const { password, output, force } = capsuleOptions(options, 'unlock', file);
  return callNativeAsync(() => loadNative().unlockCapsule(file, password, output, force));
}

function capsuleOptions(
  options: CapsuleOptions,
  operation: string,
  path: string,
): { password: string; output: string | null; force: boolean } {
  const given: Options = optionsOf(options);
  const output = optionalFilledString(given['output'], 'output') ?? null;
  const force = optionalBoolean(given['force'], 'force', false);
  const password = given['password'];
  if (typeof password !== 'string' || password.trim() === '') {
    throw new EncryptionError(`${operation} of ${path} needs a password that is not blank`, {
      details: { path, reason: 'encryption', kind: 'empty_password' },
      suggestion: 'Pass `password` with at least one character that is not blank.',
    });
  }
  return { password, output, force };
}
