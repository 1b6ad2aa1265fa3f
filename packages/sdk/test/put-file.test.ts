import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { freshMemory, scratch } from './support/memory.ts';

describe('putFile', () => {
  it('stores a text file as one document', async () => {
    await using memory = await freshMemory();
    const file = join(scratch(), 'guide.md');
    const text = `# Guide\n\n${'The walrus likes moss. '.repeat(200)}`;
    writeFileSync(file, text);
    expect(await memory.putFile(file, { metadata: { source: 'test' } })).toEqual({
      framesAdded: 1,
      type: 'text',
      filename: 'guide.md',
    });
    expect(await memory.getFrameInfo(0)).toMatchObject({
      title: 'guide.md',
      labels: ['document'],
      uri: 'mv2://files/guide.md',
      metadata: { source: 'test', doc_name: 'guide.md', doc_type: 'text' },
    });
    expect(await memory.view(0)).toBe(text);
    expect((await memory.find('walrus')).total_hits).toBeGreaterThan(0);
  });

  it('cuts at words when a chunk size is given', async () => {
    await using memory = await freshMemory();
    const file = join(scratch(), 'long.txt');
    const text = 'walrus and moss '.repeat(100);
    writeFileSync(file, text);
    const { framesAdded } = await memory.putFile(file, { chunkSize: 500, label: 'part' });
    expect(framesAdded).toBe(4);
    const parts = await Promise.all([0, 1, 2, 3].map((id) => memory.view(id)));
    expect(parts.join('')).toBe(text);
    expect(await memory.getFrameInfo(1)).toMatchObject({
      title: 'long.txt [Chunk 2/4]',
      labels: ['part'],
      metadata: { chunk_index: 1, total_chunks: 4 },
    });
  });
});

describe('putFiles', () => {
  it('§17.20 takes what it can read, in order, and reports the rest', async () => {
    await using memory = await freshMemory();
    const folder = scratch();
    writeFileSync(join(folder, 'b.txt'), 'beta');
    writeFileSync(join(folder, 'a.md'), 'alpha');
    writeFileSync(join(folder, 'junk.pdf'), Buffer.from([1, 2, 3, 4]));
    writeFileSync(join(folder, 'picture.png'), Buffer.from([1]));
    mkdirSync(join(folder, 'sub.md'));
    const result = await memory.putFiles(folder);
    expect(result).toMatchObject({
      filesProcessed: 2,
      framesAdded: 2,
      files: [{ filename: 'a.md', framesAdded: 1, type: 'text' }, { filename: 'b.txt' }],
      errors: [
        { filename: 'junk.pdf', code: 'MV018', message: expect.stringContaining('@memvid/documents') },
      ],
    });
    expect((await memory.stats()).frame_count).toBe(2);
    expect(await memory.putFiles(folder, { extensions: ['.MD'] })).toMatchObject({
      filesProcessed: 1,
      errors: [],
    });
  });
});
