import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it, vi } from 'vitest';
import type { DocumentParser, ParsedDocument } from '@memvid/core';
import { create, HashEmbeddings, type PutFilesProgress, type PutFilesResult } from '../src/index.ts';
import { closeBehindGrace, freshMemory, PATIENCE, scratch } from './support/memory.ts';

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

describe('what is given for files', () => {
  it('holds for each of their documents', async () => {
    await using memory = await freshMemory();
    const file = join(scratch(), 'long.txt');
    writeFileSync(file, 'walrus and moss '.repeat(20));
    const given = { tags: ['sea'], labels: ['extra'], kind: 'note', track: 'north', timestamp: '2024-03-01' };
    await memory.putFile(file, { ...given, chunkSize: 200 });
    for (const id of [0, 1]) {
      expect(await memory.getFrameInfo(id)).toMatchObject({
        tags: ['sea'],
        labels: ['document', 'extra'],
        kind: 'note',
        track: 'north',
        timestamp: 1_709_251_200,
      });
    }
    await memory.putFiles(join(file, '..'), {
      timestamp: new Date(1_709_251_200_000),
      autoTag: true,
      tags: ['a'],
    });
    const { timestamp, tags } = await memory.getFrameInfo(2);
    expect([timestamp, tags[0]]).toEqual([1_709_251_200, 'a']);
  });

  it.each([
    ['title', 'T'],
    ['uri', 'mv2://x'],
    ['searchText', 'words'],
    ['embedding', [1, 2]],
    ['timestamp', 'soon'],
    ['timestamp', 1_709_251_200_000],
    ['tags', 'sea'],
    ['dedupe', 'replace'],
  ])('%s: %j is MV019, and nothing is stored', async (name, value) => {
    await using memory = await freshMemory();
    const folder = scratch();
    writeFileSync(join(folder, 'a.txt'), 'alpha');
    for (const call of [
      memory.putFile(join(folder, 'a.txt'), { [name]: value }),
      memory.putFiles(folder, { [name]: value }),
    ]) {
      await expect(call).rejects.toMatchObject({ code: 'MV019', details: { argument: name } });
    }
    expect((await memory.stats()).frame_count).toBe(0);
  });
});

describe('dedupe: "skip"', () => {
  it('stores nothing again that is there, part by part, and says so', async () => {
    await using memory = await freshMemory();
    const folder = scratch();
    writeFileSync(join(folder, 'a.txt'), 'alpha '.repeat(40));
    writeFileSync(join(folder, 'b.txt'), 'beta');
    const options = { chunkSize: 100, dedupe: 'skip' } as const;
    const first = await memory.putFiles(folder, options);
    // Two of the pieces of the first file are the same.
    expect(first.files).toEqual([
      { filename: 'a.txt', framesAdded: 2, framesSkipped: 1, type: 'text' },
      { filename: 'b.txt', framesAdded: 1, type: 'text' },
    ]);
    writeFileSync(join(folder, 'b.txt'), 'gamma');
    const again = await memory.putFiles(folder, options);
    expect(again).toMatchObject({ filesProcessed: 2, framesAdded: 1, framesSkipped: 3 });
    expect(again.files).toEqual([
      { filename: 'a.txt', framesAdded: 0, framesSkipped: 3, type: 'text' },
      { filename: 'b.txt', framesAdded: 1, type: 'text' },
    ]);
    expect(await memory.putFile(join(folder, 'b.txt'), { dedupe: 'skip' })).toEqual({
      framesAdded: 0,
      framesSkipped: 1,
      type: 'text',
      filename: 'b.txt',
    });
    expect((await memory.stats()).frame_count).toBe(4);
    await memory.putFile(join(folder, 'b.txt'), { dedupe: 'keep' });
    expect((await memory.stats()).frame_count).toBe(5);
  });

  it('also where vectors are made', async () => {
    await using memory = await freshMemory({ embedder: new HashEmbeddings({ dimension: 8 }) });
    const file = join(scratch(), 'a.txt');
    writeFileSync(file, 'alpha');
    const counts = [];
    for (const _ of [1, 2]) {
      const { framesAdded, framesSkipped } = await memory.putFile(file, { dedupe: 'skip' });
      counts.push([framesAdded, framesSkipped]);
    }
    expect(counts).toEqual([
      [1, undefined],
      [0, 1],
    ]);
  });
});

