import type { NativeAsset } from '@memvid/core';
import { filledString, frameId } from './check.js';
import type { Handle } from './handle.js';
import type { FrameRef } from './view.js';

/** The bytes a document was made from; for one put as text its UTF-8 bytes. */
export type Asset = NativeAsset;

export async function extractAsset(handle: Handle, id: FrameRef): Promise<Asset> {
  handle.assertOpen('extractAsset');
  const frame = frameId(id, 'id');
  return handle.read('extractAsset', (native) => native.asset(frame));
}

/** The asset of the newest active frame with a uri. */
export async function extractAssetByUri(handle: Handle, uri: string): Promise<Asset> {
  handle.assertOpen('extractAssetByUri');
  const name = filledString(uri, 'uri');
  return handle.read('extractAssetByUri', (native) => native.asset(native.frameByUri(name)));
}
