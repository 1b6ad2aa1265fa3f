import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { clip } from '../src/index.ts';
import { product, SHARED } from './support/models.ts';

/** On for `1`, `true`, `yes` and `on`. */
const gate = /^(1|true|yes|on)$/i.test(process.env['MEMVID_TEST_CLIP'] ?? '');
if (!gate) process.stderr.write('skipped: a real picture model: MEMVID_TEST_CLIP is not set\n');

const CAPTIONS = {
  china: [
    'a photo of a Chinese temple with a curved roof',
    'a photo of a dog on a beach',
    'a photo of a bowl of soup',
    'a photo of a racing car',
    'a portrait of a woman',
    'a map of a city',
  ],
  flower: [
    'a close-up photo of a red flower',
    'a photo of an office building',
    'a photo of a train',
    'a photo of a snowy mountain',
    'a photo of a cat',
    'a page of printed text',
  ],
} as const;

// With the gate on and no model this fails, as it should.
describe.skipIf(!gate)('a real picture model, from MEMVID_TEST_CLIP_DIR', () => {
  it('tells the caption of a photograph from five others', async () => {
    const folder = process.env['MEMVID_TEST_CLIP_DIR'] ?? '';
    expect(folder, 'MEMVID_TEST_CLIP_DIR names the folder of a model').not.toBe('');
    const model = clip('tested', { folder });
    const { sha256, dimensions } = await model.describe();
    process.stdout.write(`vision ${sha256.vision}\ntext ${sha256.text}\n`);
    expect(sha256.vision).toBe(
      createHash('sha256')
        .update(readFileSync(await networkIn(folder)))
        .digest('hex'),
    );
    for (const [name, captions] of Object.entries(CAPTIONS)) {
      const data = readFileSync(join(SHARED, 'clip-preprocess', `${name}.jpg`));
      const [picture] = (await model.embedImages([{ data }])).vectors;
      const words = (await model.embedTexts(captions)).vectors;
      for (const vector of [picture, ...words]) {
        expect(vector).toHaveLength(dimensions ?? 512);
        expect(Math.hypot(...(vector ?? []))).toBeCloseTo(1, 5);
        expect(vector?.every(Number.isFinite)).toBe(true);
      }
      const likeness = words.map((word) => product(picture ?? [], word));
      expect(likeness.indexOf(Math.max(...likeness))).toBe(0);
    }
    await model.close();
  });
});

async function networkIn(folder: string): Promise<string> {
  const { filesIn } = await import('@memvid/onnx');
  const [path = ''] = await filesIn(folder, ['vision_model.onnx', 'onnx/vision_model.onnx']);
  return path;
}
