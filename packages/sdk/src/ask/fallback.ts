import { aclAllows } from '../acl.js';
import type { FindHit } from '../find.js';
import type { FrameInfo } from '../frame-info.js';
import type { Handle } from '../handle.js';
import type { FindRequest } from '../search-options.js';
import type { TimelineEntry } from '../timeline.js';
import { shorten } from './context.js';

/** Text of one frame that is taken when nothing matched. */
const MOST_CHARACTERS = 2400;
/** How far back the timeline is read for frames that a scope or an access rule lets through. */
const FIRST_PAGE = 64;

/** The newest frames a search with this request could have shown, as hits without matches. */
export function newestFrames(handle: Handle, request: Omit<FindRequest, 'query'>): Promise<FindHit[]> {
  const { k, scope, since, until, asOfFrame, asOfTs, where, acl, snippetChars } = request;
  return handle.read('ask', (native) => {
    const hits: FindHit[] = [];
    for (let limit = Math.max(k, FIRST_PAGE), seen = 0; ; limit *= 8) {
      const page = {
        limit: Math.min(limit, 0xffff_ffff),
        reverse: true,
        since,
        until,
        asOfFrame,
        asOfTs,
        where,
      };
      const entries = JSON.parse(native.timeline(JSON.stringify(page))) as TimelineEntry[];
      for (const entry of entries.slice(seen)) {
        if (scope !== undefined && !entry.uri.startsWith(scope)) continue;
        const frame = JSON.parse(native.frame(entry.frame_id)) as FrameInfo;
        if (acl !== undefined && !aclAllows(frame.metadata, acl)) continue;
        hits.push(hitOf(frame, shorten(native.text(entry.frame_id), MOST_CHARACTERS), snippetChars));
        if (hits.length === k) return hits;
      }
      if (entries.length < page.limit) return hits;
      seen = entries.length;
    }
  });
}

function hitOf(frame: FrameInfo, text: string, snippetChars: number): FindHit {
  return {
    rank: 0,
    frame_id: frame.id,
    parent_id: frame.parent_id,
    uri: frame.uri,
    title: frame.title,
    snippet: shorten(text, snippetChars),
    text,
    score: 0,
    matches: 0,
    tags: frame.tags,
    labels: frame.labels,
    kind: frame.kind,
    track: frame.track,
    content_dates: frame.content_dates,
    created_at: new Date(frame.timestamp * 1000).toISOString().replace('.000Z', 'Z'),
    timestamp: frame.timestamp,
    metadata: frame.metadata,
  };
}
