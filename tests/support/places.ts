import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';

/** The checkout. */
export const root = join(import.meta.dirname, '../..');
/** The built SDK, as other processes load it. */
export const sdkEntry = join(root, 'packages/sdk/dist/index.js');

const require = createRequire(import.meta.url);

/** A path of the papers that lie beside the checkout of those who work on it, or why it is not there. */
export function paper(path: string): { path: string; missing: string | undefined } {
  const absolute = join(root, '../shared', path);
  return { path: absolute, missing: existsSync(absolute) ? undefined : `../shared/${path} is not here` };
}

/** The reference's command-line program, or why it is not there. */
export function referenceProgram(): { path: string; missing: string | undefined } {
  try {
    const path = join(dirname(require.resolve('@memvid/cli-linux-x64/package.json')), 'memvid');
    return { path, missing: existsSync(path) ? undefined : 'the reference program is not in its package' };
  } catch {
    return {
      path: '',
      missing: 'the reference program (@memvid/cli-linux-x64, Linux x64 only) is not installed',
    };
  }
}
