import {
  checkArray,
  checkString,
  type EmbedResult,
  type ImageEmbedder,
  type ImageEmbedOptions,
  type ImageInput,
  invalidInput,
} from '@memvid/core';
import { endedBySignal, inLanes, Loader, orAborted, sha256Of, type TextTokenizer } from '@memvid/onnx';
import { failureOf } from './failure.js';
import { type FolderRequest, type ModelFolder, readModelFolder, scalesByBatch } from './model-folder.js';
import { INT8_SUFFIX, modelInFolder, modelOfName } from './models.js';
import { invalid, type Network, openNetwork, PICTURE_INPUT, TEXT_INPUTS, textTensors } from './network.js';
import { checkedOptions, type ClipOptions } from './options.js';
import { decoded } from './picture.js';
import { targetOf, writeNumbers } from './preprocessing.js';
import type { Filter } from './resample.js';
import { Resampler } from './resampler.js';
import { loadTextTokenizer, type TokenRow, tokenRow } from './text-tokens.js';

/** Everything that decides what a vector means. */
export interface ClipDescription {
  readonly provider: string;
  readonly model: string;
  /** `undefined`: neither the name nor `config.json` says it, the first vector does. */
  readonly dimensions: number | undefined;
  /** What the network sees of a picture, in pixels. */
  readonly imageSize: { readonly width: number; readonly height: number };
  /** How pictures are scaled to it. */
  readonly filter: Filter;
  /** Of the two networks. */
  readonly sha256: { readonly vision: string; readonly text: string };
  /** The folder the model was found in. */
  readonly path: string;
}

const DEFAULT_MODEL = 'mobileclip-s2';
/** Most pictures or texts of a call. */
const MAX_BATCH = 64;
/** Pictures, and texts, that are computed together: more is not faster on a processor, and takes memory. */
const PICTURES = 8;
const TEXTS = 16;
const MAX_PIXELS = 100_000_000;
/** Tokens that networks of CLIP's kind read, where theirs does not say. */
const TOKENS = 77;

interface VisionSide {
  readonly folder: ModelFolder;
  readonly network: Network;
  readonly batch: number;
}
interface TextSide {
  readonly network: Network;
  readonly batch: number;
  readonly tokenizer: TextTokenizer;
  readonly length: number;
}

function isUsable({ network }: VisionSide | TextSide): boolean {
  return network.usable;
}

/**
 * A picture model on this machine: vectors of length 1 for pictures and for texts, in one space. No socket is opened, ever.
 * The model is looked for with the first call, and each half is loaded with the first call that needs it; when it is not
 * there the call fails with MV016, which says where it was looked for and how to get it.
 */
export class ClipModel implements ImageEmbedder {
  readonly spec = 'image-embedder/v1';
  readonly provider: string = 'local';
  readonly model: string;
  readonly dimensions: number | undefined;
  readonly maxBatch: number = MAX_BATCH;
  readonly #options: ClipOptions;
  readonly #request: FolderRequest;
  readonly #resampler = new Resampler();
  readonly #running = new Set<Promise<unknown>>();
  readonly #vision = new Loader(() => this.#loadVision(), isUsable);
  readonly #text = new Loader(() => this.#loadText(), isUsable);

