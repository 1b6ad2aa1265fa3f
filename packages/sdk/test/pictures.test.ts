import { createHash } from 'node:crypto';
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { ImageEmbedder, Plugin } from '@memvid/core';
import { HashEmbeddings, UnsupportedOperationError } from '@memvid/core';
import { describe, expect, it, vi } from 'vitest';
import {
  create,
  type FindInput,
  type Memvid,
  open,
  type PictureQuery,
  type PutFilesProgress,
  type PutManyInput,
} from '../src/index.ts';
import { freshMemory, freshPath, PATIENCE, scratch } from './support/memory.ts';
import { expectFailure } from './support/refusals.ts';

const refusal = (call: Promise<unknown>) => expectFailure(() => call);

/** What a file of a picture begins with here; the rest is what it shows, in words. */
const SIGNATURE = '\u0089PNG\r\n\0';
const shown = (data: Uint8Array): string => Buffer.from(data).toString('latin1').replace(SIGNATURE, '');

/** Vectors that depend alone on what is shown, or said. */
function embedder(model = 'mobileclip-s2', dimensions = 16): ImageEmbedder & { calls: number[] } {
  const calls: number[] = [];
  const vectorOf = (words: string): Float32Array => {
    const digest = createHash('shake256', { outputLength: dimensions }).update(words).digest();
    return Float32Array.from(digest, (byte) => byte - 128);
  };
  return {
    spec: 'image-embedder/v1',
    provider: 'test',
    model,
    dimensions,
    maxBatch: 4,
    calls,
    embedImages: async (images) => {
      calls.push(images.length);
      images.forEach(({ data }, index) => {
        if (shown(data) === 'huge') {
          throw new UnsupportedOperationError(`images[${index}] has more than 9 pixels`, {
            details: { operation: 'embedImages', reason: 'too_large', index },
            suggestion: 'Raise `maxPixels`.',
          });
        }
        if (shown(data) === 'refused') throw Object.assign(new Error('no such picture'), { status: 400 });
        if (shown(data) !== 'broken') return;
        throw new UnsupportedOperationError(`images[${index}] cannot be read as a picture: it is broken`, {
          details: { operation: 'embedImages', reason: 'unreadable', index },
        });
      });
      return { vectors: images.map(({ data }) => vectorOf(shown(data))) };
    },
    embedTexts: async (texts) => ({ vectors: texts.map(vectorOf) }),
  };
}

/** Aborts the call with the first picture that it is given, and never answers. */
function hanging(stop: AbortController): ImageEmbedder {
  return {
    ...embedder(),
    embedImages: () => {
      stop.abort();
      return new Promise(() => undefined);
    },
  };
}

const picture = (shows: string): Uint8Array => Buffer.from(`${SIGNATURE}${shows}`, 'latin1');
const pictureFile = (shows: string, name = `${shows}.png`): string => {
  const path = join(scratch(), name);
  writeFileSync(path, picture(shows));
  return path;
};
const titles = async (
  memory: Memvid,
  query: string | PictureQuery,
  options?: FindInput,
): Promise<string[]> => {
  const { engine, hits } = await memory.find(query, options);
  expect(engine).toBe('clip');
  return hits.map(({ title }) => title);
};

