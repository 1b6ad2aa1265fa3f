import { checkString, invalidInput, type NativeDocument } from '@memvid/core';
import { derivedTags } from './auto-tag.js';
import { frameId, isRecord } from './check.js';
import { contentDates } from './content-dates.js';
import { fieldsOf, labelsOf, switchesOf, type DocumentFields, type IngestSwitches } from './document.js';
import type { Handle } from './handle.js';
import { checkVectors, vectorRequest, type VectorInput } from './vectors.js';
import type { FrameRef } from './view.js';

/** What changes; a field that is not given stays as it is. */
export interface UpdateInput extends DocumentFields, IngestSwitches, VectorInput {
  text?: string | undefined;
}

/**
 * Stores a new version of a document and gives its frame id. The old version is no longer found, but can be seen
 * with `asOfFrame` and `asOfTs`.
 */
export async function update(handle: Handle, id: FrameRef, input: UpdateInput): Promise<string> {
  handle.assertWritable('update');
  const frame = frameId(id, 'id');
  if (!isRecord(input)) throw invalidInput('changes', input, 'an object with the fields to change');
  const patch = patchOf(input);
  if (Object.keys(patch).length === 0) {
    throw invalidInput(
      'changes',
      'nothing to change',
      'an object with at least one of text, title, tags, labels, metadata …',
    );
  }
  const request = vectorRequest(input, [input], false);
  if (request !== undefined) await checkVectors(handle, 'update', request);
  return String(await handle.write('update', (native) => native.update(frame, patch)));
}

function patchOf(input: UpdateInput): Partial<NativeDocument> {
  const patch = fieldsOf(input as Record<string, unknown>, '');
  const switches = switchesOf(input as Record<string, unknown>);
  const labels = labelsOf(input as Record<string, unknown>, '');
  if (labels !== undefined) patch.labels = labels;
  if (input.text !== undefined && input.text !== null) {
    patch.text = checkString('text', input.text);
    // Dates of the old text must not stay with the new one.
    patch.contentDates = switches.extractDates ? contentDates(patch.searchText ?? patch.text) : [];
    if (switches.autoTag) patch.tags = [...(patch.tags ?? []), ...derivedTags(patch.text, patch.tags ?? [])];
  }
  return patch;
}
