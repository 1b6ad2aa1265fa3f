import { imageEmbedderContract, pluginContract } from '@memvid/plugin-kit';
import type { Runtime } from '@memvid/onnx';
import { copyFileSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterAll, describe, expect, it } from 'vitest';
import { processorTime } from '../../../tests/support/processor-time.ts';
import { clip, type ClipModel, clipPlugin, getClipProvider, installModel, LocalClip } from '../src/index.ts';
import { MERGES_FILE } from '../src/text-tokens.ts';
import { difference, MISSING, product, scratch, TOY } from './support/models.ts';

interface Golden {
  readonly images: readonly { file: string; embedding: number[] }[];
  readonly texts: readonly { text: string; embedding: number[] }[];
}
const golden = (
  MISSING === undefined
    ? JSON.parse(readFileSync(join(TOY, 'golden.json'), 'utf8'))
    : { images: [], texts: [] }
) as Golden;
const pictures = golden.images.map(({ file }) => ({ data: new Uint8Array(readFileSync(join(TOY, file))) }));
const texts = golden.texts.map(({ text }) => text);
const toy = (): ClipModel => clip('toy', { folder: TOY });

describe.skipIf(MISSING !== undefined)('with the toy model of coloured shapes', () => {
  const model = toy();
  afterAll(() => model.close());

  it('gives the vectors that were computed with the original libraries', async () => {
    const { vectors } = await model.embedImages(pictures);
    const words = (await model.embedTexts(texts)).vectors;
    for (const [index, { embedding }] of golden.images.entries()) {
      expect(difference(vectors[index] ?? [], embedding)).toBeLessThan(1e-3);
      expect(Math.hypot(...(vectors[index] ?? []))).toBeCloseTo(1, 6);
    }
    for (const [index, { embedding }] of golden.texts.entries()) {
      expect(difference(words[index] ?? [], embedding)).toBeLessThan(1e-3);
    }
    // Each shape is nearest to its own caption.
    for (let index = 0; index < 12; index += 1) {
      const likeness = words.slice(0, 12).map((word) => product(vectors[index] ?? [], word));
      expect(likeness.indexOf(Math.max(...likeness))).toBe(index);
    }
  });

  it('keeps the order of more pictures than are computed together', async () => {
    const many = Array.from({ length: 5 }, () => pictures).flat();
    const { vectors } = await model.embedImages(many.slice(0, model.maxBatch));
    vectors.forEach((vector, index) => {
      const expected = golden.images[index % pictures.length]?.embedding ?? [];
      expect(difference(vector, expected)).toBeLessThan(1e-3);
    });
  });

  it('says what it is', async () => {
    expect(await model.describe()).toEqual({
      provider: 'local',
      model: 'toy',
      dimensions: undefined,
      imageSize: { width: 224, height: 224 },
      filter: 'bicubic',
      sha256: {
        vision: expect.stringMatching(/^[0-9a-f]{64}$/),
        text: expect.stringMatching(/^[0-9a-f]{64}$/),
      },
      path: TOY,
    });
  });

  it('ends when its signal is aborted under way, and works again after that and after `close`', async () => {
    const stop = new AbortController();
    const call = model.embedImages(pictures, { signal: stop.signal });
    setImmediate(() => stop.abort(new Error('enough')));
    await expect(call).rejects.toMatchObject({
      code: 'MV018',
      details: { operation: 'embedImages', reason: 'aborted' },
      cause: new Error('enough'),
    });
    const signal = AbortSignal.abort();
    for (const aborted of [model.embedImages(pictures, { signal }), model.embedTexts(['a'], { signal })]) {
      await expect(aborted).rejects.toMatchObject({ code: 'MV018', details: { reason: 'aborted' } });
    }
    expect((await model.embedTexts(['a photo'])).vectors).toHaveLength(1);
    const last = model.embedTexts(['a photo']);
    await model.close();
    expect((await last).vectors).toHaveLength(1);
    expect((await model.embedTexts(['a photo'])).vectors).toHaveLength(1);
  });

  it('names the picture that cannot be read', async () => {
    const some = [...pictures.slice(0, 9), { data: Uint8Array.of(1) }];
    await expect(model.embedImages(some)).rejects.toMatchObject({
      code: 'MV018',
      details: { operation: 'embedImages', reason: 'unreadable', index: 9 },
    });
    const strict = clip('toy', { folder: TOY, maxPixels: 1000 });
    await expect(strict.embedImages(pictures.slice(0, 1))).rejects.toMatchObject({
      code: 'MV018',
      message: 'images[0] has more than 1000 pixels',
      suggestion: expect.stringContaining('maxPixels'),
      details: { reason: 'too_large', limit: 'maxPixels', value: 1000 },
    });
    await strict.close();
  });

  it('does nothing any more when a picture has made the call fail', async () => {
    let runs = 0;
    const runtime: Runtime = {
      name: 'ones',
      open: async () => ({
        inputs: [{ name: 'pixel_values', type: 'float32', dims: ['batch', 3, 224, 224] }],
        outputs: [{ name: 'image_embeds', type: 'float32', dims: ['batch', 4] }],
        usable: true,
        run: async ({ pixel_values: { dims: [rows = 0] = [] } = {} }) => {
          runs += 1;
          return {
            image_embeds: { type: 'float32', dims: [rows, 4], data: new Float32Array(rows * 4).fill(1) },
          };
        },
        close: async () => undefined,
      }),
    };
    const counted = clip('toy', { folder: TOY, runtime });
    const some = [{ data: Uint8Array.of(1) }, ...Array.from({ length: 5 }, () => pictures).flat()];
    await expect(counted.embedImages(some.slice(0, counted.maxBatch))).rejects.toMatchObject({
      details: { reason: 'unreadable', index: 0 },
    });
    const before = runs;
    await counted.embedImages(pictures);
    expect([before, runs]).toEqual([
      expect.toSatisfy((count) => count <= 1),
      before + Math.ceil(pictures.length / 8),
    ]);
    await counted.close();
  });

  it('refuses texts with half a character', async () => {
    await expect(model.embedTexts(['a', '\ud800'])).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'texts[1]' },
    });
  });

  it('draws an SVG no larger than it is looked at', async () => {
    const svg = (size: number, inner: string) =>
      Buffer.from(
        `<svg xmlns="http://www.w3.org/2000/svg" width="${size}" height="${size}" viewBox="0 0 10 10">${inner}</svg>`,
      );
    const shapes = '<rect width="10" height="10" fill="white"/><circle cx="4" cy="6" r="3" fill="red"/>';
    const [small, large] = (
      await model.embedImages([{ data: svg(512, shapes) }, { data: svg(5000, shapes) }])
    ).vectors;
    const alike = small?.reduce((sum, value, at) => sum + value * (large?.[at] ?? 0), 0);
    expect(alike).toBeGreaterThan(0.99);
    const blurred =
      '<filter id="f"><feGaussianBlur stdDeviation="1e6"/></filter><rect width="10" height="10" filter="url(#f)"/>';
    const drawing = async (size: number): Promise<number> => {
      const images = [{ data: svg(size, blurred) }];
      const draw = () => processorTime(() => model.embedImages(images));
      return Math.min(await draw(), await draw());
    };
    // As it is drawn, and with 24 times as many pixels.
    const [asDrawn, larger] = [await drawing(1024), await drawing(5000)];
    expect(larger).toBeLessThan(2 * asDrawn);
  });

  it('takes large photographs', async () => {
    const data = await sharp({ create: { width: 1400, height: 1000, channels: 3, background: 'blue' } })
      .jpeg()
      .toBuffer();
    const small = await sharp(data).resize(350, 250).jpeg().toBuffer();
    const [large, less] = (await model.embedImages([{ data }, { data: small }])).vectors;
    expect(product(large ?? [], less ?? [])).toBeGreaterThan(0.999);
  });

  imageEmbedderContract({ describe, it }, { create: toy, images: pictures.slice(0, 3) });
});

