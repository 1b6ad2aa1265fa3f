import { FrameNotFoundError, type NativeMemory, toMemvidError } from '@memvid/core';
import type { FrameInfo } from './frame-info.js';

/** Runs a change of a frame. Where that has a newer version, MV010 names it: `view` still gives the old text. */
export async function ofNewestVersion<T>(
  native: NativeMemory,
  operation: string,
  frame: number,
  change: () => T | Promise<T>,
): Promise<T> {
  try {
    return await change();
  } catch (error) {
    if (toMemvidError(error).code !== 'MV010') throw error;
    throw superseded(native, operation, frame) ?? error;
  }
}

function superseded(native: NativeMemory, operation: string, frame: number): FrameNotFoundError | undefined {
  const newest = newestVersion(native, frame);
  if (newest === undefined || newest.id === frame || newest.status !== 'active') return undefined;
  return new FrameNotFoundError(
    `frame ${frame} is an old version of the document that is frame ${newest.id} now: ${operation} changes the newest`,
    {
      details: { frame_id: frame, superseded_by: newest.id },
      suggestion: `Pass ${newest.id}, the id that \`update\` gave.`,
    },
  );
}

/** `undefined` for a frame that cannot be seen. */
function newestVersion(native: NativeMemory, frame: number): FrameInfo | undefined {
  try {
    for (let id = frame; ;) {
      const info = JSON.parse(native.frame(id)) as FrameInfo;
      // Versions have ascending ids; a damaged file may say otherwise, and go in circles.
      if (info.superseded_by === null || info.superseded_by <= id) return info;
      id = info.superseded_by;
    }
  } catch {
    return undefined;
  }
}
