import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { realpath, stat } from 'node:fs/promises';
import { type Failure, fileFailure } from './failure.js';

const known = new Map<string, Promise<string>>();

/** The SHA-256 of a file in hexadecimal digits, computed once while the file stays the same. */
export async function sha256Of(path: string, fail: Failure): Promise<string> {
  try {
    const file = await realpath(path);
    const { size, mtimeMs, ino } = await stat(file);
    const key = JSON.stringify([file, size, mtimeMs, ino]);
    const hashing = known.get(key) ?? hashed(file);
    known.set(key, hashing);
    hashing.catch(() => known.delete(key));
    return await hashing;
  } catch (error) {
    throw fileFailure(fail, `${path} cannot be read`, error);
  }
}

async function hashed(file: string): Promise<string> {
  const hash = createHash('sha256');
  for await (const piece of createReadStream(file)) hash.update(piece as Buffer);
  return hash.digest('hex');
}
