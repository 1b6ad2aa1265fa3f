import { countOption, memberNames, optionalBoolean, optionalFrameId, speltOptions } from './check.js';
import type { Handle } from './handle.js';
import { optionalSeconds, type Timestamp } from './timestamps.js';
import type { FrameRef } from './view.js';
import { whereOf, type Where } from './where.js';

export interface TimelineInput {
  /** Most entries. Default 50. */
  limit?: number | undefined;
  /** Only entries from this time on, itself included. */
  since?: Timestamp | undefined;
  /** Only entries up to this time, itself included. */
  until?: Timestamp | undefined;
  /** Newest first. Default `false`. */
  reverse?: boolean | undefined;
  asOfFrame?: FrameRef | undefined;
  asOfTs?: number | undefined;
  where?: Where | undefined;
}

export interface TimelineEntry {
  frame_id: number;
  uri: string;
  /** Epoch seconds. */
  timestamp: number;
  /** Beginning of the stored text, at most 120 characters. */
  preview: string;
  /** The chunks of a long document. */
  child_frames: number[];
  /** Why `preview` is empty, when the text is damaged. */
  damage?: string;
}

const OPTION_NAMES = /* @__PURE__ */ memberNames<TimelineInput>({
  limit: true,
  since: true,
  until: true,
  reverse: true,
  asOfFrame: true,
  asOfTs: true,
  where: true,
});
const DEFAULT_LIMIT = 50;

/** Documents by time, then by frame id. */
export async function timeline(handle: Handle, options?: TimelineInput): Promise<TimelineEntry[]> {
  handle.assertOpen('timeline');
  const given = speltOptions(options, OPTION_NAMES);
  const request = {
    limit: countOption(given['limit'], 'limit', DEFAULT_LIMIT),
    since: optionalSeconds(given['since'], 'since'),
    until: optionalSeconds(given['until'], 'until'),
    reverse: optionalBoolean(given['reverse'], 'reverse', false),
    asOfFrame: optionalFrameId(given['asOfFrame'], 'asOfFrame'),
    asOfTs: optionalSeconds(given['asOfTs'], 'asOfTs'),
    where: whereOf(given['where'], 'where'),
  };
  return JSON.parse(
    await handle.read('timeline', (native) => native.timeline(JSON.stringify(request))),
  ) as TimelineEntry[];
}
