import { ClipModel } from './clip-model.js';
import type { ClipOptions } from './options.js';

/**
 * An `ImageEmbedder` of this machine.
 * @param model `mobileclip-s2` (the default), `clip-vit-base-patch32`, `-int8` behind either for 8-bit weights; or any name
 * together with `options.folder`.
 */
export function clip(model?: string, options?: ClipOptions): ClipModel {
  return new ClipModel(model, options);
}
