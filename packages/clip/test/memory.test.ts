import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { create, open } from '@memvid/sdk';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { clip, clipPlugin } from '../src/index.ts';
import { MISSING, scratch, TOY } from './support/models.ts';

// They load networks; a busy machine is no reason to fail.
vi.setConfig({ testTimeout: 60_000 });

describe.skipIf(MISSING !== undefined)('pictures of a memory, with the toy model of coloured shapes', () => {
  const model = clip('toy', { folder: TOY });
  afterAll(() => model.close());
  const shapes = readdirSync(MISSING === undefined ? TOY : '.').filter((name) => name.endsWith('.png'));
  const captionOf = (file: string): string => `a photo of a ${file.replace('.png', '').replace('-', ' ')}`;

  it('are found by what they show, and by others like them', async () => {
    const path = join(scratch(), 'shapes.mv2');
    const memory = await create(path, { imageEmbedder: model });
    const [first = '', ...others] = shapes;
    await memory.put({ image: join(TOY, first), title: first });
    await memory.putMany(
      others.map((title) => ({
        title,
        image: readFileSync(join(TOY, title)),
        metadata: { colour: title.split('-')[0] },
      })),
    );
    await memory.put({ text: 'a photo of a blue square, in words' });
    await memory.close();

    const again = await open(path, { imageEmbedder: model });
    for (const file of shapes) {
      const said = await again.find(captionOf(file), { mode: 'clip', k: 3 });
      expect([said.engine, said.hits[0]?.title]).toEqual(['clip', file]);
      const like = await again.find({ image: join(TOY, file) }, { k: 2 });
      expect(like.hits[0]?.title).toBe(file);
      expect(like.hits[0]?.score).toBeGreaterThan(0.999);
      expect(like.hits[1]?.score).toBeLessThan(0.95);
    }
    const red = await again.find('a photo of a blue square', { mode: 'clip', where: { colour: 'red' } });
    expect(red.hits.map(({ title }) => title)).toEqual(['red-triangle.png']);
    expect((await again.verify({ deep: true })).overall_status).toBe('passed');
    await again.close();
  });

  it('take their model from the plugin by its name', async () => {
    const path = join(scratch(), 'shapes.mv2');
    const plugins = [clipPlugin({ folder: TOY })];
    const memory = await create(path, { plugins, imageEmbedder: 'mobileclip-s2' });
    await memory.put({ image: join(TOY, 'blue-square.png') });
    await memory.put({ image: join(TOY, 'green-circle.png') });
    await memory.close();
    // The file says whose vectors they are.
    const again = await open(path, { plugins });
    const { hits } = await again.find('a photo of a green circle', { mode: 'clip' });
    expect(hits.map(({ title }) => title)).toEqual(['green-circle', 'blue-square']);
    await again.close();
  });
});

describe('a picture without its model', () => {
  it('is not stored, and the error says where the model was looked for', async () => {
    const directory = scratch();
    const memory = await create(join(directory, 'notes.mv2'), { plugins: [clipPlugin({ directory })] });
    const picture = new Uint8Array([137, 80, 78, 71]);
    await expect(memory.put({ image: picture })).rejects.toMatchObject({
      code: 'MV016',
      name: 'ClipDisabledError',
      message: expect.stringContaining(join(directory, 'mobileclip-s2')),
      suggestion: expect.stringContaining("installModel('mobileclip-s2')"),
    });
    expect((await memory.stats()).frame_count).toBe(0);
    await memory.close();
  });
});
