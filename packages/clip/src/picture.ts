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

/**
 * The pixels of a picture. It is turned as its EXIF data say, the first one of several is taken, colours are left as they
 * are stored (no profile is applied) and transparency is dropped, as models are taught.
 */
export async function decoded(data: Uint8Array, index: number, maxPixels: number): Promise<Pixels> {
  const sharp = await loaded();
  let result: { data: Buffer; info: { width: number; height: number; channels: number } };
  try {
    result = await sharp(data, { ignoreIcc: true, limitInputPixels: maxPixels, failOn: 'error' })
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
