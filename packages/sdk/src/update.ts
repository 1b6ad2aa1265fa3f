import { checkString, invalidInput, type NativeDocument, type NativeMemory } from '@memvid/core';
import { derivedTags } from './auto-tag.js';
import { signalOf } from './batch-options.js';
import { frameId, recordOf, type Options } from './check.js';
import { contentDates } from './content-dates.js';
import { fieldsOf, pictureLabel, switchesOf, type DocumentFields, type IngestSwitches } from './document.js';
import {
  type DocumentVector,
  documentVectors,
  textToEmbed,
  vectorRequest,
  type VectorInput,
  withVector,
} from './embedding/document-vectors.js';
import { aborted } from './failures.js';
import type { Handle } from './handle.js';
import { ofNewestVersion } from './newest-version.js';
import { imageOf, pendingPictures, type Picture, type PictureInput } from './image.js';
import { pictured } from './picture.js';
import type { FrameRef } from './view.js';

/** What changes; a field that is not given stays as it is. */
export interface UpdateInput extends DocumentFields, IngestSwitches, VectorInput, PictureInput {
  text?: string | undefined;
  /** A picture in place of the content, or the same once more, so that it is found again. */
  image?: Picture | undefined;
}

/**
 * Stores a new version of a document and gives its frame id. The old version is no longer found, but can be seen
 * with `asOfFrame`, or with an `asOfTs` in front of a later `timestamp` of the new one.
 */
export async function update(handle: Handle, id: FrameRef, input: UpdateInput): Promise<string> {
  handle.assertWritable('update');
  const frame = frameId(id, 'id');
  const given = recordOf(input, 'changes', 'an object with the fields to change');
  const image = imageOf(given['image'], 'image');
  const patch = patchOf(given, image);
  if (image !== undefined) {
    if (patch.text !== undefined) {
      throw invalidInput('image', image, 'left out beside "text" or "file"');
    }
    pendingPictures.set(patch, { document: patch, image, argument: 'image' });
  }
  const signal = signalOf(given['signal']);
  const request = vectorRequest(handle, 'update', given, [given], false);
  // A vector is a change by itself, and so is one that is to be made.
  if (Object.keys(patch).length === 0 && image === undefined && request?.isAsked !== true) {
    throw invalidInput(
      'changes',
      'nothing to change',
      'an object with at least one of text, title, tags, labels, metadata, embedding, embedder …',
    );
  }
  if (signal?.aborted === true) throw aborted('update', signal);
  const text = textToEmbed(patch as NativeDocument);
  const picturing =
    image === undefined ? undefined : handle.awaited(() => pictured(handle, 'update', [patch], given));
  picturing?.catch(() => undefined);
  // Without new words the old vector stays right, unless the call asks for another.
  if (request === undefined || (text === '' && !request.isAsked)) {
    const store = async (native: NativeMemory): Promise<string> => {
      await picturing;
      if (signal?.aborted === true) throw aborted('update', signal);
      return changed(native, frame, patch);
    };
    return handle.write('update', store, picturing);
  }
  const isOld = patch.text === undefined && patch.searchText === undefined && request.given.size === 0;
  const embed = async (): Promise<DocumentVector | undefined> => {
    await picturing;
    const words = isOld ? await handle.read('update', (native) => native.searchedText(frame)) : text;
    const [vector] = await documentVectors(handle, 'update', request, [words], {
      signal,
      nameOf: () => 'text',
    });
    return vector;
  };
  const making = handle.awaited(embed);
  making.catch(() => undefined);
  const store = async (native: NativeMemory): Promise<string> => {
    const vector = await making;
    if (signal?.aborted === true) throw aborted('update', signal);
    return changed(native, frame, withVector(patch as NativeDocument, vector));
  };
  return handle.write('update', store, making);
}

async function changed(native: NativeMemory, frame: number, patch: Partial<NativeDocument>): Promise<string> {
  return String(await ofNewestVersion(native, 'update', frame, () => native.update(frame, patch)));
}

function patchOf(input: Options, image: Picture | undefined): Partial<NativeDocument> {
  const patch: Partial<NativeDocument> = fieldsOf(input, '', image && pictureLabel(image));
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
