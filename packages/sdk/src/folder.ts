import { readdir, stat } from 'node:fs/promises';
import { join, relative, sep } from 'node:path';
import { FileNotFoundError, fromSystemError, invalidInput, toMemvidError } from '@memvid/core';

/** What stands in a folder. */
interface Found {
  /** Its path in the folder. */
  readonly name: string;
  /** Of a symbolic link, where it leads. */
  readonly link?: 'folder' | 'file' | undefined;
}

/** All but folders, in the order of their names. Loaded with the first folder: most memories are given none. */
export async function foundIn(folder: string, recursive: boolean): Promise<Found[]> {
  try {
    const entries = await readdir(folder, { withFileTypes: true, recursive });
    const found = entries
      .filter((entry) => !entry.isDirectory())
      .map(async (entry): Promise<Found> => {
        const path = join(entry.parentPath, entry.name);
        const name = relative(folder, path).replaceAll(sep, '/');
        if (!entry.isSymbolicLink()) return { name };
        const target = await stat(path).catch(() => undefined);
        return { name, link: target?.isDirectory() === true ? 'folder' : 'file' };
      });
    return (await Promise.all(found)).toSorted((left, right) => (left.name < right.name ? -1 : 1));
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
