import { type ImageEmbedder, invalidInput, type NativeDocument } from '@memvid/core';
import { reading } from './border.js';
import { filledString, isRecord, pathOf } from './check.js';

/** What may be passed as `imageEmbedder`: an object, or a name that one of the plugins has. */
export type ImageEmbedderInput = ImageEmbedder | string;

/** A picture: the path of its file, or the bytes of one as they are (JPEG, PNG, WebP …). */
export type Picture = string | Uint8Array;

export interface ImageContent {
  /**
   * Found by what it shows, with `find(text, { mode: 'clip' })` and `find({ image })`; by words too where there is a
   * `searchText`. Its bytes come back from `extractAsset`.
   */
  image: Picture;
  text?: undefined;
  file?: undefined;
}

/** Who makes vectors of pictures. */
export interface PictureInput {
  /**
   * Makes the vectors of pictures, and of texts that look for them. Default: the one the memory was opened with, else the
   * model of the pictures that are stored, else `"mobileclip-s2"`, as far as a plugin has it.
   */
  imageEmbedder?: ImageEmbedderInput | undefined;
}

/** A picture to look for others like it. */
export interface PictureQuery {
  image: Picture;
}

/** A document whose picture is not read yet. */
export interface PendingPicture {
  readonly document: Partial<NativeDocument>;
  /** What was given beside it; absent where it takes the place of another document's content. */
  readonly fields?: Pick<Partial<NativeDocument>, 'title' | 'uri' | 'kind' | 'labels'>;
  readonly image: Picture;
  /** What it is called in messages. */
  readonly argument: string;
}

export interface PlacedPicture extends PendingPicture {
  /** Among the documents of the call. */
  readonly place: number;
}

/** Endings of files that are stored as pictures. */
export const PICTURE_KINDS: readonly string[] = [
  'png',
  'jpg',
  'jpeg',
  'gif',
  'webp',
  'avif',
  'heic',
  'tif',
  'tiff',
  'bmp',
];

/** By the document whose content they are to be. */
export const pendingPictures: WeakMap<object, PendingPicture> = /* @__PURE__ */ new WeakMap();

/** An `imageEmbedder` argument; more is looked at when it is first used. */
export function imageEmbedderInput(value: unknown, argument: string): ImageEmbedderInput | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return filledString(value, argument);
  return reading(argument, () => {
    // An instance of a class is no plain object.
    if (typeof value === 'object' && (value as Partial<ImageEmbedder>).spec === 'image-embedder/v1') {
      return value as ImageEmbedder;
    }
    throw invalidInput(argument, value, 'an ImageEmbedder, or the name of one');
  });
}

/** An `image` argument. The bytes are copied: what happens to them afterwards changes nothing. */
export function imageOf(value: unknown, argument: string): Picture | undefined {
  if (value === undefined || value === null) return undefined;
  if (value instanceof Uint8Array) return new Uint8Array(value);
  if (typeof value === 'string') return pathOf(value, argument);
  throw invalidInput(argument, value, 'the path of a picture, or its bytes (Uint8Array)');
}

/** Whether a document of a batch is a picture. */
export function isPicture(document: unknown): boolean {
  return reading('image', () => isRecord(document) && (document['image'] ?? undefined) !== undefined);
}

/** Those of documents that are still to be read. */
export function picturesAmong(documents: readonly Partial<NativeDocument>[]): PlacedPicture[] {
  return documents.flatMap((document, place) => {
    const picture = pendingPictures.get(document);
    return picture === undefined ? [] : [{ ...picture, place }];
  });
}
