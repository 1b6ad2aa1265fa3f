import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { describe, expect, it } from 'vitest';
import { decoded } from '../src/picture.ts';
import { type Preprocessing, preprocessingOf, targetOf, writeNumbers } from '../src/preprocessing.ts';
import { type Filter, type Pixels, resample } from '../src/resample.ts';
import { Resampler } from '../src/resampler.ts';
import { MISSING, SHARED } from './support/models.ts';

const CLIP = {
  size: { shortest_edge: 224 },
  resample: 3,
  crop_size: { height: 224, width: 224 },
  do_normalize: true,
  image_mean: [0.481_454_66, 0.457_827_5, 0.408_210_73],
  image_std: [0.268_629_54, 0.261_302_58, 0.275_777_11],
};
const fail = (message: string): never => {
  throw new Error(message);
};
const read = (config: Record<string, unknown>): Preprocessing => preprocessingOf(config, 'config', fail);

/** Pixels without a pattern that repeats. */
function noise(width: number, height: number): Pixels {
  let state = 12_345;
  const data = Uint8Array.from({ length: width * height * 3 }, () => {
    state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
    return state >>> 24;
  });
  return { width, height, data };
}

function whole(width: number, height: number, filter: Filter) {
  return { filter, scaled: { width, height }, crop: { left: 0, top: 0, width, height } };
}

describe.skipIf(MISSING !== undefined)('preprocessing of photographs', () => {
  it.each(['china', 'flower'])('makes of %s.jpg what Pillow makes of it, byte for byte', async (name) => {
    const folder = join(SHARED, 'clip-preprocess');
    const picture = await decoded(readFileSync(join(folder, `${name}.jpg`)), 0, 1e8);
    const golden = readFileSync(join(folder, `${name}.crop224.rgb8`));
    const made = resample(picture, targetOf(read(CLIP), picture.width, picture.height));
    expect(Buffer.compare(made.data, golden)).toBe(0);
  });
});

describe('scaling', () => {
  it('leaves a picture of the right size as it is, with every filter', () => {
    const picture = noise(9, 7);
    for (const filter of ['box', 'bilinear', 'hamming', 'bicubic', 'lanczos'] as const) {
      expect(resample(picture, whole(9, 7, filter)).data).toEqual(picture.data);
    }
  });

  it('keeps one colour whatever the size, up and down', () => {
    const grey = { width: 31, height: 17, data: new Uint8Array(31 * 17 * 3).fill(200) };
    for (const [width, height] of [
      [1, 1],
      [224, 3],
      [7, 90],
    ] as const) {
      const made = resample(grey, whole(width, height, 'bicubic'));
      expect(new Set(made.data)).toEqual(new Set([200]));
      expect(made.data).toHaveLength(width * height * 3);
    }
  });

  it('makes a part that is the same part of the whole', () => {
    const picture = noise(50, 40);
    const all = resample(picture, whole(33, 21, 'bicubic'));
    const crop = { left: 5, top: 3, width: 20, height: 11 };
    const part = resample(picture, { filter: 'bicubic', scaled: { width: 33, height: 21 }, crop });
    for (let row = 0; row < crop.height; row += 1) {
      const from = ((row + crop.top) * 33 + crop.left) * 3;
      expect(part.data.subarray(row * 60, row * 60 + 60)).toEqual(all.data.subarray(from, from + 60));
    }
  });

  it('halves by the mean of neighbours with the filter box, and by Keys’ weights with bicubic', () => {
    const row = {
      width: 4,
      height: 1,
      data: Uint8Array.of(0, 0, 0, 100, 100, 100, 40, 40, 40, 200, 200, 200),
    };
    expect([...resample(row, whole(2, 1, 'box')).data]).toEqual([50, 50, 50, 120, 120, 120]);
    // Weights at the left edge, by hand: cubic(-0.25), cubic(0.25), cubic(0.75), cubic(1.25), made to sum up to 1.
    const weights = [0.867_187_5, 0.867_187_5, 0.226_562_5, -0.070_312_5] as const;
    const sum = weights.reduce<number>((total, weight) => total + weight, 0);
    const first = (100 * weights[1] + 40 * weights[2] + 200 * weights[3]) / sum;
    expect(resample(row, whole(2, 1, 'bicubic')).data[0]).toBe(Math.round(first));
  });

  it('gives the same in the thread of its own, where large pictures go, and ends it', async () => {
    const picture = noise(1200, 900);
    const target = targetOf(read(CLIP), 1200, 900);
    const resampler = new Resampler();
    const [there, again] = await Promise.all([
      resampler.run(picture, target),
      resampler.run(picture, target),
    ]);
    expect(Buffer.compare(there.data, resample(picture, target).data)).toBe(0);
    expect(Buffer.compare(again.data, there.data)).toBe(0);
    const open = resampler.run(picture, target);
    await Promise.all([expect(open).rejects.toThrow('closed'), resampler.close()]);
    const after = await resampler.run(picture, target);
    expect(Buffer.compare(after.data, there.data)).toBe(0);
    await resampler.close();
  });
});

