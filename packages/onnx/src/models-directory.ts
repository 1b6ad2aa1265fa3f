import { homedir } from 'node:os';
import { join, resolve } from 'node:path';

/** Where models lie when nothing else is said. */
const DEFAULT = '~/.memvid/models';

/**
 * The folder of local models, absolute: `given`, or the environment variable `MEMVID_MODELS_DIR`, or
 * `~/.memvid/models`. A leading `~` is the home folder, which a shell expands but an `.env` file does not.
 */
export function modelsDirectory(given?: string): string {
  const named = [given, process.env['MEMVID_MODELS_DIR']].find((path) => path?.trim());
  return resolve(withHome(named ?? DEFAULT));
}

function withHome(path: string): string {
  return /^~(?=$|[/\\])/.test(path) ? join(homedir(), path.slice(1)) : path;
}
