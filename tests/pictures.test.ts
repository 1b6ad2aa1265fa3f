import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { copyFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ImageEmbedder } from '@memvid/core';
import { create, type Memvid, open } from '@memvid/sdk';
import { describe, expect, it } from 'vitest';
import { linkedInstallation } from './support/install.ts';
import { paper, referenceProgram, root } from './support/places.ts';
import { reference } from './support/reference.ts';
import { leftOut, scratch } from './support/workspace.ts';

/** In a folder with the packages. Links are followed, as Node does by itself: `sharp` finds what it needs only from its real place. */
function program(packages: readonly string[], code: string, ...words: string[]): unknown {
  const folder = linkedInstallation(...packages);
  writeFileSync(join(folder, 'program.mjs'), code);
  const trap = join(root, 'tests/support/socket-trap.mjs');
  const run = spawnSync(process.execPath, ['--import', trap, 'program.mjs', ...words], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, MEMVID_MODELS_DIR: join(folder, 'models') },
  });
  expect(run.stderr).toBe('');
  return JSON.parse(run.stdout);
}

const ALL = ['core', 'sdk', 'onnx', 'clip'];

describe('@memvid/clip beside the SDK', () => {
  it('is discovered, and the class of the compat entry loads it', () => {
    const code = `
      import { discoverPlugins } from '@memvid/sdk/discover';
      import { getClipProvider } from '@memvid/sdk/compat';
      const plugins = await discoverPlugins();
      const local = getClipProvider('local');
      const { code, details } = await local.embedText('a cat').catch((error) => error);
      const other = await getClipProvider('openai', { apiKey: 'key' }).embedText('a cat').catch((error) => error);
      console.log(JSON.stringify([plugins.map(({ name }) => name), local.name, local.dimension, code, details.reason, details.cause, other.code]));
    `;
    expect(program(ALL, code)).toEqual([
      ['@memvid/clip'],
      'local:mobileclip-s2',
      512,
      'MV016',
      'clip',
      'missing_model',
      'MV018',
    ]);
  });

  it('is named with the way to get it where it is not installed', () => {
    const code = `
      import { getClipProvider } from '@memvid/sdk/compat';
      const { code, message, suggestion } = await getClipProvider('local').embedText('a cat').catch((error) => error);
      console.log(JSON.stringify([code, message, suggestion]));
    `;
    expect(program(['core', 'sdk'], code)).toEqual([
      'MV016',
      expect.stringMatching(/mobileclip-s2.*@memvid\/clip/),
      expect.stringMatching(/npm install @memvid\/clip.*MEMVID_MODELS_DIR/),
    ]);
  });

  it('embeds pictures and texts through the class of the compat entry', () => {
    const models = paper('models');
    if (leftOut('the toy model of pictures through the compat entry', models.missing)) return;
    const code = `
      import { LocalClip } from '@memvid/sdk/compat';
      const folder = process.argv[2];
      const provider = new LocalClip({ model: 'toy', folder });
      const [circle, square] = await provider.embedImages([folder + '/green-circle.png', folder + '/blue-square.png']);
      const text = await provider.embedText('a photo of a blue square');
      const likeness = (vector) => vector.reduce((sum, value, index) => sum + value * text[index], 0);
      console.log(JSON.stringify([text.length, likeness(square) > likeness(circle) + 0.2]));
    `;
    expect(program(ALL, code, join(models.path, 'clip-tiny-shapes'))).toEqual([512, true]);
  });
});

/** Vectors that depend on what is given alone. */
const vectorOf = (data: string | Uint8Array): Float32Array =>
  Float32Array.from(
    createHash('shake256', { outputLength: 512 }).update(data).digest(),
    (byte) => byte - 128,
  );
const imageEmbedder: ImageEmbedder = {
  spec: 'image-embedder/v1',
  provider: 'test',
  model: 'mobileclip-s2',
  dimensions: 512,
  maxBatch: 16,
  embedImages: async (images) => ({ vectors: images.map(({ data }) => vectorOf(data)) }),
  embedTexts: async (texts) => ({ vectors: texts.map(vectorOf) }),
};
const pictureOf = (name: string): Uint8Array => Buffer.from(`\u0089PNG\0${name}`, 'latin1');
const NAMES = ['ship', 'dog', 'bridge'];

async function expectAll(memory: Memvid, names: readonly string[] = NAMES): Promise<void> {
  for (const name of names) {
    const { hits } = await memory.find({ image: pictureOf(name) }, { k: 1 });
    expect([hits[0]?.title, (hits[0]?.score ?? 0) > 0.999]).toEqual([name, true]);
  }
  expect((await memory.stats()).picture_count).toBe(names.length);
}

function pictureCountOfReference(home: string, file: string): unknown {
  const run = reference(home, 'stats', file, '--json');
  expect(run.status).toBe(0);
  return (JSON.parse(run.output) as { frames: { clip_images: unknown } }).frames.clip_images;
}

const theirs = referenceProgram();
describe.skipIf(leftOut('pictures both ways between the SDK and the reference', theirs.missing))(
  'pictures and the reference',
  () => {
    it('reads the index that we wrote, and keeps it when it writes', async () => {
      const home = scratch();
      const file = join(home, 'ours.mv2');
      const memory = await create(file, { imageEmbedder });
      for (const name of NAMES) await memory.put({ image: pictureOf(name), title: name });
      await memory.close();
      expect(pictureCountOfReference(home, file)).toBe(3);
      expect(reference(home, 'verify', file, '--deep')).toMatchObject({ status: 0 });
      const input = join(home, 'note.txt');
      writeFileSync(input, 'Carol lives in Rome.');
      expect(reference(home, 'put', file, '--input', input, '--no-embedding').status).toBe(0);
      expect(reference(home, 'delete', file, '--frame-id', '1', '--yes').status).toBe(0);
      const again = await open(file, { imageEmbedder });
      await expectAll(again, ['ship', 'bridge']);
      await again.put({ image: pictureOf('harbour'), title: 'harbour' });
      await expectAll(again, ['ship', 'bridge', 'harbour']);
      expect((await again.verify({ deep: true })).overall_status).toBe('passed');
      await again.close();
      expect(reference(home, 'verify', file, '--deep')).toMatchObject({ status: 0 });
    });

    it('applies a log with pictures, which are found and moved into the index', async () => {
      const home = scratch();
      const ours = join(home, 'ours.mv2');
      const memory = await create(ours, { imageEmbedder });
      await memory.put({ text: 'A text.' });
      await memory.seal();
      for (const name of NAMES) await memory.put({ image: pictureOf(name), title: name });
      // As a process leaves it that dies here.
      const file = join(home, 'left.mv2');
      copyFileSync(ours, file);
      await memory.close();
      const input = join(home, 'note.txt');
      writeFileSync(input, 'Carol lives in Rome.');
      expect(reference(home, 'put', file, '--input', input, '--no-embedding').status).toBe(0);
      const again = await open(file, { imageEmbedder });
      await expectAll(again);
      await again.put({ text: 'One more.' });
      await again.close();
      expect(pictureCountOfReference(home, file)).toBe(3);
      const last = await open(file, { imageEmbedder });
      await expectAll(last);
      expect((await last.verify({ deep: true })).overall_status).toBe('passed');
      await last.close();
    });
  },
);