  /** @param name one of `CLIP_MODELS`, `-int8` behind it for 8-bit weights; or any, together with `options.folder`. */
  constructor(name: string = DEFAULT_MODEL, options?: ClipOptions) {
    const checked = checkedOptions(options);
    const { facts, quantised } = checked.folder === undefined ? modelOfName(name) : modelInFolder(name);
    this.#options = checked;
    this.model = quantised ? `${facts.name}${INT8_SUFFIX}` : facts.name;
    this.dimensions = 'dimensions' in facts ? facts.dimensions : undefined;
    this.#request = {
      name: this.model,
      under: facts.name,
      directory: checked.directory,
      folder: checked.folder,
      quantised,
      canInstall: 'repository' in facts,
      fail: failureOf(this.model),
    };
  }

  async embedImages(images: readonly ImageInput[], { signal }: ImageEmbedOptions = {}): Promise<EmbedResult> {
    const given = checkArray('images', images).map((image, index) => {
      const data = (image as Partial<ImageInput> | null | undefined)?.data;
      if (!(data instanceof Uint8Array)) {
        throw invalidInput(`images[${index}].data`, data, 'the bytes of a picture (Uint8Array)');
      }
      return data;
    });
    return this.#counted('embedImages', signal, async () => {
      if (given.length === 0) return { vectors: [] };
      const side = await this.#vision.loaded();
      const vectors = await inBatches(given.length, side.batch, signal, (start, end) =>
        this.#embedPictures(side, given, start, end, signal),
      );
      return { vectors };
    });
  }

  async embedTexts(texts: readonly string[], { signal }: ImageEmbedOptions = {}): Promise<EmbedResult> {
    const given = checkArray('texts', texts).map((text, index) => checkString(`texts[${index}]`, text));
    return this.#counted('embedTexts', signal, async () => {
      if (given.length === 0) return { vectors: [] };
      const { network, tokenizer, length, batch } = await this.#text.loaded();
      const vectors = await inBatches(given.length, batch, signal, (start, end) => {
        const rows: TokenRow[] = given.slice(start, end).map((text) => tokenRow(tokenizer, text, length));
        return network.run(textTensors(network.inputs, rows, length), rows.length, signal);
      });
      return { vectors };
    });
  }

  /** Reads the files of the model and says what it is; no network is loaded for it. */
  async describe(): Promise<ClipDescription> {
    const { fail } = this.#request;
    const folder = await readModelFolder(this.#request);
    const [vision, text] = await Promise.all([sha256Of(folder.vision, fail), sha256Of(folder.text, fail)]);
    const { provider, model } = this;
    const { size, filter } = folder.preprocessing;
    return {
      provider,
      model,
      dimensions: this.dimensions ?? folder.dimensions,
      imageSize: { ...size },
      filter,
      sha256: { vision, text },
      path: folder.path,
    };
  }

  /** Waits for calls that run and frees both networks. The next call loads them again. */
  async close(): Promise<void> {
    const sides = [this.#vision.take(), this.#text.take()];
    await Promise.allSettled(this.#running);
    for (const side of sides) await (await side?.catch(() => undefined))?.network.close();
    await this.#resampler.close();
  }

  async #counted<T>(operation: string, signal: AbortSignal | undefined, call: () => Promise<T>): Promise<T> {
    const running = endedBySignal(operation, signal, call);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async #embedPictures(
    { folder, network }: VisionSide,
    images: readonly Uint8Array[],
    start: number,
    end: number,
    signal: AbortSignal | undefined,
  ): Promise<Float32Array[]> {
    const { preprocessing } = folder;
    const { width, height } = preprocessing.size;
    const rows = end - start;
    const numbers = new Float32Array(rows * 3 * width * height);
    // One after the other: what is decoded takes three bytes a pixel, and there is a second lane.
    for (let index = start; index < end; index += 1) {
      signal?.throwIfAborted();
      const data = images[index] ?? new Uint8Array();
      const picture = await orAborted(decoded(data, index, this.#options.maxPixels ?? MAX_PIXELS), signal);
      const target = targetOf(preprocessing, picture.width, picture.height);
      const seen = await this.#resampler.run(picture, target);
      writeNumbers(seen.data, preprocessing, numbers, (index - start) * 3 * width * height);
    }
    const tensor = { type: 'float32', dims: [rows, 3, height, width], data: numbers } as const;
    return network.run({ [PICTURE_INPUT]: tensor }, rows, signal);
  }

  async #loadVision(): Promise<VisionSide> {
    const folder = await readModelFolder(this.#request);
    const options = this.#networkOptions(folder, folder.vision, 'image_embeds');
    const alone = await scalesByBatch(folder.vision, this.#request);
    const network = await openNetwork(options, [PICTURE_INPUT]);
    const { height, width } = folder.preprocessing.size;
    const dims = network.inputs[0]?.dims ?? [];
    const wanted = [3, height, width];
    if (wanted.some((size, at) => typeof dims[at + 1] === 'number' && dims[at + 1] !== size)) {
      await network.close();
      throw invalid(
        `takes ${dims.join(' x ')} numbers, and pictures are made ${wanted.join(' x ')}`,
        options,
      );
    }
    // A network that was exported for one picture at a time says so.
    return { folder, network, batch: alone || dims[0] === 1 ? 1 : PICTURES };
  }

  async #loadText(): Promise<TextSide> {
    const folder = await readModelFolder(this.#request);
    const options = this.#networkOptions(folder, folder.text, 'text_embeds');
    const alone = await scalesByBatch(folder.text, this.#request);
    const tokenizer = await loadTextTokenizer(folder.tokenizer, this.#request.fail);
    const network = await openNetwork(options, TEXT_INPUTS);
    const dims = network.inputs[0]?.dims ?? [];
    const length = typeof dims[1] === 'number' && dims[1] > 2 ? dims[1] : TOKENS;
    return { network, tokenizer, length, batch: alone || dims[0] === 1 ? 1 : TEXTS };
  }

  #networkOptions(folder: ModelFolder, path: string, output: string) {
    const { threads, runtime } = this.#options;
    const dimensions = this.dimensions ?? folder.dimensions;
    return { path, output, dimensions, threads, runtime, fail: this.#request.fail };
  }
}

/** The vectors that `run` gives for parts of `count` things, in order. */
async function inBatches(
  count: number,
  size: number,
  signal: AbortSignal | undefined,
  run: (start: number, end: number) => Promise<Float32Array[]>,
): Promise<Float32Array[]> {
  const vectors = Array.from<Float32Array>({ length: count });
  await inLanes(count, size, signal, async (start, end) => {
    (await run(start, end)).forEach((vector, row) => {
      vectors[start + row] = vector;
    });
  });
  return vectors;
}
