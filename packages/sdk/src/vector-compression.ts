import { checkBoolean } from '@memvid/core';
import { vectorsDisabled } from './failures.js';
import type { Handle } from './handle.js';

/** Says whether vectors written from now on are kept product-quantised. */
export async function setVectorCompression(handle: Handle, on: boolean): Promise<void> {
  handle.assertWhole('setVectorCompression');
  handle.assertWritable('setVectorCompression');
  const isOn = checkBoolean('on', on);
  if (!handle.settings.enableVec) throw vectorsDisabled('setVectorCompression');
  await handle.write('setVectorCompression', (native) => native.setVectorCompression(isOn));
}
