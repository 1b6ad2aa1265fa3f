import type { NativeMemory } from '@memvid/core';
import { frameId, optionalBoolean, speltOptions } from './check.js';
import type { Handle } from './handle.js';
import type { FrameRef } from './view.js';

/** What `compact` won. */
export interface CompactResult {
  /** Size of the file before. */
  bytes_before: number;
  /** Size of the file now. */
  bytes_after: number;
  /** Of the file before, that nothing referred to. */
  dead_bytes_before: number;
  duration_ms: number;
}

export interface PurgeOptions {
  /** Erase the earlier versions of all documents, too. Default `false`. */
  versions?: boolean | undefined;
}

/** What the file keeps of other programs: it is carried over as it is. */
export type KeptTrack = 'logic_mesh' | 'temporal' | 'recordings' | 'vectors' | 'sections';

/** What `purge` erased. */
export interface PurgeResult {
  /** Documents that were there until now. */
  documents_removed: number;
  /** Earlier versions that were there until now. */
  versions_removed: number;
  /** Frames (documents, versions and their chunks) whose content was in the file until now. */
  frames_erased: number;
  /**
   * Memory cards that were in the file until now: those of what was erased, and all that the rules of another program made,
   * because nobody can tell of which documents.
   */
  cards_erased: number;
  /** Size of the file before. */
  bytes_before: number;
  /** Size of the file now. */
  bytes_after: number;
  /** What other programs wrote and may speak of what was erased. */
  kept_tracks: KeptTrack[];
  duration_ms: number;
}

/** Writes the file anew without anything dead. */
export async function compact(handle: Handle): Promise<CompactResult> {
  handle.assertWhole('compact');
  handle.assertWritable('compact');
  return JSON.parse(await handle.write('compact', (native) => native.compact())) as CompactResult;
}

/** Removes documents with all their versions, and erases whatever is removed. */
export async function purge(
  handle: Handle,
  ids?: FrameRef | readonly FrameRef[],
  options?: PurgeOptions,
): Promise<PurgeResult> {
  // The file is written anew, without anything that any scope removed.
  handle.assertWhole('purge');
  handle.assertWritable('purge');
  const frames = framesOf(ids);
  const versions = optionalBoolean(speltOptions(options, ['versions'])['versions'], 'versions', false);
  const erase = (native: NativeMemory): Promise<string> => native.purge(frames, versions);
  return JSON.parse(await handle.write('purge', erase)) as PurgeResult;
}

function framesOf(ids: unknown): number[] {
  if (ids === undefined || ids === null) return [];
  if (!Array.isArray(ids)) return [frameId(ids, 'ids')];
  return ids.map((id: unknown, index) => frameId(id, `ids[${index}]`));
}
