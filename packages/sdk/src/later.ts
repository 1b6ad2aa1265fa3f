import { notYet } from './failures.js';
import type { Handle } from './handle.js';

/** The calls of the contract that reject in this version. */
export type LaterCall =
  | 'sessionStart'
  | 'sessionCheckpoint'
  | 'sessionEnd'
  | 'sessionList'
  | 'sessionReplay'
  | 'sessionDelete';

export async function refuse(handle: Handle, operation: LaterCall): Promise<never> {
  handle.assertOpen(operation);
  throw notYet(
    operation,
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  );
}
