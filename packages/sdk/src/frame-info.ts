import { frameId } from './check.js';
import type { Handle } from './handle.js';
import type { FrameRef } from './view.js';

export interface FrameInfo {
  id: number;
  uri: string;
  title: string;
  /** Epoch seconds. */
  timestamp: number;
  kind: string | null;
  track: string | null;
  tags: string[];
  labels: string[];
  metadata: Record<string, unknown>;
  /** The document a chunk belongs to. */
  parent_id: number | null;
  chunk_index: number | null;
  chunk_count: number | null;
  role: 'Document' | 'DocumentChunk' | 'ExtractedImage';
  /** `"superseded"` once `update` has stored a newer version. */
  status: 'active' | 'superseded';
  /** Days the text speaks of, `YYYY-MM-DD`. */
  content_dates: string[];
  /** The version before this one. */
  supersedes: number | null;
  /** The version behind this one. */
  superseded_by: number | null;
  mime: string | null;
  /** Size of the content, in bytes. */
  bytes: number;
}

/** Everything a frame carries but its text. */
export async function getFrameInfo(handle: Handle, id: FrameRef): Promise<FrameInfo> {
  handle.assertOpen('getFrameInfo');
  const frame = frameId(id, 'id');
  return JSON.parse(await handle.read('getFrameInfo', (native) => native.frame(frame))) as FrameInfo;
}
