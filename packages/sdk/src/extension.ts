import { extname } from 'node:path';

/** Lower-case extension of a path without its dot. */
export function extensionOf(path: string): string {
  return extname(path).slice(1).toLowerCase();
}
