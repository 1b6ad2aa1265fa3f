import { writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { DocumentParser, ExtractTablesResult, ParsedDocument, TableExtractor } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { CorruptFileError, type Memvid } from '../src/index.ts';
import { freshMemory } from './support/memory.ts';

const LONE = '\ud800x';

function boom(): never {
  throw new Error('boom of the plugin');
}

/** An object of which a property throws. */
const throwing = (whole: object, name: string): never =>
  Object.defineProperty({ ...whole }, name, { get: boom, enumerable: true }) as never;

function write(memory: { file: string }, name: string): string {
  const path = join(dirname(memory.file), name);
  writeFileSync(path, 'x');
  return path;
}

describe('what a parser of documents gives', () => {
  const DOCUMENT: ParsedDocument = {
    type: 'acme',
    text: 'hello world',
    pages: [{ number: 1, text: 'hello world' }],
    tables: [],
    warnings: [],
  };
  const memoryWith = (parse: DocumentParser['parse']) =>
    freshMemory({
      plugins: [
        {
          spec: 'plugin/v1',
          name: 'acme',
          documentParsers: {
            acme: () => ({ spec: 'document-parser/v1', name: 'acme', mimeTypes: ['a/b'], parse }),
          },
        },
      ],
    });
  const WAYS: readonly ((memory: Memvid, path: string) => Promise<unknown>)[] = [
    (memory, path) => memory.putFile(path),
    (memory, path) => memory.put({ file: path }),
  ];

  it.each<[string, ParsedDocument]>([
    ['half a character as its title', { ...DOCUMENT, title: LONE }],
    ['half a character as its type', { ...DOCUMENT, type: LONE }],
    ['a number as its title', { ...DOCUMENT, title: 5 as never }],
    ['an object as its author', { ...DOCUMENT, author: {} as never }],
    [
      'an object as the name of a page',
      { ...DOCUMENT, pages: [{ number: 1, name: {} as never, text: 'a' }] },
    ],
    ['warnings that are no strings', { ...DOCUMENT, warnings: [5 as never] }],
    ['a title that throws', throwing(DOCUMENT, 'title')],
  ])('is MV018 about the file when it is %s', async (_, document) => {
    await using memory = await memoryWith(async () => document);
    const path = write(memory, 'f.acme');
    for (const way of WAYS) {
      await expect(way(memory, path)).rejects.toMatchObject({
        code: 'MV018',
        message: expect.stringMatching(/^f\.acme cannot be read: /),
        details: { filename: 'f.acme', reason: 'parser' },
      });
    }
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('is read without what it leaves out as null', async () => {
    const document = { ...DOCUMENT, title: null, author: null, unit: null } as unknown as ParsedDocument;
    await using memory = await memoryWith(async () => document);
    await memory.putFile(write(memory, 'f.acme'));
    expect((await memory.getFrameInfo(0)).metadata).not.toHaveProperty('doc_title');
  });

  it('a damaged document is named, and not the memory', async () => {
    await using memory = await memoryWith(async () => {
      throw new CorruptFileError('the last page is cut off', { details: { section: 'page 3' } });
    });
    const path = write(memory, 'f.acme');
    for (const way of WAYS) {
      await expect(way(memory, path)).rejects.toMatchObject({
        code: 'MV012',
        message: 'f.acme: the last page is cut off',
        details: { path: 'f.acme', section: 'page 3', reason: 'document' },
      });
    }
    const { errors } = await memory.putFiles(dirname(path), { extensions: ['acme'] });
    expect(errors).toMatchObject([{ code: 'MV012', message: 'f.acme: the last page is cut off' }]);
  });
});

describe('what an extractor of tables gives', () => {
  const TABLE = {
    headers: ['A', 'B'],
    rows: [['1', '2']],
    pageStart: 1,
    pageEnd: 1,
    quality: 1,
    detectionMode: 'lattice',
  };
  const memoryWith = (found: ExtractTablesResult) => {
    const extractor: TableExtractor = {
      spec: 'table-extractor/v1',
      name: 'acme-tables',
      mimeTypes: ['application/pdf'],
      extract: async () => found,
    };
    return freshMemory({
      plugins: [{ spec: 'plugin/v1', name: 'acme', tableExtractors: { acme: () => extractor } }],
    });
  };

  it.each<[string, ExtractTablesResult]>([
    ['headers that throw', { tables: [throwing(TABLE, 'headers')] }],
    ['pages of rows that throw', { tables: [throwing(TABLE, 'rowPages')] }],
    ['warnings that throw', throwing({ tables: [TABLE] }, 'warnings')],
    ['warnings that are no strings', { tables: [TABLE], warnings: [5 as never] }],
    ['warnings that are no list', { tables: [TABLE], warnings: 'abc' as never }],
    ['half a character in a header', { tables: [{ ...TABLE, headers: [LONE, 'B'] }] }],
    ['half a character in its mode', { tables: [{ ...TABLE, detectionMode: LONE }] }],
    ['a last page before the first', { tables: [{ ...TABLE, pageStart: 5, pageEnd: 1 }] }],
  ])('is MV018 that names it when it has %s', async (_, found) => {
    await using memory = await memoryWith(found);
    await expect(memory.putPdfTables(write(memory, 'f.pdf'))).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringContaining('acme-tables'),
      details: { reason: 'extractor', extractor: 'acme-tables' },
      suggestion: expect.stringContaining('tableExtractorContract'),
    });
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('has columns of one name under names of their own, however many', async () => {
    const headers = Array.from({ length: 20_000 }, () => 'A');
    await using memory = await memoryWith({ tables: [{ ...TABLE, headers, rows: [] }] });
    const { tables } = await memory.putPdfTables(write(memory, 'f.pdf'), { embedRows: false });
    expect(tables[0]?.headers.slice(0, 3)).toEqual(['A', 'A (2)', 'A (3)']);
    expect(new Set(tables[0]?.headers).size).toBe(20_000);
  });
});
