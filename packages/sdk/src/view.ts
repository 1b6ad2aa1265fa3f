import { filledString, frameId } from './check.js';
import type { Handle } from './handle.js';

/** A frame id as `put` returns it (string) or as hits carry it (number); every call takes both. */
export type FrameRef = string | number;

/** The whole stored text of a frame. */
export async function view(handle: Handle, id: FrameRef): Promise<string> {
  handle.assertOpen('view');
  const frame = frameId(id, 'id');
  return handle.read('view', (native) => native.text(frame));
}

/** The whole stored text of the newest active frame with a uri. */
export async function viewByUri(handle: Handle, uri: string): Promise<string> {
  handle.assertOpen('viewByUri');
  const name = filledString(uri, 'uri');
  return handle.read('viewByUri', (native) => native.text(native.frameByUri(name)));
}