describe('a file that is no UTF-8', () => {
  it.each([
    ['latin1.txt', /latin1\.txt is not UTF-8 text, and the plugin reads other encodings too$/],
    ['latin1.bin', /latin1\.bin is not a text file \(known types with it: \.txt /],
  ])('%s: says what is wrong, and names the package', async (name, message) => {
    await using memory = await freshMemory();
    const file = join(scratch(), name);
    writeFileSync(file, Buffer.from('Möwe', 'latin1'));
    for (const call of [memory.putFile(file), memory.put({ file })]) {
      await expect(call).rejects.toMatchObject({
        code: 'MV018',
        message: expect.stringMatching(message),
        suggestion: expect.stringContaining('npm install @memvid/documents'),
      });
    }
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
        {
          filename: 'junk.pdf',
          code: 'MV018',
          message: expect.stringContaining('@memvid/documents'),
          suggestion: expect.stringContaining('npm install @memvid/documents'),
        },
      ],
      skipped: ['picture.png'],
    });
    expect((await memory.stats()).frame_count).toBe(2);
    expect(await memory.putFiles(folder, { extensions: ['.MD'] })).toMatchObject({
      filesProcessed: 1,
      errors: [],
      skipped: [],
    });
  });
});

describe.skipIf(process.platform === 'win32')('symbolic links in a folder', () => {
  it('are not followed, and are told', async () => {
    await using memory = await freshMemory();
    const [folder, elsewhere] = [scratch(), scratch()];
    writeFileSync(join(folder, 'a.txt'), 'alpha');
    writeFileSync(join(elsewhere, 'secret.txt'), 'secret');
    symlinkSync(join(elsewhere, 'secret.txt'), join(folder, 'b.txt'));
    symlinkSync('gone.txt', join(folder, 'dangling.txt'));
    symlinkSync(elsewhere, join(folder, 'folder'));
    symlinkSync('.', join(folder, 'loop.txt'));
    symlinkSync(join(elsewhere, 'secret.txt'), join(folder, 'of-no-kind'));
    const seen: string[] = [];
    const onProgress = ({ filename, processed, total }: PutFilesProgress): unknown =>
      seen.push(`${filename} ${processed}/${total}`);
    const flat = await memory.putFiles(folder, { onProgress });
    expect(flat).toMatchObject({ filesProcessed: 1, files: [{ filename: 'a.txt' }] });
    expect(flat.skipped).toEqual([]);
    expect(flat.errors).toEqual(
      ['b.txt', 'dangling.txt'].map((filename) => ({
        filename,
        code: 'MV018',
        message: expect.stringContaining('symbolic link'),
        suggestion: expect.stringContaining('`putFiles`'),
      })),
    );
    expect(seen).toEqual(['a.txt 1/3', 'b.txt 2/3', 'dangling.txt 3/3']);
    const deep = await memory.putFiles(folder, { recursive: true });
    expect(deep.errors.map(({ filename }) => filename)).toEqual([
      'b.txt',
      'dangling.txt',
      'folder',
      'loop.txt',
    ]);
    expect((await memory.find('secret')).hits).toEqual([]);
  });
});