describe('pictures', () => {
  it('are found by a text and by another picture, before and after opening', async () => {
    const path = freshPath();
    const imageEmbedder = embedder();
    const memory = await create(path, { imageEmbedder });
    const ship = await memory.put({ image: pictureFile('ship') });
    await memory.put({ image: picture('dog'), title: 'Dog', tags: ['animal'], metadata: { legs: 4 } });
    await memory.put({ text: 'A text about a ship and a dog.' });
    const check = async (from: Memvid): Promise<void> => {
      const { hits } = await from.find('ship', { mode: 'clip' });
      expect(hits.map(({ title }) => title)).toEqual(['ship', 'Dog']);
      expect(hits[0]).toMatchObject({ frame_id: Number(ship), kind: 'image', text: '', labels: ['png'] });
      expect(hits[0]?.score).toBeCloseTo(1, 5);
      expect(await titles(from, { image: picture('dog') }, { k: 1 })).toEqual(['Dog']);
      expect(await titles(from, { image: pictureFile('dog') }, { where: { legs: 4 } })).toEqual(['Dog']);
      expect(await titles(from, 'ship', { mode: 'clip', where: { legs: 4 } })).toEqual(['Dog']);
      expect(await from.stats()).toMatchObject({ picture_count: 2, picture_model: 'mobileclip-s2' });
    };
    await check(memory);
    const asset = await memory.extractAsset(ship);
    expect([shown(asset.data), asset.filename, asset.mimeType]).toEqual(['ship', 'ship.png', 'image/png']);
    await memory.close();
    const again = await open(path, { imageEmbedder });
    await check(again);
    expect((await again.verify({ deep: true })).overall_status).toBe('passed');
    await again.remove(ship);
    expect(await titles(again, 'ship', { mode: 'clip' })).toEqual(['Dog']);
    await again.close();
  });

  it('are found by words where words are given, and by meaning', async () => {
    await using memory = await freshMemory({ imageEmbedder: embedder() });
    await memory.put({ image: picture('ship'), searchText: 'A schooner at anchor', title: 'Ship' });
    const { hits } = await memory.find('schooner');
    expect(hits.map(({ title, text }) => [title, text])).toEqual([['Ship', 'A schooner at anchor']]);
    expect(await titles(memory, 'ship', { mode: 'clip' })).toEqual(['Ship']);
  });

  it('that are drawn keep their type', async () => {
    await using memory = await freshMemory({ imageEmbedder: embedder() });
    const svg = '<svg xmlns="http://www.w3.org/2000/svg"><text>Harbour</text></svg>';
    const id = await memory.put({ image: Buffer.from(svg), title: 'Drawing' });
    expect(await titles(memory, 'harbour', { mode: 'clip' })).toEqual(['Drawing']);
    expect((await memory.extractAsset(id)).mimeType).toBe('image/svg+xml');
  });

  it('stand among texts in a batch, in any kind of source', async () => {
    const imageEmbedder = embedder();
    const docs: PutManyInput[] = Array.from({ length: 1100 }, (_, index) =>
      index % 100 === 0
        ? { title: `Picture ${index}`, image: picture(`picture ${index}`) }
        : { title: `Text ${index}`, text: `Text ${index}.` },
    );
    async function* later(): AsyncGenerator<PutManyInput> {
      yield* docs;
    }
    for (const source of [docs, docs.slice(0, 101), new Set(docs.slice(0, 101)), later()]) {
      await using memory = await freshMemory({ imageEmbedder });
      const ids = await memory.putMany(source);
      expect(await titles(memory, 'picture 100', { mode: 'clip', k: 1 })).toEqual(['Picture 100']);
      expect((await memory.stats()).picture_count).toBe(ids.length > 1000 ? 11 : 2);
      expect((await memory.find('Text')).total_hits).toBeGreaterThan(90);
    }
    // No more than a call takes.
    expect(Math.max(...imageEmbedder.calls)).toBe(4);
  });

  it('in a source that is stored as it comes are refused, unless it is said who makes their vectors', async () => {
    await using memory = await freshMemory();
    function* docs(): Generator<PutManyInput> {
      yield { title: 'Ship', image: picture('ship') };
    }
    const error = await refusal(memory.putMany(docs()));
    expect([error.code, error.details?.['argument']]).toEqual(['MV019', 'docs[0].image']);
    expect((await memory.stats()).frame_count).toBe(0);
    await memory.putMany(docs(), { imageEmbedder: embedder() });
    expect((await memory.stats()).picture_count).toBe(1);
  });

  it('that are broken are named, and fail alone with onError: "report"', async () => {
    await using memory = await freshMemory({ imageEmbedder: embedder() });
    const docs = ['ship', 'broken', 'dog'].map((shows) => ({ title: shows, image: picture(shows) }));
    const error = await refusal(memory.putMany(docs));
    expect(error.code).toBe('MV018');
    expect(error.message).toBe('docs[1].image cannot be read as a picture: it is broken');
    expect((await memory.stats()).frame_count).toBe(0);
    const path = pictureFile('broken');
    expect((await refusal(memory.put({ image: path }))).message).toContain(`image (${path}) cannot be read`);
    const missing = { title: 'Missing', image: join(scratch(), 'no.png') };
    const report = await memory.putMany([...docs, missing, { title: 'Text', text: 'A text.' }], {
      onError: 'report',
    });
    expect(report.items.map(({ status, error: why }) => [status, why?.code])).toEqual([
      ['stored', undefined],
      ['failed', 'MV018'],
      ['stored', undefined],
      ['failed', 'MV013'],
      ['stored', undefined],
    ]);
    expect(report.complete).toBe(true);
    expect(await titles(memory, 'dog', { mode: 'clip', k: 1 })).toEqual(['dog']);
  });

  it.each(['huge', 'broken', 'refused'])(
    'that are %s fail alone, and the others are embedded with few calls',
    async (bad) => {
      const imageEmbedder = embedder();
      await using memory = await freshMemory({ imageEmbedder });
      const path = pictureFile(bad);
      const docs = Array.from({ length: 8 }, (_, index) =>
        index === 1 ? { title: 'Bad', image: path } : { title: `${index}`, image: picture(`${index}`) },
      );
      const together = await refusal(memory.putMany(docs));
      expect((await memory.stats()).frame_count).toBe(0);
      imageEmbedder.calls.length = 0;
      const { items, complete } = await memory.putMany(docs, { onError: 'report' });
      expect(complete).toBe(true);
      expect(items.map(({ status }) => status)).toEqual(
        docs.map(({ title }) => (title === 'Bad' ? 'failed' : 'stored')),
      );
      if (bad === 'refused') {
        // Nobody says which it is.
        expect(imageEmbedder.calls).toEqual([4, 2, 1, 1, 2, 4]);
        return;
      }
      expect(imageEmbedder.calls).toEqual([4, 4, 3]);
      for (const error of [together, items[1]?.error]) {
        expect(error).toMatchObject({
          code: 'MV018',
          message: expect.stringContaining(`docs[1].image (${path}) `),
        });
        expect(error?.details).toMatchObject({ argument: `docs[1].image (${path})` });
      }
    },
  );

  it('are read and stored in batches of no more than some bytes', async () => {
    const size = 17 * 1024 * 1024;
    const large = (shows: string): Uint8Array => Buffer.concat([picture(shows), new Uint8Array(size)]);
    const path = join(scratch(), 'large.png');
    writeFileSync(path, large('0'));
    const imageEmbedder: ImageEmbedder = {
      ...embedder(),
      embedImages: async (images) => ({
        vectors: images.map(({ data }) => Float32Array.from(data.subarray(0, 16), (byte) => byte + 1)),
      }),
    };
    await using memory = await freshMemory({ imageEmbedder });
    const stored: number[] = [];
    const { complete } = await memory.putMany(
      Array.from({ length: 5 }, (_, index) => ({
        title: `${index}`,
        image: index === 0 ? path : large(`${index}`),
      })),
      { onError: 'report', compressionLevel: 0, onProgress: (progress) => stored.push(progress.stored) },
    );
    expect([complete, stored]).toEqual([true, [4, 5]]);
  });

  describe('in files', () => {
    const folderOf = (files: Readonly<Record<string, string>>): string => {
      const folder = scratch();
      for (const [name, shows] of Object.entries(files)) {
        mkdirSync(dirname(join(folder, name)), { recursive: true });
        writeFileSync(join(folder, name), name.endsWith('.txt') ? shows : picture(shows));
      }
      return folder;
    };
    const plugin: Plugin = {
      spec: 'plugin/v1',
      name: 'pictures',
      imageEmbedders: { 'mobileclip-s2': () => embedder() },
    };

    it.each([
      ['the memory', { imageEmbedder: embedder() }, {}],
      ['a plugin', { plugins: [plugin] }, {}],
      ['the call', {}, { imageEmbedder: embedder() }],
    ])('are stored by putFile as by put, with the embedder of %s', async (_, options, ofCall) => {
      await using memory = await freshMemory({ ...options, embedder: new HashEmbeddings({ dimension: 8 }) });
      const path = pictureFile('ship', 'ship.JPG');
      const metadata = { place: 'harbour' };
      expect(await memory.putFile(path, { ...ofCall, metadata, enableEmbedding: true })).toEqual({
        framesAdded: 1,
        type: 'image',
        filename: 'ship.JPG',
      });
      expect(await memory.getFrameInfo(0)).toMatchObject({
        title: 'ship',
        uri: 'mv2://files/ship.JPG',
        kind: 'image',
        labels: ['jpg'],
        metadata: { place: 'harbour', doc_name: 'ship.JPG', doc_type: 'image' },
      });
      expect(await titles(memory, 'ship', { mode: 'clip', ...ofCall })).toEqual(['ship']);
      const asset = await memory.extractAsset(0);
      expect([shown(asset.data), asset.filename, asset.mimeType]).toEqual(['ship', 'ship.JPG', 'image/png']);
      await memory.putFile(path, { ...ofCall, label: 'photo' });
      expect((await memory.getFrameInfo(1)).labels).toEqual(['photo']);
      const bad = await refusal(memory.putFile(pictureFile('broken'), ofCall));
      expect([bad.code, bad.details?.['reason']]).toEqual(['MV018', 'unreadable']);
      expect(await memory.stats()).toMatchObject({ frame_count: 2, picture_count: 2, vector_count: 0 });
    });

    it.each([
      ['with an embedder of texts', { embedder: new HashEmbeddings({ dimension: 8 }) }],
      ['without', {}],
    ])('of a folder are embedded together, stored in order, and fail alone: %s', async (_, options) => {
      const imageEmbedder = embedder();
      await using memory = await freshMemory({ imageEmbedder, ...options });
      const folder = folderOf({
        'a.png': 'ship',
        'b.txt': 'A text between.',
        'c.jpeg': 'broken',
        'd.webp': 'dog',
        'e/a.png': 'cat',
        'f.gif': 'huge',
        'g.txt': 'The last one.',
        'h.svg': 'not taken',
      });
      const progress: PutFilesProgress[] = [];
      const result = await memory.putFiles(folder, {
        recursive: true,
        metadata: { trip: 1 },
        onProgress: (now) => progress.push(now),
      });
      expect(result.files.map(({ filename, type }) => [filename, type])).toEqual([
        ['a.png', 'image'],
        ['b.txt', 'text'],
        ['d.webp', 'image'],
        ['e/a.png', 'image'],
        ['g.txt', 'text'],
      ]);
      expect(result.errors.map(({ filename, code }) => [filename, code])).toEqual([
        ['c.jpeg', 'MV018'],
        ['f.gif', 'MV018'],
      ]);
      expect(result.errors[0]?.message).toContain(join(folder, 'c.jpeg'));
      expect(progress).toHaveLength(7);
      // All five at first, and again without each that is bad: one call takes four.
      expect(imageEmbedder.calls).toEqual([4, 4, 3]);
      expect((await memory.getFrameInfo(3)).uri).toBe('mv2://files/e/a.png');
      expect(await titles(memory, 'dog', { mode: 'clip', k: 1, where: { trip: 1 } })).toEqual(['d']);
      expect(await memory.stats()).toMatchObject({
        frame_count: 5,
        picture_count: 3,
        vector_count: 'embedder' in options ? 2 : 0,
      });
    });

    it('are no files with a text: `put({ file })` says how they are stored', async () => {
      await using memory = await freshMemory({ imageEmbedder: embedder() });
      const path = pictureFile('ship');
      expect(await refusal(memory.put({ file: path }))).toMatchObject({
        code: 'MV018',
        details: { operation: 'put', path },
        suggestion: expect.stringContaining('put({ image })'),
      });
      await memory.put({ file: path, searchText: 'A ship.' });
      expect((await memory.find('ship')).hits).toHaveLength(1);
    });

    it('are passed over in a folder where nobody makes their vectors, unless they are asked for', async () => {
      await using memory = await freshMemory();
      const folder = folderOf({ 'a.png': 'ship', 'b.txt': 'A text.' });
      const alone = await refusal(memory.putFile(join(folder, 'a.png')));
      expect(alone).toMatchObject({
        name: 'PluginMissingError',
        code: 'MV018',
        details: { operation: 'putFile', package: '@memvid/clip' },
      });
      expect(await memory.putFiles(folder)).toMatchObject({ filesProcessed: 1, errors: [] });
      expect(await memory.putFiles(folder, { extensions: ['png', '.txt'] })).toMatchObject({
        filesProcessed: 1,
        errors: [{ filename: 'a.png', code: 'MV018', message: expect.stringContaining('@memvid/clip') }],
      });
    });

    it('whose model is not there keep no text from being stored', async () => {
      await using memory = await freshMemory({ imageEmbedder: 'nobody-has-it' });
      const folder = folderOf({ 'a.png': 'ship', 'b.txt': 'A text.', 'c.png': 'dog' });
      const { files, errors } = await memory.putFiles(folder);
      expect(files.map(({ filename }) => filename)).toEqual(['b.txt']);
      expect(errors.map(({ filename, code }) => [filename, code])).toEqual([
        ['a.png', 'MV016'],
        ['c.png', 'MV016'],
      ]);
    });

    it('are documents to a plugin that reads their words', async () => {
      const reader: Plugin = {
        spec: 'plugin/v1',
        name: 'words-of-pictures',
        documentParsers: {
          png: () => ({
            spec: 'document-parser/v1',
            name: 'words',
            mimeTypes: ['image/png'],
            parse: async ({ data }) => {
              const text = shown(data);
              return { type: 'words', text, pages: [{ number: 1, text }], tables: [], warnings: [] };
            },
          }),
        },
      };
      await using memory = await freshMemory({ plugins: [reader, plugin] });
      expect(await memory.putFile(pictureFile('ship'))).toMatchObject({ type: 'words' });
      expect(await memory.view(0)).toBe('ship');
    });

    it('that wait for their embedder are ended by their signal', async () => {
      await using memory = await freshMemory();
      const stop = new AbortController();
      const imageEmbedder = hanging(stop);
      const folder = folderOf({ 'a.png': 'ship', 'b.txt': 'A text.' });
      const { errors } = await memory.putFiles(folder, { imageEmbedder, signal: stop.signal });
      expect(errors.map(({ filename, code }) => [filename, code])).toEqual([
        ['a.png', 'MV018'],
        ['b.txt', 'MV018'],
      ]);
      expect((await memory.stats()).frame_count).toBe(0);
    });
  });

  it('take the place of a content', async () => {
    await using memory = await freshMemory({ imageEmbedder: embedder() });
    const id = await memory.put({ image: picture('ship'), title: 'First' });
    const renamed = await memory.update(id, { title: 'Renamed' });
    expect(await titles(memory, 'ship', { mode: 'clip' })).toEqual(['Renamed']);
    const other = await memory.update(renamed, { image: pictureFile('dog') });
    const { hits } = await memory.find('dog', { mode: 'clip' });
    expect(hits.map(({ frame_id, score }) => [frame_id, score > 0.999])).toEqual([[Number(other), true]]);
    const text = await memory.update(other, { text: 'Words instead.' });
    expect((await memory.stats()).picture_count).toBe(0);
    expect(await memory.view(text)).toBe('Words instead.');
    const both = await refusal(memory.update(text, { text: 'a', image: picture('b') }));
    expect(both.code).toBe('MV019');
  });

  it('are of one model, which is chosen by the file', async () => {
    const made: string[] = [];
    const plugin: Plugin = {
      spec: 'plugin/v1',
      name: 'pictures',
      imageEmbedders: Object.fromEntries(
        ['mobileclip-s2', 'Other'].map((name) => [
          name,
          () => {
            made.push(name);
            return embedder(name);
          },
        ]),
      ),
    };
    const path = freshPath();
    const memory = await create(path, { plugins: [plugin] });
    await memory.put({ image: picture('ship'), imageEmbedder: 'other', title: 'Ship' });
    // Not the usual one, but that of what is stored.
    expect(await titles(memory, 'ship', { mode: 'clip' })).toEqual(['Ship']);
    await memory.put({ image: picture('dog') });
    expect(made).toEqual(['Other']);
    for (const call of [
      () => memory.find('ship', { mode: 'clip', imageEmbedder: 'mobileclip-s2' }),
      () => memory.put({ image: picture('cat'), imageEmbedder: 'mobileclip-s2' }),
    ]) {
      const error = await expectFailure(call);
      expect([error.code, error.details?.['reason']]).toEqual(['MV015', 'other_model']);
      expect(error.message).toContain('Other');
    }
    const size = await refusal(memory.find('x', { mode: 'clip', queryEmbedding: [1, 2, 3] }));
    expect(size.code).toBe('MV014');
    const given = await memory.find('x', { mode: 'clip', queryEmbedding: new Float32Array(16).fill(1) });
    expect(given.hits).toHaveLength(2);
    await memory.close();
    // Nobody here has that model.
    const without = await open(path);
    const error = await refusal(without.find('ship', { mode: 'clip' }));
    expect([error.code, error.details?.['reason'], error.details?.['model']]).toEqual([
      'MV016',
      'clip',
      'Other',
    ]);
    // `create` would empty the file.
    expect(error.suggestion).toContain('and open(path, { plugins: [clipPlugin()] })');
    await without.close();
  });

  it('need a model, and the error says how to get one', async () => {
    await using memory = await freshMemory();
    const error = await refusal(memory.put({ image: picture('ship') }));
    expect([error.name, error.code]).toEqual(['ClipDisabledError', 'MV016']);
    expect(error.suggestion).toMatch(
      /npm install @memvid\/clip.*clipPlugin\(\).*installModel\('mobileclip-s2'\)/,
    );
    const empty = await refusal(memory.find('ship', { mode: 'clip' }));
    expect([empty.code, empty.details?.['cause']]).toEqual(['MV016', 'empty']);
    expect(empty.suggestion).toContain('put({ image');
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('of a scope are seen by it alone', async () => {
    await using memory = await freshMemory({ imageEmbedder: embedder() });
    const mine = memory.scope({ user: 'ada' });
    await mine.put({ image: picture('ship'), title: 'Mine' });
    await memory.scope({ user: 'bob' }).put({ image: picture('dog'), title: 'Other' });
    expect(await titles(mine, 'dog', { mode: 'clip' })).toEqual(['Mine']);
    expect((await mine.stats()).picture_count).toBe(1);
    const empty = await refusal(memory.scope({ user: 'eve' }).find('dog', { mode: 'clip' }));
    expect(empty.code).toBe('MV016');
  });

  it('that were put before the memory was closed are stored', async () => {
    const path = freshPath();
    const memory = await create(path, { imageEmbedder: embedder() });
    const putting = memory.put({ image: pictureFile('ship') });
    await memory.close();
    expect(await putting).toBe('0');
    const again = await open(path, { imageEmbedder: embedder() });
    expect(await titles(again, 'ship', { mode: 'clip' })).toEqual(['ship']);
    await again.close();
  });

  it('end with their signal', async () => {
    await using memory = await freshMemory();
    const abort = new AbortController();
    const imageEmbedder = hanging(abort);
    const error = await refusal(memory.put({ image: picture('ship'), imageEmbedder, signal: abort.signal }));
    expect([error.code, error.details?.['reason']]).toEqual(['MV018', 'aborted']);
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('that take the place of a content do not when their signal was aborted while they waited', async () => {
    await using memory = await freshMemory({ imageEmbedder: embedder() });
    const id = await memory.put({ text: 'Words.' });
    const stop = new AbortController();
    let release = (): void => undefined;
    const ahead = memory.update(id, {
      metadata: { ahead: true },
      image: picture('first'),
      imageEmbedder: {
        ...embedder(),
        embedImages: async () => {
          await new Promise<void>((resolve) => {
            release = resolve;
          });
          return { vectors: [new Float32Array(16).fill(1)] };
        },
      },
    });
    ahead.catch(() => undefined);
    const imageEmbedder = embedder();
    const updating = memory.update(id, { image: picture('ship'), imageEmbedder, signal: stop.signal });
    updating.catch(() => undefined);
    await vi.waitFor(() => expect(imageEmbedder.calls).toEqual([1]), PATIENCE);
    stop.abort();
    release();
    const error = await refusal(updating);
    expect([error.code, error.details?.['reason']]).toEqual(['MV018', 'aborted']);
    await ahead;
    expect((await memory.stats()).frame_count).toBe(2);
  });

  it('have the ending of their file as first label beside others', async () => {
    await using memory = await freshMemory({ imageEmbedder: embedder() });
    const labels = ['x'];
    const id = await memory.put({ image: pictureFile('ship'), labels });
    const ids = [
      id,
      await memory.put({ image: picture('dog'), labels }),
      ...(await memory.putMany([{ title: 'Cat', image: pictureFile('cat'), labels }])),
      await memory.put({ image: pictureFile('cow'), labels, label: 'own' }),
      await memory.update(id, { image: pictureFile('boat', 'boat.JPG'), labels }),
    ];
    const of = async (frame: string): Promise<string[]> => (await memory.getFrameInfo(frame)).labels;
    expect(await Promise.all(ids.map(of))).toEqual([
      ['png', 'x'],
      ['image', 'x'],
      ['png', 'x'],
      ['own', 'x'],
      ['jpg', 'x'],
    ]);
  });

  it('are not looked for with options that are passed over', async () => {
    const imageEmbedder = embedder('Other');
    const plugin: Plugin = {
      spec: 'plugin/v1',
      name: 'pictures',
      imageEmbedders: { other: () => embedder('Other'), 'mobileclip-s2': () => embedder() },
    };
    await using memory = await freshMemory({ plugins: [plugin] });
    await memory.put({ image: picture('ship'), title: 'Ship', imageEmbedder });
    const queryEmbedding = new Float32Array(16).fill(1);
    const missing = join(scratch(), 'no.png');
    for (const [call, argument] of [
      [() => memory.find({ image: missing }, { queryEmbedding }), 'queryEmbedding'],
      [() => memory.find('ship', { mode: 'clip', embedder: 'bge-small' }), 'embedder'],
      [() => memory.find({ image: picture('ship') }, { embedder: 'bge-small' }), 'embedder'],
      [() => memory.find('ship', { mode: 'clip', queryEmbeddingModel: ' ' }), 'queryEmbeddingModel'],
    ] as const) {
      const error = await expectFailure(call);
      expect([error.code, error.details?.['argument']]).toEqual(['MV019', argument]);
    }
    // A model that is named is that of the pictures, or an error.
    for (const options of [{}, { queryEmbedding }]) {
      const queryEmbeddingModel = 'mobileclip-s2';
      const error = await refusal(memory.find('ship', { mode: 'clip', ...options, queryEmbeddingModel }));
      expect([error.code, error.message]).toEqual(['MV015', expect.stringContaining('Other')]);
      const own = await memory.find('ship', { mode: 'clip', ...options, queryEmbeddingModel: 'Other' });
      expect(own.hits).toHaveLength(1);
    }
  });

  it('refuse what is no picture, no embedder and no mode', async () => {
    await using memory = await freshMemory();
    const bad = <T>(value: unknown): T => value as T;
    for (const [call, argument] of [
      [() => memory.put(bad({ image: 5 })), 'image'],
      [() => memory.put(bad({ image: picture('a'), text: 'b' })), 'image'],
      [() => memory.put({ image: new Uint8Array(), imageEmbedder: embedder() }), 'image'],
      [() => memory.put({ image: scratch(), imageEmbedder: embedder() }), 'image'],
      [() => memory.put(bad({ image: picture('a'), imageEmbedder: {} })), 'imageEmbedder'],
      [
        () =>
          memory.put(
            bad({ image: picture('a'), imageEmbedder: { spec: 'image-embedder/v1', provider: '' } }),
          ),
        'imageEmbedder.provider',
      ],
      [() => memory.putMany(bad([{ title: 'A', text: 'b', image: picture('a') }])), 'docs[0].image'],
      [() => memory.putMany(bad([{ image: picture('a') }])), 'docs[0].title'],
      [() => memory.find({ image: picture('a') }, { mode: 'lex' }), 'mode'],
      [() => memory.find(bad({})), 'query'],
      [() => memory.ask('a?', bad({ mode: 'clip' })), 'mode'],
      [() => create(freshPath(), bad({ imageEmbedder: 7 })), 'imageEmbedder'],
    ] as const) {
      const error = await expectFailure(call);
      expect([error.code, error.details?.['argument']]).toEqual(['MV019', argument]);
    }
  });
});
