/** What pictures need, loaded with the first of them: most memories have none. */
import { basename, extname } from 'node:path';
import {
  checkInteger,
  ClipDisabledError,
  createError,
  embedAll,
  type Embedder,
  type EmbedResult,
  type Factory,
  type ImageEmbedder,
  invalidInput,
  MemvidError,
  type NativeDocument,
  type Plugin,
  toMemvidError,
} from '@memvid/core';
import { reading } from './border.js';
import { embeddingFailed } from './failures.js';
import { extensionOf } from './extension.js';
import { readInput } from './file-document.js';
import type { Handle } from './handle.js';
import {
  imageEmbedderInput,
  imageOf,
  type PendingPicture,
  type Picture,
  type PictureQuery,
  type PlacedPicture,
} from './image.js';
import type { PictureOptions, PictureOutcome, PictureVector } from './picture.js';
import type { StatsResult } from './stats.js';

const DEFAULT_MODEL = 'mobileclip-s2';
const PACKAGE = '@memvid/clip';
/** Files that are read at the same time. */
const READ_AT_ONCE = 8;
/** How long one call may take: the first loads a network, and a large picture takes its time. */
const TIMEOUT_MS = 600_000;

/** Reads pictures and makes their vectors. An error is thrown, and then none may be stored, or goes into `outcome`. */
export async function fillAll(
  handle: Handle,
  operation: string,
  pictures: readonly PlacedPicture[],
  options: PictureOptions,
  outcome: PictureOutcome | undefined,
): Promise<void> {
  try {
    await fillTogether(handle, operation, pictures, options);
  } catch (error) {
    if (outcome === undefined || options.signal?.aborted === true) throw error;
    await fillEach(handle, operation, pictures, options, outcome, toMemvidError(error));
  }
}

/** One by one: which of them an error is about, trying tells; one that is about none of them is about all. */
async function fillEach(
  handle: Handle,
  operation: string,
  pictures: readonly PlacedPicture[],
  options: PictureOptions,
  outcome: PictureOutcome,
  ofAll: MemvidError,
): Promise<void> {
  const { errors } = outcome;
  for (const picture of pictures) {
    try {
      if (pictures.length === 1) throw ofAll;
      await fillTogether(handle, operation, [picture], options);
    } catch (thrown) {
      if (options.signal?.aborted === true) throw thrown;
      const error = toMemvidError(thrown);
      errors.set(picture.place, error);
      if (isAboutAPicture(error)) continue;
      outcome.fatal = error;
      for (const { document, place } of pictures) {
        if (document.picture === undefined && !errors.has(place)) errors.set(place, error);
      }
      return;
    }
  }
}

async function fillTogether(
  handle: Handle,
  operation: string,
  pictures: readonly PendingPicture[],
  options: PictureOptions,
): Promise<void> {
  // Before any file is read: who makes the vectors may be missing.
  const { pictureModel } = await handle.storedVectors();
  const embedder = await embedderFor(handle, options.imageEmbedder, pictureModel);
  await fill(handle, operation, embedder, pictures, options.signal);
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
    async (signal) =>
      vectorsOf(
        embedder,
        1,
        () => (data === undefined ? 'query' : 'query.image'),
        signal,
        (_, ofCall) =>
          data === undefined
            ? embedder.embedTexts([String(query)], { signal: ofCall })
            : embedder.embedImages([{ data, mimeType: mimeOf(data) }], { signal: ofCall }),
      ),
  );
  return { vector, model: embedder.model };
}

