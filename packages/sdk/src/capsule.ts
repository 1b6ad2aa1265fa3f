import { stat } from 'node:fs/promises';
import { resolve } from 'node:path';
import {
  createError,
  EncryptionError,
  invalidInput,
  InvalidInputError,
  isWellFormed,
  toMemvidError,
} from '@memvid/core';
import { pathOf, optionalBoolean, optionalPath, optionsOf, type Options } from './check.js';
import { onFile } from './on-file.js';

export interface CapsuleOptions {
  password: string;
  /** Default: the input with an `e` added (`lock`) or taken away (`unlock`). */
  output?: string | undefined;
  /** Replace an existing output. Default `false`. */
  force?: boolean | undefined;
}

/** Writes an encrypted copy of a memory, the capsule, and gives its path. The original stays. */
export async function lock(path: string, options: CapsuleOptions): Promise<string> {
  return carriedOut('lock', path, options);
}

/** Writes the memory that a capsule holds, byte for byte, and gives its path. */
export async function unlock(path: string, options: CapsuleOptions): Promise<string> {
  return carriedOut('unlock', path, options);
}

async function carriedOut(
  operation: 'lock' | 'unlock',
  path: string,
  options: CapsuleOptions,
): Promise<string> {
  const file = pathOf(path, 'path');
  const { password, output, force } = capsuleOptions(options, operation, file);
  await refuseSameFile(file, output);
  try {
    return await onFile(file, (native) =>
      operation === 'lock'
        ? native.lockCapsule(file, password, output, force)
        : native.unlockCapsule(file, password, output, force),
    );
  } catch (thrown) {
    throw outputNamed(file, thrown);
  }
}

/** The engine calls every path `path`: what is wrong with another one than the input is a fault of `output`. */
function outputNamed(path: string, thrown: unknown): unknown {
  const { code, message, details, cause } = toMemvidError(thrown);
  const isOfOutput = details?.['argument'] === 'path' && !String(details['received']).endsWith(`(${path})`);
  if (code !== 'MV019' || !isOfOutput) return thrown;
  return createError(code, message.replace(/^path:/, 'output:'), {
    details: { ...details, argument: 'output' },
    cause: cause ?? thrown,
  });
}

function capsuleOptions(
  options: CapsuleOptions,
  operation: string,
  path: string,
): { password: string; output: string | null; force: boolean } {
  const given: Options = optionsOf(options);
  const output = optionalPath(given['output'], 'output') ?? null;
  const force = optionalBoolean(given['force'], 'force', false);
  return { password: passwordOf(given['password'], operation, path), output, force };
}

function passwordOf(password: unknown, operation: string, path: string): string {
  if (typeof password === 'string' ? password.trim() === '' : password === undefined || password === null) {
    throw new EncryptionError(`${operation} of ${path} needs a password that is not blank`, {
      details: { path, reason: 'encryption', cause: 'empty_password' },
      suggestion: 'Pass `password` with at least one character that is not blank.',
    });
  }
  if (typeof password === 'string' && isWellFormed(password)) return password;
  // Its value is not shown, whatever it is.
  const received =
    typeof password === 'string' ? 'a string with a lone surrogate' : `of type ${typeof password}`;
  const expected = 'a string of whole characters';
  throw new InvalidInputError(`\`password\` must be ${expected}, but is ${received}`, {
    details: { argument: 'password', received, expected },
  });
}

/** The output replaces what is at its path: the input must not stand there, under this name or by a link. */
async function refuseSameFile(path: string, output: string | null): Promise<void> {
  if (output === null) return;
  if (resolve(path) === resolve(output) || (await areSameFile(path, output))) {
    throw invalidInput('output', output, `another file than the input ${path}`);
  }
}

async function areSameFile(left: string, right: string): Promise<boolean> {
  try {
    const [one, other] = await Promise.all([left, right].map((path) => stat(path, { bigint: true })));
    return one !== undefined && other !== undefined && one.dev === other.dev && one.ino === other.ino;
  } catch {
    return false; // One of them is missing or out of reach; whatever is wrong is said by the work itself.
  }
}
