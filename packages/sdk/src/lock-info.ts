import { callNative, loadNative } from '@memvid/core';
import { optionalNumber, pathOf, type Options } from './check.js';

/** How long a changing call waits for another writer unless the caller says otherwise, in milliseconds. */
const DEFAULT_LOCK_TIMEOUT_MS = 10_000;

/** How long the caller lets a change wait for another writer, in milliseconds. */
export function lockTimeoutOf(options: Options): number {
  const given = optionalNumber(options['lockTimeoutMs'], 'lockTimeoutMs', {
    min: 0,
    max: 0xffff_ffff,
    integer: true,
  });
  return given ?? DEFAULT_LOCK_TIMEOUT_MS;
}

export interface LockOwner {
  pid: number;
  cmd: string;
  started_at: string;
  last_heartbeat: string;
  heartbeat_ms: number;
  file_path: string;
}

/** `owner` is null where the system does not tell who holds a lock: only Linux does. */
export type LockState = { locked: false } | { locked: true; owner: LockOwner | null; stale: boolean };

/** Who is writing to a memory right now, in this process or another. */
export async function lockWho(path: string): Promise<LockState> {
  const file = pathOf(path, 'path');
  return JSON.parse(callNative(() => loadNative().lockWho(file))) as LockState;
}

/** Clears a lock whose owner is gone, or asks a live owner to let go; `false` when there is nothing to do. */
export async function lockNudge(path: string): Promise<boolean> {
  const file = pathOf(path, 'path');
  return callNative(() => loadNative().lockNudge(file));
}