async function fill(
  handle: Handle,
  operation: string,
  embedder: ImageEmbedder,
  pictures: readonly PendingPicture[],
  signal: AbortSignal | undefined,
): Promise<void> {
  const images: Uint8Array[] = [];
  for (let start = 0; start < pictures.length; start += READ_AT_ONCE) {
    const part = pictures.slice(start, start + READ_AT_ONCE);
    images.push(...(await Promise.all(part.map(({ image, argument }) => bytesOf(image, argument)))));
  }
  const vectors = await handle.embedding(operation, 'write', signal, (stop) =>
    vectorsOf(
      embedder,
      pictures.length,
      (index) => nameOfPicture(pictures[index]),
      stop,
      (indexes, ofCall) =>
        embedder.embedImages(
          indexes.map((index) => {
            const data = images[index] ?? new Uint8Array();
            return { data, mimeType: mimeOf(data) };
          }),
          { signal: ofCall },
        ),
    ),
  );
  pictures.forEach((picture, index) => {
    const bytes = images[index] ?? new Uint8Array();
    const vector = vectors[index];
    if (vector === undefined) return;
    Object.assign(picture.document, described(picture), {
      bytes,
      mime: mimeOf(bytes),
      picture: vector,
      pictureModel: embedder.model,
    });
  });
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

/** Vectors of so many things: with the batches, tries and checks of every embedder. */
async function vectorsOf(
  { provider, model, dimensions, maxBatch }: ImageEmbedder,
  count: number,
  nameOf: (index: number) => string,
  signal: AbortSignal,
  embed: (indexes: readonly number[], signal: AbortSignal | undefined) => Promise<EmbedResult>,
): Promise<readonly Float32Array[]> {
  const numbered: Embedder = {
    spec: 'embedder/v1',
    provider,
    model,
    dimensions,
    maxBatch,
    concurrency: 1,
    timeoutMs: TIMEOUT_MS,
    embed: async (numbers, options) => {
      const indexes = numbers.map(Number);
      try {
        return await embed(indexes, options.signal);
      } catch (error) {
        throw named(error, (place) => nameOf(indexes[place] ?? 0));
      }
    },
  };
  const numbers = Array.from({ length: count }, (_, index) => String(index));
  try {
    return (await embedAll(numbered, numbers, { kind: 'document', signal, nameOf })).vectors;
  } catch (error) {
    // What is wrong with a picture is no failure of who makes the vectors.
    const cause: unknown = MemvidError.isMemvidError(error) ? error.cause : undefined;
    throw MemvidError.isMemvidError(cause) && cause.details?.['reason'] === 'unreadable' ? cause : error;
  }
}

async function bytesOf(image: Picture, argument: string): Promise<Uint8Array> {
  const bytes = typeof image === 'string' ? await readInput(image, argument) : image;
  if (bytes.length > 0) return bytes;
  throw invalidInput(argument, typeof image === 'string' ? image : 'no bytes', 'a picture, and not nothing');
}

/** What errors say that are about one picture of a call. */
const ABOUT_A_PICTURE: ReadonlySet<unknown> = /* @__PURE__ */ new Set([
  'unreadable',
  'not_finite',
  'zero_vector',
  400,
  413,
  422,
]);

/** Whether an error is about one picture of a call: about what it holds, or that its file is not there. */
function isAboutAPicture({ code, details }: MemvidError): boolean {
  return (
    code === 'MV013' ||
    code === 'MV019' ||
    ABOUT_A_PICTURE.has(details?.['reason']) ||
    ABOUT_A_PICTURE.has(details?.['status'])
  );
}

/** An error about a picture, in which that is called what the caller calls it and not what the embedder does. */
function named(error: unknown, nameOf: (index: number) => string): unknown {
  if (!MemvidError.isMemvidError(error)) return error;
  const { index } = error.details ?? {};
  if (error.details?.['reason'] !== 'unreadable' || typeof index !== 'number') return error;
  const { index: _ofTheBatch, ...details } = error.details;
  return createError(error.code, error.message.replace(/^images\[\d+\]/, nameOf(index)), {
    details: { ...details, argument: nameOf(index) },
    suggestion: error.suggestion ?? undefined,
    cause: error.cause ?? error,
  });
}

const made = /* @__PURE__ */ new WeakMap<Handle['embedders'], Map<string, Promise<ImageEmbedder>>>();

/** Who makes the vectors: as the call says, else the memory, else the model of those that are `stored`. */
async function embedderFor(handle: Handle, given: unknown, stored: string | null): Promise<ImageEmbedder> {
  const wanted =
    imageEmbedderInput(given, 'imageEmbedder') ?? handle.settings.imageEmbedder ?? stored ?? DEFAULT_MODEL;
  const embedder =
    typeof wanted === 'string' ? await embedderNamed(handle, wanted) : checked(wanted, 'imageEmbedder');
  if (stored === null || stored === embedder.model) return embedder;
  throw embeddingFailed(
    `The pictures of this memory are embedded with ${stored}, and not with ${embedder.model}`,
    { reason: 'other_model', model: embedder.model, expected: stored },
    {
      suggestion: `Pass \`imageEmbedder: '${stored}'\`. Pictures of another model go into a memory of their own.`,
    },
  );
}

async function embedderNamed(handle: Handle, name: string): Promise<ImageEmbedder> {
  const known = made.get(handle.embedders) ?? new Map<string, Promise<ImageEmbedder>>();
  made.set(handle.embedders, known);
  const key = name.trim().toLowerCase();
  const making = known.get(key) ?? makeEmbedder(handle, name, key);
  known.set(key, making);
  making.catch(() => known.delete(key));
  return making;
}

async function makeEmbedder(handle: Handle, name: string, key: string): Promise<ImageEmbedder> {
  const factory = await handle.embedders.search((plugins) => factoryOf(plugins, key));
  if (factory === undefined) throw missing(name, namesOf(handle.embedders.plugins));
  try {
    return checked(await factory(), `imageEmbedders["${name}"]()`);
  } catch (error) {
    if (MemvidError.isMemvidError(error)) throw error;
    throw new ClipDisabledError(
      `The image embedder "${name}" could not be made: ${toMemvidError(error).message}`,
      { details: { model: name, cause: 'provider' }, cause: error },
    );
  }
}

/** By its name, or by `provider:model` where the plugin leaves the provider out. */
function factoryOf(plugins: readonly Plugin[], key: string): Factory<ImageEmbedder> | undefined {
  const names = [key, key.replace(/^local:/, '')];
  for (const name of names) {
    for (const { imageEmbedders } of plugins) {
      for (const [own, factory] of Object.entries(imageEmbedders ?? {})) {
        if (own.toLowerCase() === name) return factory;
      }
    }
  }
  return undefined;
}

function namesOf(plugins: readonly Plugin[]): string[] {
  return plugins.flatMap(({ imageEmbedders }) => Object.keys(imageEmbedders ?? {}));
}

/** MV016 for a name that no plugin has. */
function missing(name: string, names: readonly string[]): ClipDisabledError {
  const isInstalled = names.length > 0;
  const registered = isInstalled ? names.join(', ') : 'none';
  return new ClipDisabledError(
    `There is no image embedder "${name}": no plugin that was passed in has one (registered: ${registered})`,
    {
      details: { model: name, ...(isInstalled ? {} : { package: PACKAGE }), cause: 'plugin_missing' },
      suggestion: isInstalled
        ? 'Pass an ImageEmbedder object as `imageEmbedder`, or one of the registered names.'
        : `Install it: npm install ${PACKAGE}. Then pass it: import { clipPlugin } from '${PACKAGE}', and create(path, { plugins: [clipPlugin()] }). Its model is fetched once: await installModel('${name}').`,
    },
  );
}

/** An image embedder with everything that is asked of one. */
function checked(value: unknown, argument: string): ImageEmbedder {
  return reading(argument, () => {
    const embedder = value as ImageEmbedder;
    if (typeof value !== 'object' || value === null || embedder.spec !== 'image-embedder/v1') {
      throw invalidInput(argument, value, 'an ImageEmbedder with spec "image-embedder/v1"');
    }
    for (const name of ['provider', 'model'] as const) {
      const text: unknown = embedder[name];
      if (typeof text !== 'string' || text.trim() === '') {
        throw invalidInput(`${argument}.${name}`, text, 'a string that is not blank');
      }
    }
    for (const name of ['embedImages', 'embedTexts'] as const) {
      if (typeof embedder[name] !== 'function') {
        throw invalidInput(`${argument}.${name}`, embedder[name], 'a function');
      }
    }
    checkInteger(`${argument}.maxBatch`, embedder.maxBatch, { min: 1 });
    return embedder;
  });
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
