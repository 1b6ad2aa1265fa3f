/** What pictures need, loaded with the first of them: most memories have none. */
import { stat } from 'node:fs/promises';
import { basename, extname } from 'node:path';
import {
  ClipDisabledError,
  type ImageEmbedder,
  type ImageInput,
  invalidInput,
  type NativeDocument,
  toMemvidError,
} from '@memvid/core';
import type { Options } from './check.js';
import { pictureDocument, type Switches } from './document.js';
import { extensionOf } from './extension.js';
import { pluginMissing } from './failures.js';
import { readInput } from './file-document.js';
import type { Handle } from './handle.js';
import { embedderFor, PACKAGE } from './image-embedders.js';
import {
  imageOf,
  type PendingPicture,
  type Picture,
  type PictureQuery,
  type PlacedPicture,
} from './image.js';
import { numbered } from './numbered-vectors.js';
import type { PictureOptions, PictureOutcome, PictureVector } from './picture.js';
import type { StatsResult } from './stats.js';

/** Files that are read at the same time. */
const READ_AT_ONCE = 8;

/** Reads pictures and makes their vectors. An error is thrown, and then none may be stored, or goes into `outcome`. */
export async function fillAll(
  handle: Handle,
  operation: string,
  pictures: readonly PlacedPicture[],
  { imageEmbedder, signal }: PictureOptions,
  outcome: PictureOutcome | undefined,
): Promise<void> {
  try {
    // Before any file is read: who makes the vectors may be missing.
    const { pictureModel } = await handle.storedVectors();
    const embedder = await embedderFor(handle, imageEmbedder, pictureModel);
    const read = await readAll(pictures, outcome);
    await handle.embedding(operation, 'write', signal, (stop) => fill(embedder, read, stop, outcome));
  } catch (error) {
    if (outcome === undefined || signal?.aborted === true) throw error;
    outcome.fatal = toMemvidError(error);
  }
  const { errors, fatal } = outcome ?? {};
  if (fatal === undefined) return;
  for (const { document, place } of pictures) {
    if (document.picture === undefined && errors?.has(place) === false) errors.set(place, fatal);
  }
}

interface ReadPicture extends PlacedPicture {
  readonly bytes: Uint8Array;
}

/** Pictures with the bytes of their files. What cannot be read is an error of its own where there is an `outcome`. */
async function readAll(
  pictures: readonly PlacedPicture[],
  outcome: PictureOutcome | undefined,
): Promise<ReadPicture[]> {
  const read: ReadPicture[] = [];
  for (let start = 0; start < pictures.length; start += READ_AT_ONCE) {
    const part = pictures.slice(start, start + READ_AT_ONCE).map(async (picture) => {
      try {
        return [{ ...picture, bytes: await bytesOf(picture.image, picture.argument) }];
      } catch (error) {
        if (outcome === undefined) throw error;
        outcome.errors.set(picture.place, toMemvidError(error));
        return [];
      }
    });
    read.push(...(await Promise.all(part)).flat());
  }
  return read;
}

/** Makes the vectors of pictures, and their documents whole. */
async function fill(
  embedder: ImageEmbedder,
  pictures: readonly ReadPicture[],
  signal: AbortSignal,
  outcome: PictureOutcome | undefined,
): Promise<void> {
  const work = numbered(
    embedder,
    (index) => nameOfPicture(pictures[index]),
    (indexes, ofCall) =>
      embedder.embedImages(
        indexes.map((index) => imageInput(pictures[index]?.bytes)),
        { signal: ofCall },
      ),
  );
  if (outcome === undefined) {
    const vectors = await work.all(pictures.length, signal);
    pictures.forEach((picture, index) => finish(picture, vectors[index], embedder.model));
    return;
  }
  const { vectors, errors, fatal } = await work.each(pictures.length, signal);
  if (fatal !== undefined) outcome.fatal = fatal;
  pictures.forEach((picture, index) => {
    const error = errors.get(index);
    if (error !== undefined) outcome.errors.set(picture.place, error);
    finish(picture, vectors[index], embedder.model);
  });
}

function finish(picture: ReadPicture, vector: Float32Array | undefined, model: string): void {
  const { bytes, document } = picture;
  if (vector === undefined) return;
  Object.assign(document, described(picture), {
    bytes,
    mime: mimeOf(bytes),
    picture: vector,
    pictureModel: model,
  });
}

function imageInput(data: Uint8Array = new Uint8Array()): ImageInput {
  return { data, mimeType: mimeOf(data) };
}

/** MV018 for the file of a picture where nobody makes vectors of pictures. */
export function notTaken(operation: string, filename: string): Error {
  const what = `${filename} is a picture, and nobody makes vectors of pictures`;
  return pluginMissing(operation, what, PACKAGE, 'clipPlugin');
}

