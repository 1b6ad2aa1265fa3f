import { closeSync, existsSync, lstatSync, openSync, readdirSync, readSync } from 'node:fs';
import { join } from 'node:path';

const PIECE = Buffer.alloc(1 << 20);

/** Reads a file, or all files of a folder, once: systems take pages that nobody asks for out of the cache, some within a minute. */
export function readIntoCache(path: string): void {
  if (!existsSync(path)) return;
  const status = lstatSync(path);
  if (status.isDirectory()) {
    for (const name of readdirSync(path)) readIntoCache(join(path, name));
  } else if (status.isFile()) {
    const file = openSync(path, 'r');
    while (readSync(file, PIECE) > 0);
    closeSync(file);
  }
}