describe('a parser of a plugin', () => {
  const parsed: ParsedDocument = {
    type: 'acme',
    text: 'first\n\nsecond',
    unit: 'page',
    pages: [
      { number: 1, text: 'first' },
      { number: 2, text: ' ' },
      { number: 3, text: 'second' },
    ],
    tables: [],
    warnings: [],
  };
  it.each(['a title', undefined])('is found by %s of its own, and says what stands in it', async (title) => {
    const long = `words ${'and more '.repeat(400)}`;
    for (const text of ['first', 'about A Title', long]) {
      const pages = [
        { number: 1, text },
        { number: 2, text: 'second' },
      ];
      await using memory = await memoryWith(async () => ({ ...parsed, text, pages, title }));
      await memory.putFile(file());
      const { hits } = await memory.find('title');
      // A long text is cut into pieces, which are found by what stands in them.
      const isFound = text.includes('Title') || (title !== undefined && text !== long);
      expect(hits.map((hit) => [hit.frame_id, hit.text])).toEqual(isFound ? [[0, text]] : []);
      expect(await memory.view(0)).toBe(text);
      expect((await memory.find('second')).hits).toHaveLength(1);
    }
  });

  it('by no title that is none', async () => {
    const title = 'word '.repeat(100_000);
    await using memory = await memoryWith(async () => ({ ...parsed, title }));
    await memory.putFile(file());
    expect((await memory.find('word')).hits).toEqual([]);
  });

  const memoryWith = (parse: DocumentParser['parse'], made: unknown[] = []) => {
    const documentParsers = {
      Acme: () => {
        made.push(1);
        return {
          spec: 'document-parser/v1',
          name: 'acme',
          mimeTypes: ['application/x-acme'],
          parse,
        } as const;
      },
    };
    const plugin = { spec: 'plugin/v1', name: '@acme/documents', documentParsers } as const;
    return create(join(scratch(), 'memory.mv2'), { plugins: [plugin] });
  };
  const file = (folder: string = scratch(), name = 'a.ACME'): string => {
    const path = join(folder, name);
    writeFileSync(path, Buffer.from([0xff, 0, 1]));
    return path;
  };

  it('reads the files with its ending, and pages without text are no frames', async () => {
    const made: unknown[] = [];
    await using memory = await memoryWith(async () => parsed, made);
    expect(made).toEqual([]);
    expect(await memory.putFile(file())).toEqual({ framesAdded: 2, type: 'acme', filename: 'a.ACME' });
    expect(await memory.getFrameInfo(1)).toMatchObject({
      title: 'a.ACME [Page 3]',
      metadata: { page_number: 3, total_pages: 3 },
    });
    const folder = scratch();
    for (const name of ['a.acme', 'b.acme']) file(folder, name);
    expect(await memory.putFiles(folder)).toMatchObject({ filesProcessed: 2, framesAdded: 4, errors: [] });
    // One for each call.
    expect(made).toHaveLength(2);
  });

  it.each([
    ['throws', async () => Promise.reject(new Error('no acme'))],
    ['gives nothing', async () => undefined as never],
    ['gives pages without text', async () => ({ ...parsed, pages: [{ number: 1 } as never] })],
    ['finds no text', async () => ({ ...parsed, text: '', pages: [], warnings: ['pictures only'] })],
  ] as [string, DocumentParser['parse']][])(
    'that %s is an error, and nothing is stored',
    async (_, parse) => {
      await using memory = await memoryWith(parse);
      const path = file();
      for (const call of [memory.putFile(path), memory.put({ file: path })]) {
        await expect(call).rejects.toMatchObject({
          code: 'MV018',
          message: expect.stringContaining('a.ACME'),
        });
      }
      expect((await memory.stats()).frame_count).toBe(0);
    },
  );

  it.each(['parser', 'making of a parser'])(
    'a %s that hangs holds neither the calls behind it nor the file',
    async (what) => {
      let asked = 0;
      const hang = async (): Promise<never> => {
        asked += 1;
        return new Promise(() => undefined);
      };
      const acme = async (): Promise<DocumentParser> =>
        what === 'parser'
          ? { spec: 'document-parser/v1', name: 'acme', mimeTypes: ['application/x-acme'], parse: hang }
          : hang();
      const plugin = { spec: 'plugin/v1', name: '@acme/documents', documentParsers: { acme } } as const;
      const memory = await create(join(scratch(), 'memory.mv2'), { plugins: [plugin] });
      const folder = scratch();
      const path = file(folder);
      for (const call of [
        (signal: AbortSignal) => memory.putFile(path, { signal }),
        (signal: AbortSignal) => memory.put({ file: path, signal }),
        (signal: AbortSignal) => memory.putFiles(folder, { signal }),
      ]) {
        const before = asked;
        const stop = new AbortController();
        const putting = call(stop.signal);
        putting.catch(() => undefined);
        const behind = memory.put({ text: 'behind' });
        await vi.waitFor(() => expect(asked).toBe(before + 1), PATIENCE);
        stop.abort(new Error('enough'));
        const told = await putting.then(
          (result) => (result as PutFilesResult).errors[0],
          (error: unknown) => error,
        );
        expect(told).toMatchObject({
          code: 'MV018',
          message: expect.stringContaining('ended by its signal'),
        });
        await behind;
      }
      const last = memory.putFile(path);
      last.catch(() => undefined);
      await vi.waitFor(() => expect(asked).toBe(4), PATIENCE);
      await closeBehindGrace(memory);
      await expect(last).rejects.toMatchObject({
        name: 'ClosedHandleError',
        message: expect.stringContaining('reader of documents'),
      });
    },
  );

  it('is no parser when it says nothing of it', async () => {
    const plugin = {
      spec: 'plugin/v1',
      name: '@acme/documents',
      documentParsers: { acme: () => ({}) as never },
    } as const;
    await using memory = await create(join(scratch(), 'memory.mv2'), { plugins: [plugin] });
    await expect(memory.putFile(file())).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'parser' },
    });
  });
});

describe('putFiles of folders', () => {
  it('takes those within when it is told to, by their paths', async () => {
    await using memory = await freshMemory();
    const folder = scratch();
    mkdirSync(join(folder, 'b/c'), { recursive: true });
    for (const name of ['z.txt', 'b/a.txt', 'b/c/d.txt']) writeFileSync(join(folder, name), name);
    const names: string[] = [];
    const onProgress = ({ filename }: { filename: string }): unknown => names.push(filename);
    const { files } = await memory.putFiles(folder, { recursive: true, onProgress });
    expect(files.map(({ filename }) => filename)).toEqual(['b/a.txt', 'b/c/d.txt', 'z.txt']);
    expect(names).toEqual(['b/a.txt', 'b/c/d.txt', 'z.txt']);
    expect(await memory.getFrameInfo(1)).toMatchObject({ uri: 'mv2://files/b/c/d.txt', title: 'b/c/d.txt' });
    await expect(memory.putFiles(folder, { recursive: 'yes' as never })).rejects.toMatchObject({
      code: 'MV019',
    });
    await expect(memory.putFiles(folder, { onProgress: 1 as never })).rejects.toMatchObject({
      code: 'MV019',
    });
  });
});
