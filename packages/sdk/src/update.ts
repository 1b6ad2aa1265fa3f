import { checkString, invalidInput, type NativeDocument } from '@memvid/core';
import { derivedTags } from './auto-tag.js';
import { frameId, recordOf, type Options } from './check.js';
import { contentDates } from './content-dates.js';
import { fieldsOf, switchesOf, type DocumentFields, type IngestSwitches } from './document.js';
import {
  documentVectors,
  textToEmbed,
  vectorRequest,
  type VectorInput,
  withVector,
} from './embedding/document-vectors.js';
import type { Handle } from './handle.js';
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
  const given = recordOf(input, 'changes', 'an object with the fields to change');
  const patch = patchOf(given);
  if (Object.keys(patch).length === 0) {
    throw invalidInput(
      'changes',
      'nothing to change',
      'an object with at least one of text, title, tags, labels, metadata …',
    );
  }
  const request = vectorRequest(handle, 'update', given, [given], false);
  const text = textToEmbed(patch as NativeDocument);
  // Without new words the old vector stays right.
  if (request === undefined || (text === '' && request.given.size === 0)) {
    return String(await handle.write('update', (native) => native.update(frame, patch)));
  }
  const making = documentVectors(handle, 'update', request, [text], { nameOf: () => 'text' });
  making.catch(() => undefined);
  return handle.write('update', async (native) => {
    const [vector] = await making;
    return String(await native.update(frame, withVector(patch as NativeDocument, vector)));
  });
}

function patchOf(input: Options): Partial<NativeDocument> {
  const patch: Partial<NativeDocument> = fieldsOf(input, '');
  const switches = switchesOf(input);
  const text = input['text'] ?? undefined;
  if (text !== undefined) {
    patch.text = checkString('text', text);
    // Dates of the old text must not stay with the new one.
    patch.contentDates = switches.extractDates ? contentDates(patch.searchText ?? patch.text) : [];
    if (switches.autoTag) patch.tags = [...(patch.tags ?? []), ...derivedTags(patch.text, patch.tags ?? [])];
  }
  return patch;
}