/** The document of a picture that `putFile` stores. */
export function ofPictureFile(
  path: string,
  filename: string,
  { options, switches }: { readonly options: Options; readonly switches: Switches },
  about: Record<string, unknown>,
): { documents: NativeDocument[]; type: string; warned: object } {
  const type = 'image';
  const metadata = Object.assign(about, { doc_type: type });
  const { label, labels, tags, kind, track, timestamp } = options;
  const uri = `mv2://files/${filename}`;
  const given = { image: path, label, labels, tags, kind, track, timestamp, metadata, uri };
  const document = pictureDocument(given, '', switches);
  return { documents: document === undefined ? [] : [document], type, warned: {} };
}

/** How many bytes a picture has, as far as that can be told before it is read. */
export async function sizeOf(image: Picture): Promise<number> {
  if (typeof image !== 'string') return image.length;
  return stat(image).then(
    ({ size }) => size,
    () => 0,
  );
}

/** The vector of a text or a picture that pictures are looked for with. */
export async function queryVectorOf(
  handle: Handle,
  query: string | PictureQuery,
  options: PictureOptions,
): Promise<PictureVector> {
  const operation = 'find';
  const stats = JSON.parse(await handle.read(operation, (native) => native.stats())) as StatsResult;
  if (stats.picture_count === 0) {
    throw new ClipDisabledError(`${operation}: no pictures stored yet`, {
      details: { operation, cause: 'empty' },
      suggestion: 'Store pictures first: `put({ image: path })`.',
    });
  }
  const embedder = await embedderFor(handle, options.imageEmbedder, stats.picture_model);
  const image = typeof query === 'string' ? undefined : imageOf(query.image, 'query.image');
  const data = image === undefined ? undefined : await bytesOf(image, 'query.image');
  const [vector = new Float32Array()] = await handle.embedding(
    operation,
    'question',
    options.signal,
    (signal) =>
      numbered(
        embedder,
        () => (data === undefined ? 'query' : 'query.image'),
        (_, ofCall) =>
          data === undefined
            ? embedder.embedTexts([String(query)], { signal: ofCall })
            : embedder.embedImages([imageInput(data)], { signal: ofCall }),
      ).all(1, signal),
  );
  return { vector, model: embedder.model };
}

/** What a picture is called in messages. */
function nameOfPicture(picture: PendingPicture | undefined): string {
  const { argument = 'image', image } = picture ?? {};
  return typeof image === 'string' ? `${argument} (${image})` : argument;
}

/** What the document of a picture is called where nothing was given. */
function described({ fields, image }: PendingPicture): Partial<NativeDocument> {
  const filename = typeof image === 'string' ? basename(image) : undefined;
  const file = filename === undefined ? {} : { filename };
  if (fields === undefined) return file;
  const extension = typeof image === 'string' ? extensionOf(image) : '';
  return {
    ...file,
    kind: fields.kind ?? 'image',
    labels: fields.labels ?? [extension === '' ? 'image' : extension],
    ...(filename === undefined
      ? {}
      : {
          title: fields.title ?? filename.slice(0, filename.length - extname(filename).length),
          uri: fields.uri ?? `mv2://files/${filename}`,
        }),
  };
}

async function bytesOf(image: Picture, argument: string): Promise<Uint8Array> {
  const bytes = typeof image === 'string' ? await readInput(image, argument) : image;
  if (bytes.length > 0) return bytes;
  throw invalidInput(argument, typeof image === 'string' ? image : 'no bytes', 'a picture, and not nothing');
}

/** What the first bytes of files of pictures are. */
const SIGNATURES: readonly (readonly [mime: string, at: number, bytes: string])[] = [
  ['image/png', 0, '\u0089PNG'],
  ['image/jpeg', 0, '\u00FF\u00D8\u00FF'],
  ['image/gif', 0, 'GIF8'],
  ['image/webp', 8, 'WEBP'],
  ['image/avif', 4, 'ftypavi'],
  ['image/heic', 4, 'ftyphei'],
  ['image/tiff', 0, 'II*\0'],
  ['image/tiff', 0, 'MM\0*'],
  ['image/bmp', 0, 'BM'],
];

/** The media type of a picture, by its bytes. */
function mimeOf(bytes: Uint8Array): string {
  const { buffer, byteOffset, byteLength } = bytes;
  const head = Buffer.from(buffer, byteOffset, Math.min(byteLength, 512)).toString('latin1');
  const known = SIGNATURES.find(([, at, signature]) => head.startsWith(signature, at));
  return known?.[0] ?? (/<svg[\s>]/i.test(head) ? 'image/svg+xml' : 'application/octet-stream');
}
