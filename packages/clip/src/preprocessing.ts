import type { Failure } from '@memvid/onnx';
import type { Filter, Target } from './resample.js';

interface Size {
  readonly width: number;
  readonly height: number;
}

/** What is done to a picture before the network sees it, as `preprocessor_config.json` says. */
export interface Preprocessing {
  readonly filter: Filter;
  /** The size of the shorter side, or a size that every picture gets whatever its shape. */
  readonly resize: number | Size;
  /** What the network takes. */
  readonly size: Size;
  /** The number for each byte, of red, green and blue. */
  readonly numbers: readonly [Float32Array, Float32Array, Float32Array];
}

/** `resample` counts as Pillow does. */
const FILTERS: Readonly<Record<number, Filter>> = {
  1: 'lanczos',
  2: 'bilinear',
  3: 'bicubic',
  4: 'box',
  5: 'hamming',
};
/** A longer side than any network takes: what lies above is a damaged file. */
const LONGEST_SIDE = 4096;

/** Reads the object of a `preprocessor_config.json`; `path` is for messages. */
export function preprocessingOf(config: Record<string, unknown>, path: string, fail: Failure): Preprocessing {
  const invalid = (what: string): Error =>
    fail(`${path} ${what}`, {
      details: { reason: 'invalid_model', path },
      suggestion: 'Put the file of the published model there.',
    });
  const isOff = (name: string): boolean => config[name] === false;

  const { resample = 3 } = config;
  const filter = FILTERS[Number(resample)];
  if (filter === undefined) throw invalid(`asks for resample ${String(resample)}, which is not known`);
  const resize = isOff('do_resize') ? undefined : resizeOf(config['size']);
  if (resize === undefined) throw invalid('says no size to which pictures are scaled');
  const crop = isOff('do_center_crop') ? undefined : sizeOf(config['crop_size']);
  const size = crop ?? (typeof resize === 'object' ? resize : undefined);
  if (size === undefined) throw invalid('says no size that all pictures get (`crop_size`)');
  const least = typeof resize === 'number' ? { width: resize, height: resize } : resize;
  if (size.width > least.width || size.height > least.height) {
    throw invalid('cuts out more than what pictures are scaled to');
  }

  const factor = isOff('do_rescale') ? 1 : (config['rescale_factor'] ?? 1 / 255);
  if (typeof factor !== 'number' || !(factor > 0)) throw invalid('has a `rescale_factor` that is none');
  const none = config['do_normalize'] !== true;
  const mean = none ? [0, 0, 0] : config['image_mean'];
  const deviation = none ? [1, 1, 1] : config['image_std'];
  if (!isTriple(mean) || !isTriple(deviation) || deviation.includes(0)) {
    throw invalid('has no `image_mean` and `image_std` of three numbers');
  }
  const table = (channel: 0 | 1 | 2): Float32Array =>
    Float32Array.from({ length: 256 }, (_, byte) => (byte * factor - mean[channel]) / deviation[channel]);
  return { filter, resize, size, numbers: [table(0), table(1), table(2)] };
}

function resizeOf(value: unknown): number | Size | undefined {
  const shortest = (value as { shortest_edge?: unknown } | null | undefined)?.shortest_edge ?? value;
  return isSide(shortest) ? shortest : sizeOf(value);
}

function sizeOf(value: unknown): Size | undefined {
  if (isSide(value)) return { width: value, height: value };
  const { width, height } = (value ?? {}) as { width?: unknown; height?: unknown };
  return isSide(width) && isSide(height) ? { width, height } : undefined;
}

function isSide(value: unknown): value is number {
  return Number.isSafeInteger(value) && Number(value) > 0 && Number(value) <= LONGEST_SIDE;
}

function isTriple(value: unknown): value is [number, number, number] {
  return Array.isArray(value) && value.length === 3 && value.every((one) => Number.isFinite(one));
}

/** What a picture of this size is scaled to, and which part of it the network sees: the middle. */
export function targetOf({ filter, resize, size }: Preprocessing, width: number, height: number): Target {
  const scaled = scaledSize(resize, width, height);
  return {
    filter,
    scaled,
    crop: {
      left: halfToEven((scaled.width - size.width) / 2),
      top: halfToEven((scaled.height - size.height) / 2),
      ...size,
    },
  };
}

function scaledSize(resize: Preprocessing['resize'], width: number, height: number): Size {
  if (typeof resize === 'object') return resize;
  return width <= height
    ? { width: resize, height: Math.trunc((resize * height) / width) }
    : { width: Math.trunc((resize * width) / height), height: resize };
}

/** As Python rounds, by which the models were taught. */
function halfToEven(value: number): number {
  const below = Math.floor(value);
  if (value - below !== 0.5) return Math.round(value);
  return below % 2 === 0 ? below : below + 1;
}

/** Writes the numbers of a picture for the network: all of red, then green, then blue. */
export function writeNumbers(
  data: Uint8Array,
  { numbers, size }: Pick<Preprocessing, 'numbers' | 'size'>,
  result: Float32Array,
  from: number,
): void {
  const [red, green, blue] = numbers;
  const plane = size.width * size.height;
  for (let at = 0; at < plane; at += 1) {
    result[from + at] = red[data[3 * at] ?? 0] ?? 0;
    result[from + plane + at] = green[data[3 * at + 1] ?? 0] ?? 0;
    result[from + 2 * plane + at] = blue[data[3 * at + 2] ?? 0] ?? 0;
  }
}
