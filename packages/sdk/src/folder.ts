import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { FileNotFoundError, fromSystemError, invalidInput, toMemvidError } from '@memvid/core';
import { extensionOf } from './extension.js';

/** What stands in a folder. */
interface Found {
  /** Its path in the folder. */
  readonly name: string;
  /** Why it is not stored. */
  readonly refusal?: typeof NOT_FOLLOWED | undefined;
}

/** A folder that somebody else filled may hold a link to anything. */
const NOT_FOLLOWED = {
  code: 'MV018',
  message: 'A symbolic link is not followed: give what it leads to to putFile or putFiles',
} as const;

/**
 * The files with one of these endings, in the order of their names, and where folders are looked into, links to some.
 * Loaded with the first folder: most memories are given none.
 */
export async function foundIn(
  folder: string,
  recursive: boolean,
  extensions: ReadonlySet<string>,
): Promise<Found[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive });
    const found = entries
      .filter((entry) => !entry.isDirectory())
      .map(async (entry): Promise<Found[]> => {
        const path = join(entry.parentPath, entry.name);
        const name = relative(folder, path).replaceAll(sep, '/');
        const isWanted = extensions.has(extensionOf(name));
        if (!entry.isSymbolicLink()) return isWanted ? [{ name }] : [];
        const target = await stat(path).catch(() => undefined);
        const isTold = target?.isDirectory() === true ? recursive : isWanted;
        return isTold ? [{ name, refusal: NOT_FOLLOWED }] : [];
      });
    return (await Promise.all(found)).flat().toSorted((left, right) => (left.name < right.name ? -1 : 1));
  } catch (error) {
    const failure = fromSystemError(error, folder);
    if (failure instanceof FileNotFoundError) {
      throw new FileNotFoundError(`There is no folder ${folder}`, {
        details: { path: folder, reason: 'input' },
        suggestion: 'Make the folder first, or correct its path.',
        cause: error,
      });
    }
    if (failure?.code === 'MV019') throw invalidInput('dir', folder, 'the path of a folder');
    throw failure ?? toMemvidError(error);
  }
}
