/** A picture in memory: 8 bits a channel, red green blue, row by row without gaps. */
export interface Pixels {
  readonly width: number;
  readonly height: number;
  readonly data: Uint8Array;
}

/** How pixels are weighed, by the names of Pillow. */
export type Filter = 'box' | 'bilinear' | 'hamming' | 'bicubic' | 'lanczos';

/** What is to be made of a picture: it is scaled to `scaled`, and `crop` is cut out of the result. */
export interface Target {
  readonly filter: Filter;
  readonly scaled: { readonly width: number; readonly height: number };
  readonly crop: {
    readonly left: number;
    readonly top: number;
    readonly width: number;
    readonly height: number;
  };
}

/** Weights are whole numbers of so many bits behind the point: 8 bits a pixel and 2 of room leave 22 of 32. */
const FRACTION_BITS = 22;
const ONE = 1 << FRACTION_BITS;
const HALF = 1 << (FRACTION_BITS - 1);
const CHANNELS = 3;

/** What a pixel weighs at a distance, and how far the weights reach. */
const FILTERS: Readonly<Record<Filter, { readonly support: number; weight(distance: number): number }>> = {
  box: { support: 0.5, weight: (x) => (x > -0.5 && x <= 0.5 ? 1 : 0) },
  bilinear: { support: 1, weight: (x) => Math.max(0, 1 - Math.abs(x)) },
  hamming: {
    support: 1,
    weight(x) {
      const angle = Math.abs(x) * Math.PI;
      if (angle === 0) return 1;
      return angle >= Math.PI ? 0 : (Math.sin(angle) / angle) * (0.54 + 0.46 * Math.cos(angle));
    },
  },
  bicubic: { support: 2, weight: cubic },
  lanczos: { support: 3, weight: (x) => (x >= -3 && x < 3 ? sinc(x) * sinc(x / 3) : 0) },
};

/** Keys' cubic with a = -0.5. */
function cubic(x: number): number {
  const a = -0.5;
  const distance = Math.abs(x);
  if (distance < 1) return ((a + 2) * distance - (a + 3)) * distance * distance + 1;
  return distance < 2 ? (((distance - 5) * distance + 8) * distance - 4) * a : 0;
}

function sinc(x: number): number {
  if (x === 0) return 1;
  const angle = x * Math.PI;
  return Math.sin(angle) / angle;
}

/** The weights of one direction: for each place of the result, which pixels count and how much. */
interface Weights {
  /** Weights of a place; those that are not used are 0. */
  readonly stride: number;
  /** First pixel of each place. */
  readonly starts: Int32Array;
  readonly counts: Int32Array;
  readonly values: Int32Array;
}

/** Weights for `count` places from `first` on, where `size` pixels become `scaled`. */
function weightsOf(filter: Filter, size: number, scaled: number, first: number, count: number): Weights {
  const { support, weight } = FILTERS[filter];
  const scale = size / scaled;
  const widening = Math.max(1, scale);
  const reach = support * widening;
  const stride = Math.ceil(reach) * 2 + 1;
  const starts = new Int32Array(count);
  const counts = new Int32Array(count);
  const values = new Int32Array(count * stride);
  const exact = new Float64Array(stride);
  for (let place = 0; place < count; place += 1) {
    const centre = (first + place + 0.5) * scale;
    const start = Math.max(0, Math.trunc(centre - reach + 0.5));
    const end = Math.min(size, Math.trunc(centre + reach + 0.5));
    let sum = 0;
    for (let at = 0; at < end - start; at += 1) {
      const value = weight((at + start - centre + 0.5) * (1 / widening));
      exact[at] = value;
      sum += value;
    }
    starts[place] = start;
    counts[place] = end - start;
    for (let at = 0; at < end - start; at += 1) {
      const value = sum === 0 ? (exact[at] ?? 0) : (exact[at] ?? 0) / sum;
      values[place * stride + at] = Math.trunc((value < 0 ? -0.5 : 0.5) + value * ONE);
    }
  }
  return { stride, starts, counts, values };
}

/**
 * Scales a picture as Pillow's `resize` does, byte by byte, and cuts a part out of the result: 22 bits behind the point,
 * first along rows and then along columns, 8 bits between the two. Only what the part needs is computed.
 */
export function resample(picture: Pixels, { filter, scaled, crop }: Target): Pixels {
  const { width, height, data } = picture;
  const columns = weightsOf(filter, width, scaled.width, crop.left, crop.width);
  const rows = weightsOf(filter, height, scaled.height, crop.top, crop.height);
  const first = rows.starts[0] ?? 0;
  const last = (rows.starts[crop.height - 1] ?? 0) + (rows.counts[crop.height - 1] ?? 0);
  const narrow = new Uint8Array(crop.width * (last - first) * CHANNELS);
  for (let row = first; row < last; row += 1) {
    alongRow(data, row * width * CHANNELS, columns, narrow, (row - first) * crop.width * CHANNELS);
  }
  const result = new Uint8Array(crop.width * crop.height * CHANNELS);
  const sums = new Int32Array(crop.width * CHANNELS);
  for (let row = 0; row < crop.height; row += 1) {
    alongColumns(narrow, rows, row, first, sums, result);
  }
  return { width: crop.width, height: crop.height, data: result };
}

function alongRow(
  source: Uint8Array,
  from: number,
  { stride, starts, counts, values }: Weights,
  result: Uint8Array,
  to: number,
): void {
  let out = to;
  for (let place = 0; place < starts.length; place += 1) {
    let red = HALF;
    let green = HALF;
    let blue = HALF;
    let at = from + (starts[place] ?? 0) * CHANNELS;
    const end = place * stride + (counts[place] ?? 0);
    for (let index = place * stride; index < end; index += 1) {
      const weight = values[index] ?? 0;
      red = (red + Math.imul(source[at] ?? 0, weight)) | 0;
      green = (green + Math.imul(source[at + 1] ?? 0, weight)) | 0;
      blue = (blue + Math.imul(source[at + 2] ?? 0, weight)) | 0;
      at += CHANNELS;
    }
    result[out] = clamped(red);
    result[out + 1] = clamped(green);
    result[out + 2] = clamped(blue);
    out += CHANNELS;
  }
}

/** One row of the result; `sums` is the room it is added up in. */
function alongColumns(
  source: Uint8Array,
  { stride, starts, counts, values }: Weights,
  row: number,
  first: number,
  sums: Int32Array,
  result: Uint8Array,
): void {
  const length = sums.length;
  sums.fill(HALF);
  for (let tap = 0; tap < (counts[row] ?? 0); tap += 1) {
    const weight = values[row * stride + tap] ?? 0;
    const from = ((starts[row] ?? 0) - first + tap) * length;
    for (let at = 0; at < length; at += 1) {
      sums[at] = ((sums[at] ?? 0) + Math.imul(source[from + at] ?? 0, weight)) | 0;
    }
  }
  const to = row * length;
  for (let at = 0; at < length; at += 1) result[to + at] = clamped(sums[at] ?? 0);
}

/** The whole part of a sum, within a byte. */
function clamped(sum: number): number {
  const value = sum >> FRACTION_BITS;
  return value < 0 ? 0 : value > 255 ? 255 : value;
}