describe('models on the disk', () => {
  const toyFolder = (files: Readonly<Record<string, string>>): string => {
    const folder = join(scratch(), 'model');
    mkdirSync(join(folder, 'onnx'), { recursive: true });
    for (const [to, from] of Object.entries(files)) copyFileSync(join(TOY, from), join(folder, to));
    return folder;
  };
  const ALL = {
    'onnx/vision_model.onnx': 'vision_model.onnx',
    'onnx/text_model.onnx': 'text_model.onnx',
    [MERGES_FILE]: MERGES_FILE,
    'preprocessor_config.json': 'preprocessor_config.json',
  };

  it.skipIf(MISSING !== undefined)(
    'are found in the folder onnx, too, and checked against config.json',
    async () => {
      const folder = toyFolder(ALL);
      writeFileSync(join(folder, 'config.json'), '{"projection_dim":512}');
      const model = clip('toy', { folder });
      expect((await model.embedTexts(['a photo'])).vectors[0]).toHaveLength(512);
      expect((await model.describe()).dimensions).toBe(512);
      await model.close();
      writeFileSync(join(folder, 'config.json'), '{"projection_dim":768}');
      await expect(model.embedTexts(['a photo'])).rejects.toMatchObject({
        code: 'MV016',
        message: expect.stringContaining('512 numbers, and the model has 768'),
        details: { reason: 'clip', cause: 'invalid_model', model: 'toy' },
      });
    },
  );

  it.skipIf(MISSING !== undefined)(
    'do not run on pictures of another size than the network takes',
    async () => {
      const folder = toyFolder(ALL);
      writeFileSync(join(folder, 'preprocessor_config.json'), '{"size":256,"crop_size":256,"resample":2}');
      await expect(clip('toy', { folder }).embedImages(pictures.slice(0, 1))).rejects.toMatchObject({
        code: 'MV016',
        message: expect.stringContaining('pictures are made 3 x 256 x 256'),
      });
    },
  );

  it.skipIf(MISSING !== undefined)('fail with the file that is missing or damaged', async () => {
    const { [MERGES_FILE]: _tokenizer, ...rest } = ALL;
    await expect(clip('toy', { folder: toyFolder(rest) }).embedTexts(['a'])).rejects.toMatchObject({
      code: 'MV016',
      details: { missing: ['tokenizer.json'] },
    });
    const folder = toyFolder(ALL);
    writeFileSync(join(folder, 'onnx/vision_model.onnx'), 'version https://git-lfs');
    await expect(clip('toy', { folder }).embedImages(pictures.slice(0, 1))).rejects.toMatchObject({
      code: 'MV016',
      details: { cause: 'invalid_model', path: join(folder, 'onnx/vision_model.onnx') },
    });
  });

  it('say where they were looked for, what belongs there and how to get it', async () => {
    const directory = scratch();
    const model = clip('mobileclip-s2', { directory });
    for (const call of [
      () => model.embedTexts(['a']),
      () => model.embedImages([{ data: new Uint8Array(1) }]),
    ]) {
      await expect(call()).rejects.toMatchObject({
        name: 'ClipDisabledError',
        code: 'MV016',
        message: expect.stringContaining(join(directory, 'mobileclip-s2')),
        suggestion: expect.stringContaining("installModel('mobileclip-s2')"),
        details: {
          reason: 'clip',
          cause: 'missing_model',
          model: 'mobileclip-s2',
          directory: join(directory, 'mobileclip-s2'),
          missing: ['vision_model.onnx', 'text_model.onnx', 'tokenizer.json', 'preprocessor_config.json'],
        },
      });
    }
    const quantised = clip('clip-vit-b32-int8', { directory });
    await expect(quantised.describe()).rejects.toMatchObject({
      message: expect.stringContaining('vision_model_quantized.onnx'),
      details: { model: 'clip-vit-base-patch32-int8', directory: join(directory, 'clip-vit-base-patch32') },
    });
  });

  it('are fetched by `installModel` alone, and not when MEMVID_OFFLINE is on', async () => {
    process.env['MEMVID_OFFLINE'] = '1';
    try {
      await expect(installModel('mobileclip-s2', { directory: scratch() })).rejects.toMatchObject({
        code: 'MV016',
        details: { cause: 'offline', model: 'mobileclip-s2' },
      });
    } finally {
      delete process.env['MEMVID_OFFLINE'];
    }
    await expect(installModel('mobileclip-s9')).rejects.toMatchObject({ code: 'MV019' });
  });
});