describe('preprocessor_config.json', () => {
  it('is read in the forms that exporters write', () => {
    expect(read(CLIP)).toMatchObject({ filter: 'bicubic', resize: 224, size: { width: 224, height: 224 } });
    expect(read({ size: 256, crop_size: 256, resample: 2, do_normalize: false })).toMatchObject({
      filter: 'bilinear',
      resize: 256,
      size: { width: 256, height: 256 },
    });
    expect(read({ size: { width: 384, height: 320 }, do_center_crop: false })).toMatchObject({
      resize: { width: 384, height: 320 },
      size: { width: 384, height: 320 },
    });
  });

  it('gives the numbers of a byte: a share of 255, less the mean, by the deviation', () => {
    const [red] = read(CLIP).numbers;
    expect(red[255]).toBeCloseTo((1 - 0.481_454_66) / 0.268_629_54, 6);
    const [plain] = read({ ...CLIP, do_normalize: false }).numbers;
    expect(plain[51]).toBeCloseTo(0.2, 6);
    const [raw] = read({ ...CLIP, do_normalize: false, do_rescale: false }).numbers;
    expect(raw[51]).toBe(51);
    const result = new Float32Array(7);
    const size = { width: 2, height: 1 };
    writeNumbers(Uint8Array.of(1, 2, 3, 4, 5, 6), { numbers: [raw, raw, raw], size }, result, 1);
    expect([...result]).toEqual([0, 1, 4, 2, 5, 3, 6]);
  });

  it.each([
    [{ ...CLIP, resample: 0 }, 'resample 0'],
    [{ ...CLIP, size: {} }, 'no size to which'],
    [{ ...CLIP, size: { shortest_edge: 1e9 } }, 'no size to which'],
    [{ ...CLIP, do_resize: false }, 'no size to which'],
    [{ ...CLIP, do_center_crop: false }, 'no size that all'],
    [{ ...CLIP, crop_size: 300 }, 'more than'],
    [{ ...CLIP, rescale_factor: 'x' }, 'rescale_factor'],
    [{ ...CLIP, image_std: [1, 0, 1] }, 'image_std'],
    [{ ...CLIP, image_mean: [1, 2] }, 'image_mean'],
  ])('is refused where it makes no sense: %j', (config, why) => {
    expect(() => read(config)).toThrow(why);
  });

  it('scales the shorter side and cuts out the middle, rounding half to even as the models were taught', () => {
    const preprocessing = read(CLIP);
    expect(targetOf(preprocessing, 640, 427)).toEqual({
      filter: 'bicubic',
      scaled: { width: 335, height: 224 },
      crop: { left: 56, top: 0, width: 224, height: 224 },
    });
    expect(targetOf(preprocessing, 427, 640).crop).toEqual({ left: 0, top: 56, width: 224, height: 224 });
    expect(targetOf(preprocessing, 100, 101).crop.top).toBe(1);
    expect(targetOf(preprocessing, 1000, 1005).crop.top).toBe(0);
    expect(targetOf(preprocessing, 1, 30_000).scaled).toEqual({ width: 224, height: 6_720_000 });
  });
});

describe('pictures', () => {
  const red = { create: { width: 20, height: 10, channels: 4, background: '#ff0000' } } as const;

  it.each(['png', 'jpeg', 'webp', 'gif', 'tiff', 'avif'] as const)('reads %s', async (format) => {
    const picture = await decoded(await sharp(red).toFormat(format).toBuffer(), 0, 1e6);
    expect([picture.width, picture.height]).toEqual([20, 10]);
    expect(picture.data).toHaveLength(600);
    expect(picture.data[0]).toBeGreaterThan(245);
    expect(picture.data[1]).toBeLessThan(10);
  });

  it('makes three colours of grey, of 16 bits and of four inks', async () => {
    const grey = await sharp(red).greyscale().png().toBuffer();
    const deep = await sharp(red).toColourspace('rgb16').png().toBuffer();
    const inks = await sharp(red).toColourspace('cmyk').jpeg().toBuffer();
    for (const data of [grey, deep, inks]) expect((await decoded(data, 0, 1e6)).data).toHaveLength(600);
    expect((await decoded(deep, 0, 1e6)).data[0]).toBe(255);
  });

  it('drops transparency without blending it', async () => {
    const clear = {
      create: { width: 2, height: 2, channels: 4, background: { r: 9, g: 8, b: 7, alpha: 0 } },
    } as const;
    const { data } = await decoded(await sharp(clear).png().toBuffer(), 0, 1e6);
    expect([...data.subarray(0, 3)]).toEqual([9, 8, 7]);
  });

  it('turns a photograph as its camera noted', async () => {
    const turned = await sharp(red).withMetadata({ orientation: 6 }).jpeg().toBuffer();
    const { width, height } = await decoded(turned, 0, 1e6);
    expect([width, height]).toEqual([10, 20]);
  });

  it('refuses what is no picture, what is cut off, and what is larger than allowed', async () => {
    const photograph = await sharp(noise(64, 64).data, { raw: { width: 64, height: 64, channels: 3 } })
      .jpeg()
      .toBuffer();
    const refused = { code: 'MV018', details: { reason: 'unreadable', index: 3 } };
    for (const data of [new Uint8Array(), Uint8Array.of(1, 2, 3), photograph.subarray(0, 900)]) {
      await expect(decoded(data, 3, 1e6)).rejects.toMatchObject(refused);
    }
    await expect(decoded(photograph, 3, 4095)).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'too_large', index: 3, limit: 'maxPixels', value: 4095 },
    });
    expect((await decoded(photograph, 3, 4096)).width).toBe(64);
  });
});
