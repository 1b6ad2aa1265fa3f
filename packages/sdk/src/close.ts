import { optionalBoolean, speltOptions } from './check.js';
import type { Handle } from './handle.js';

export interface CloseOptions {
  /**
   * Move what is in the log into the file, so that programs see it that do not read the log. Default `true`. `false`
   * leaves it there, as durable as before, until it has grown so long that opening pays for it: a large file is let go
   * of much sooner.
   */
  seal?: boolean | undefined;
}

/** Lets go of the file, behind the calls that came before. */
export async function close(handle: Handle, options?: CloseOptions): Promise<void> {
  const { seal } = speltOptions(options, ['seal']);
  await handle.close(optionalBoolean(seal, 'seal', true));
}
