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

/** What each waits for, and what can be done instead today. */
const CALLS: Readonly<Record<LaterCall, readonly [what: string, suggestion: string]>> = {
  sessionStart: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionCheckpoint: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionEnd: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionList: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionReplay: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
  sessionDelete: [
    'recordings come with a later one',
    'See the past of the memory with `asOfFrame` and `asOfTs`.',
  ],
};

export async function refuse(handle: Handle, operation: LaterCall): Promise<never> {
  handle.assertOpen(operation);
  const [what, suggestion] = CALLS[operation];
  throw notYet(operation, what, suggestion);
}
