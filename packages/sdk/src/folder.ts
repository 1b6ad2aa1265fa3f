import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { FileNotFoundError, fromSystemError, invalidInput, toMemvidError } from '@memvid/core';
import { extensionOf } from './extension.js';

/** What stands in a folder. */
interface Found {
  /** Its path in the folder. */
  readonly name: string;
  /** Why it is not stored. */
  readonly refusal?: Refusal | undefined;
}

/** What an error tells of a file. */
export interface Refusal {
  readonly code: string;
  readonly message: string;
  readonly suggestion: string | null;
}

/** A folder that somebody else filled may hold a link to anything. */
const NOT_FOLLOWED: Refusal = {
  code: 'MV018',
  message: 'A symbolic link is not followed: give what it leads to to putFile or putFiles',
  suggestion: 'Give what it leads to to `putFile` or `putFiles`.',
};

/**
 * The files with one of these endings, and where folders are looked into, links to some; and the names of the others. In
 * order. Loaded with the first folder: most memories are given none.
 */
export async function foundIn(
  folder: string,
  recursive: boolean,
  extensions: ReadonlySet<string>,
): Promise<{ found: Found[]; others: string[] }> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive });
    const files = entries
      .filter((entry) => !entry.isDirectory())
      .map(async (entry): Promise<Found & { readonly isTaken: boolean }> => {
        const path = join(entry.parentPath, entry.name);
        const name = relative(folder, path).replaceAll(sep, '/');
        const isWanted = extensions.has(extensionOf(name));
        if (!entry.isSymbolicLink()) return { name, isTaken: isWanted };
        const target = await stat(path).catch(() => undefined);
        const isTaken = target?.isDirectory() === true ? recursive : isWanted;
        return { name, refusal: NOT_FOLLOWED, isTaken };
      });
    const all = (await Promise.all(files)).toSorted((left, right) => (left.name < right.name ? -1 : 1));
    return {
      found: all.filter(({ isTaken }) => isTaken),
      others: all.filter(({ isTaken, refusal }) => !isTaken && refusal === undefined).map(({ name }) => name),
    };
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
