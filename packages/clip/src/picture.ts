import type * as SharpModule from 'sharp';
import { UnsupportedOperationError } from '@memvid/core';
import { tooManyPixels, unreadable } from './failure.js';
import type { Pixels } from './resample.js';

let loading: Promise<typeof SharpModule.default> | undefined;

/** sharp, loaded with the first picture: its library has 20 MB. */
function loaded(): Promise<typeof SharpModule.default> {
  loading ??= import('sharp').then(
    ({ default: sharp }) => sharp,
    (error: unknown) => {
      loading = undefined;
      const why = error instanceof Error ? error.message : String(error);
      throw new UnsupportedOperationError(
        `sharp, which reads pictures, cannot be loaded on ${process.platform}-${process.arch}: ${why}`,
        {
          details: { operation: 'embedImages', reason: 'runtime_missing', package: 'sharp' },
          suggestion:
            'Install it again on this machine, with its optional packages (npm install sharp), and keep it out of bundles.',
          cause: error,
        },
      );
    },
  );
  return loading;
}

/** Longer side of a drawing, pixels: models look at a quarter of that. */
const DRAWN = 1024;
/** Seconds that a drawing may take: what it takes does not come with its size. */
const MOST_SECONDS = 10;
/** At which a drawing has the size that it says, dots an inch. */
const DENSITY = 72;

/** Whether bytes may be an SVG: sharp takes them as text in UTF-8, or that compressed by gzip. */
function maybeDrawn(data: Uint8Array): boolean {
  if (data[0] === 0x1f && data[1] === 0x8b) return true;
  return /^\s*</.test(new TextDecoder().decode(data.subarray(0, 1024)));
}

/**
 * The pixels of a picture. It is turned as its EXIF data say, the first one of several is taken, colours are left as they
 * are stored (no profile is applied) and transparency is dropped, as models are taught.
 */
export async function decoded(data: Uint8Array, index: number, maxPixels: number): Promise<Pixels> {
  const sharp = await loaded();
  let result: { data: Buffer; info: { width: number; height: number; channels: number } };
  const options: SharpModule.SharpOptions = { ignoreIcc: true, limitInputPixels: maxPixels, failOn: 'error' };
  let seconds = 0;
  try {
    if (maybeDrawn(data)) {
      const { width, height } = await sharp(data, options).metadata();
      const scale = DRAWN / Math.max(width, height);
      if (scale < 1) options.density = Math.max(1, DENSITY * scale);
      seconds = MOST_SECONDS;
    }
    result = await sharp(data, options)
      .timeout({ seconds })
      .autoOrient()
      .removeAlpha()
      .toColourspace('srgb')
      .raw({ depth: 'uchar' })
      .toBuffer({ resolveWithObject: true });
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    if (why.includes('exceeds pixel limit')) throw tooManyPixels(index, maxPixels, error);
    throw unreadable(index, why, error);
  }
  const { width, height, channels } = result.info;
  if (channels !== 3) throw unreadable(index, `it has ${channels} channels of colour`);
  return { width, height, data: result.data };
}