describe('names and arguments', () => {
  it('knows two models by name, in any case, and their 8-bit kin by a name of its own', () => {
    expect(clip()).toMatchObject({ provider: 'local', model: 'mobileclip-s2', dimensions: 512 });
    expect(clip('OpenAI/CLIP-ViT-Base-Patch32').model).toBe('clip-vit-base-patch32');
    expect(clip('mobileclip-s2-int8')).toMatchObject({ model: 'mobileclip-s2-int8', dimensions: 512 });
    expect(clip('mobileclip-s2', { folder: 'anywhere' }).dimensions).toBe(512);
    expect(() => clip('mobileclip-s9')).toThrow(expect.objectContaining({ code: 'MV019' }));
    expect(clip('mobileclip-s2-own', { folder: 'x' })).toMatchObject({
      model: 'mobileclip-s2-own',
      dimensions: undefined,
    });
    expect(() => clip('../../etc\0', { folder: 'x' })).toThrow(expect.objectContaining({ code: 'MV019' }));
  });

  it('refuses what is no picture, no text and no option before anything is loaded', async () => {
    const model = clip();
    await expect(model.embedImages(['path.jpg'] as never)).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'images[0].data' },
    });
    await expect(model.embedTexts([7] as never)).rejects.toMatchObject({ details: { argument: 'texts[0]' } });
    await expect(model.embedTexts('text' as never)).rejects.toMatchObject({ code: 'MV019' });
    expect(await model.embedTexts([])).toEqual({ vectors: [] });
    expect(await model.embedImages([])).toEqual({ vectors: [] });
    expect(() => clip('mobileclip-s2', { threads: 0 })).toThrow(expect.objectContaining({ code: 'MV019' }));
    expect(() => clip('mobileclip-s2', { folder: ' ' })).toThrow(expect.objectContaining({ code: 'MV019' }));
    expect(() => clip('mobileclip-s2', { runtime: {} as never })).toThrow(
      expect.objectContaining({ code: 'MV019' }),
    );
  });
});

