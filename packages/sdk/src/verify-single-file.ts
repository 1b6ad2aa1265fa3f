import type { Stats } from 'node:fs';
import { readdir, stat } from 'node:fs/promises';
import { basename, dirname, extname, join } from 'node:path';
import { CorruptFileError, fromSystemError, invalidInput } from '@memvid/core';
import { pathOf } from './check.js';
import { failureOfInput } from './failures.js';

const SUFFIXES = ['wal', 'shm', 'lock', 'journal'];

/**
 * Makes sure that a memory is the one file it should be. Side files of it (`notes.mv2-wal`, `.notes.mv2.lock` …)
 * come from other programs or versions and may hold data that is not in the memory: MV012 with all of them in
 * `details.offenders`.
 */
export async function verifySingleFile(path: string): Promise<void> {
  const file = pathOf(path, 'path');
  const [folder, name] = [dirname(file), basename(file)];
  const stem = name.slice(0, name.length - extname(name).length);
  const suspects = new Set([
    ...SUFFIXES.map((suffix) => `${name}-${suffix}`),
    ...SUFFIXES.map((suffix) => `.${name}.${suffix}`),
    `${stem}.manifest.wal`,
    `${name}.lock`,
  ]);
  let names: string[];
  let found: Stats;
  try {
    found = await stat(file);
    names = await readdir(folder);
  } catch (error) {
    throw failureOfInput(file, fromSystemError(error, file) ?? error);
  }
  if (!found.isFile()) {
    const what = found.isDirectory() ? 'a folder' : 'a pipe, a socket or a device';
    throw invalidInput('path', `${what} (${file})`, 'the path of a file');
  }
  const offenders = names
    .filter((beside) => suspects.has(beside))
    .toSorted()
    .map((beside) => join(folder, beside));
  if (offenders.length > 0) {
    throw new CorruptFileError(`${file} has side files: ${offenders.join(', ')}`, {
      details: { path: file, offenders },
    });
  }
}