describe('the reference’s provider', () => {
  it('has its name and dimension without a model, and fails with MV016 when asked for a vector', async () => {
    const local = getClipProvider('local', { directory: scratch() });
    expect(local).toBeInstanceOf(LocalClip);
    expect(local).toMatchObject({ name: 'local:mobileclip-s2', dimension: 512 });
    await expect(local.embedText('a cat')).rejects.toMatchObject({
      code: 'MV016',
      name: 'ClipDisabledError',
    });
    await expect(local.embedImage('nowhere.jpg')).rejects.toMatchObject({
      code: 'MV013',
      message: 'There is no file nowhere.jpg',
      suggestion: expect.not.stringContaining('create('),
    });
    expect(() => getClipProvider('acme')).toThrow(expect.objectContaining({ code: 'MV018' }));
  });

  it.skipIf(MISSING !== undefined)('embeds files and texts', async () => {
    const local = new LocalClip({ model: 'toy', folder: TOY });
    const [first, second] = golden.images;
    const paths = [first, second].map((image) => join(TOY, image?.file ?? ''));
    const vectors = await local.embedImages(paths);
    expect(difference(vectors[1] ?? [], second?.embedding ?? [])).toBeLessThan(1e-3);
    expect(difference(await local.embedImage(paths[0] ?? ''), first?.embedding ?? [])).toBeLessThan(1e-3);
    const text = golden.texts[0];
    expect(difference(await local.embedText(text?.text ?? ''), text?.embedding ?? [])).toBeLessThan(1e-3);
    await local.close();
  });
});

describe('plugin', () => {
  pluginContract({ describe, it }, { create: () => clipPlugin() });

  it('offers every model, and `local` for any', () => {
    const plugin = clipPlugin({ directory: 'models' });
    expect(Object.keys(plugin.imageEmbedders)).toEqual([
      'mobileclip-s2',
      'mobileclip-s2-int8',
      'clip-vit-base-patch32',
      'clip-vit-base-patch32-int8',
      'local',
    ]);
    expect(plugin.imageEmbedders['local']?.({ model: 'clip-vit-b32' })).toMatchObject({
      model: 'clip-vit-base-patch32',
    });
  });
});
