import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { definePlugin, HashEmbeddings, type ExtractedTable, type TableExtractor } from '@memvid/core';
import { describe, expect, it, vi } from 'vitest';
import { create, open, type Memvid } from '../src/index.ts';
import { closeBehindGrace, digest, freshMemory, freshPath, PATIENCE, scratch } from './support/memory.ts';

const PARTS: ExtractedTable = {
  headers: ['Part', 'Price', 'Stock'],
  rows: [
    ['Bolt', '1,200.50', '7'],
    ['Nut, small', 'a "quote"', ''],
    ['Washer', '12%', 'n.a.'],
  ],
  pageStart: 2,
  pageEnd: 3,
  quality: 0.9,
  detectionMode: 'lattice',
};

function pluginOf(tables: readonly ExtractedTable[], more: Partial<TableExtractor> = {}) {
  return definePlugin({
    spec: 'plugin/v1',
    name: 'a-plugin',
    tableExtractors: {
      own: () => ({
        spec: 'table-extractor/v1',
        name: 'own',
        mimeTypes: ['application/pdf'],
        extract: async () => ({ tables }),
        ...more,
      }),
    },
  });
}

/** A file that is there; what it holds is the plugin's business. */
function pdf(name = 'parts.pdf'): string {
  const path = join(scratch(), name);
  writeFileSync(path, 'any bytes');
  return path;
}

async function withTables(...tables: ExtractedTable[]): Promise<Memvid & { file: string }> {
  return freshMemory({ plugins: [pluginOf(tables.length === 0 ? [PARTS] : tables)] });
}

describe('putPdfTables', () => {
  it('stores a table with a frame of its own and one for each row, and tells both spellings', async () => {
    await using memory = await withTables();
    await memory.put({ text: 'before' });
    const result = await memory.putPdfTables(pdf());
    expect(result).toMatchObject({ tables_count: 1, tablesCount: 1 });
    expect(result.warnings).toEqual([expect.stringContaining('no vectors')]);
    expect(result.tables[0]).toEqual({
      table_id: 'tbl_parts_pdf_1',
      n_rows: 3,
      n_cols: 3,
      headers: ['Part', 'Price', 'Stock'],
      page_start: 2,
      page_end: 3,
      source_file: 'parts.pdf',
      quality: 'high',
      detection_mode: 'lattice',
      frame_id: 1,
      row_frame_count: 3,
      tableId: 'tbl_parts_pdf_1',
      nRows: 3,
      nCols: 3,
      pageStart: 2,
      pageEnd: 3,
      sourceFile: 'parts.pdf',
      detectionMode: 'lattice',
      frameId: 1,
      metaFrameId: 1,
      rowFrameCount: 3,
    });
    expect(await memory.getFrameInfo(1)).toMatchObject({
      uri: 'mv2://tables/tbl_parts_pdf_1',
      title: 'Table from parts.pdf (pages 2-3)',
      kind: 'table_meta',
      track: 'tables',
      tags: ['table', 'parts.pdf', 'high_quality'],
      labels: ['lattice_detected'],
      metadata: { table_id: 'tbl_parts_pdf_1', n_rows: 3, quality: 'high', headers_json: PARTS.headers },
    });
    expect(await memory.getFrameInfo(2)).toMatchObject({
      uri: 'mv2://tables/tbl_parts_pdf_1/row/1',
      kind: 'table_row',
      tags: ['table_row', 'tbl_parts_pdf_1'],
      metadata: { table_id: 'tbl_parts_pdf_1', row_index: 1, parent_frame: 1 },
    });
    expect(JSON.parse(await memory.view(2))).toMatchObject({
      cells: { Part: 'Bolt', Price: '1,200.50', Stock: '7' },
      row_index: 1,
    });
  });

  it('rows are found by their words, and frames between two calls shift nothing', async () => {
    await using memory = await withTables();
    const path = pdf();
    await memory.putPdfTables(path);
    await memory.put({ text: 'between' });
    await memory.put({ text: 'and again' });
    const second = await memory.putPdfTables(path);
    expect(second.tables[0]).toMatchObject({ table_id: 'tbl_parts_pdf_2', frame_id: 6 });
    for (const { frame_id, table_id } of await memory.listTables()) {
      expect((await memory.getFrameInfo(frame_id)).metadata).toMatchObject({ table_id });
    }
    const { hits } = await memory.find('Bolt 1,200.50', { where: { kind: 'table_row' } });
    expect(hits.map(({ frame_id }) => frame_id).toSorted()).toEqual([1, 7]);
  });

  it('lists the same after the file is opened anew, without any plugin', async () => {
    const path = freshPath();
    const first = await create(path, {
      plugins: [pluginOf([PARTS, { ...PARTS, headers: ['A', 'B', 'C'] }])],
    });
    const { tables } = await first.putPdfTables(pdf());
    await first.close();
    await using again = await open(path, { readOnly: true });
    expect(await again.listTables()).toEqual(tables);
    expect(await again.getTable('tbl_parts_pdf_1')).toEqual({ headers: PARTS.headers, rows: PARTS.rows });
  });

  it('gives a table as data, CSV and JSON, which agree', async () => {
    await using memory = await withTables();
    await memory.putPdfTables(pdf());
    const data = await memory.getTable('tbl_parts_pdf_1', 'dict');
    expect(data).toEqual({ headers: PARTS.headers, rows: PARTS.rows });
    expect(JSON.parse(await memory.getTable('tbl_parts_pdf_1', 'json'))).toEqual(data);
    expect(await memory.getTable('tbl_parts_pdf_1', 'csv')).toBe(
      'Part,Price,Stock\nBolt,"1,200.50",7\n"Nut, small","a ""quote""",\nWasher,12%,n.a.\n',
    );
  });

  it('columns of the same name, or of none, keep what is in them', async () => {
    await using memory = await withTables({
      ...PARTS,
      headers: ['', 'Sum', 'Sum', '', '__proto__'],
      rows: [['a', '1', '2', 'b', 'c']],
    });
    await memory.putPdfTables(pdf());
    expect(await memory.getTable('tbl_parts_pdf_1')).toEqual({
      headers: ['Column 1', 'Sum', 'Sum (2)', 'Column 4', '__proto__'],
      rows: [['a', '1', '2', 'b', 'c']],
    });
  });

  it('a removed table is no longer listed, and a document without tables stores nothing', async () => {
    await using memory = await withTables();
    const { tables } = await memory.putPdfTables(pdf());
    await memory.remove(String(tables[0]?.frame_id));
    expect(await memory.listTables()).toEqual([]);
    await expect(memory.getTable('tbl_parts_pdf_1')).rejects.toMatchObject({ code: 'MV010' });
    await using empty = await freshMemory({ plugins: [pluginOf([])] });
    expect(await empty.putPdfTables(pdf())).toEqual({ tables_count: 0, tablesCount: 0, tables: [] });
    expect((await empty.stats()).frame_count).toBe(0);
  });

  it('a scope has tables of its own', async () => {
    await using memory = await withTables();
    await memory.scope({ user: 'ann' }).putPdfTables(pdf());
    expect(await memory.scope({ user: 'ben' }).listTables()).toEqual([]);
    expect(await memory.scope({ user: 'ann' }).listTables()).toHaveLength(1);
  });

  it('no two tables have one id, in whatever scopes they are', async () => {
    await using memory = await withTables();
    const put = async (user: string): Promise<string> =>
      (await memory.scope({ user }).putPdfTables(pdf())).tables[0]?.table_id ?? '';
    // Both at once, so either may be the first to take a number.
    const [ofAnn, ofBen] = await Promise.all([put('ann'), put('ben')]);
    expect([ofAnn, ofBen].toSorted()).toEqual(['tbl_parts_pdf_1', 'tbl_parts_pdf_2']);
    expect((await memory.putPdfTables(pdf())).tables[0]?.table_id).toBe('tbl_parts_pdf_3');
    expect((await memory.listTables()).map(({ row_frame_count }) => row_frame_count)).toEqual([3, 3, 3]);
    expect(await memory.getTable(ofAnn)).toMatchObject({ rows: PARTS.rows });
    // A number is all that a scope learns of others.
    const ben = memory.scope({ user: 'ben' });
    expect((await ben.listTables()).map(({ table_id }) => table_id)).toEqual([ofBen]);
    await expect(ben.getTable(ofAnn)).rejects.toMatchObject({ code: 'MV010' });
  });

  it('keeps the name of the file, and not where it lay', async () => {
    await using memory = await withTables();
    const path = pdf();
    const { tables } = await memory.putPdfTables(path);
    const stored = await memory.view(tables[0]?.frame_id ?? 0);
    expect(JSON.parse(stored)).toMatchObject({ source_file: 'parts.pdf', source_uri: 'parts.pdf' });
    expect(stored).not.toContain(path);
  });

  it('is ended by its signal, and by `close`, when the extractor hangs', async () => {
    const asked: AbortSignal[] = [];
    const extract: TableExtractor['extract'] = (_, options) => {
      if (options?.signal !== undefined) asked.push(options.signal);
      return new Promise(() => undefined);
    };
    const memory = await freshMemory({ plugins: [pluginOf([], { extract })] });
    const stop = new AbortController();
    const putting = memory.putPdfTables(pdf(), { signal: stop.signal });
    putting.catch(() => undefined);
    await vi.waitFor(() => expect(asked).toHaveLength(1), PATIENCE);
    stop.abort(new Error('enough'));
    await expect(putting).rejects.toMatchObject({ code: 'MV018', details: { reason: 'aborted' } });
    expect(asked[0]?.aborted).toBe(true);
    const other = memory.putPdfTables(pdf());
    other.catch(() => undefined);
    await vi.waitFor(() => expect(asked).toHaveLength(2), PATIENCE);
    await closeBehindGrace(memory);
    await expect(other).rejects.toMatchObject({ name: 'ClosedHandleError' });
  });
});

describe('tables and their rows', () => {
  it('rows tell the page they stand on', async () => {
    await using memory = await withTables({ ...PARTS, rowPages: [2, 2, 3] }, PARTS);
    await memory.putPdfTables(pdf());
    const pages = async (id: string): Promise<unknown[]> => {
      const { hits } = await memory.find('bolt OR nut OR washer', {
        where: { kind: 'table_row', table_id: id },
      });
      return hits.toSorted((a, b) => a.frame_id - b.frame_id).map(({ metadata }) => metadata['page']);
    };
    expect(await pages('tbl_parts_pdf_1')).toEqual([2, 2, 3]);
    expect(await pages('tbl_parts_pdf_2')).toEqual([2, 2, 2]);
    expect((await memory.find('washer', { where: { page: 3 } })).hits).toHaveLength(1);
    expect(JSON.parse(await memory.view(4))).toMatchObject({ page: 3, row_index: 3 });
  });

  it.each([[[2, 2]], [[2, 2, 4]], [[1, 2, 3]], [[2, 2.5, 3]], ['223']])(
    'pages of rows that are none are refused: %j',
    async (rowPages) => {
      await using memory = await withTables({ ...PARTS, rowPages: rowPages as number[] });
      await expect(memory.putPdfTables(pdf())).rejects.toMatchObject({
        code: 'MV018',
        details: { reason: 'extractor' },
      });
      expect(await memory.listTables()).toEqual([]);
    },
  );

  it('name the frame of their table, in a scope and beside long texts and vectors, too', async () => {
    const wide = { ...PARTS, headers: PARTS.headers.map((header) => header.padEnd(2000, ' x')) };
    await using memory = await freshMemory({
      plugins: [pluginOf([wide, PARTS])],
      embedder: new HashEmbeddings({ dimension: 8 }),
    });
    await memory.put({ text: 'words '.repeat(2000) });
    const part = memory.scope({ user: 'ann' });
    await part.put({ text: 'before' });
    for (const own of [memory, part]) {
      const { tables } = await own.putPdfTables(pdf());
      for (const { table_id, frame_id } of tables) {
        const { hits } = await own.find('bolt OR nut OR washer', {
          mode: 'lex',
          where: { kind: 'table_row', table_id },
        });
        expect(hits.map(({ metadata }) => metadata['parent_frame'])).toEqual([frame_id, frame_id, frame_id]);
      }
    }
  });

  it('are seen together by who reads while they are stored', async () => {
    const rows = Array.from({ length: 2000 }, (_, n) => [`Bolt ${n}`, '1', '2']);
    await using memory = await withTables({ ...PARTS, rows });
    await memory.seal();
    await using reader = await open(memory.file, { readOnly: true });
    const seen = new Set<number>();
    const over = new AbortController();
    const storing = memory.putPdfTables(pdf()).finally(() => over.abort());
    while (!over.signal.aborted) {
      for (const { row_frame_count } of await reader.listTables()) seen.add(row_frame_count);
      await sleep(0);
    }
    await storing;
    for (const { row_frame_count } of await reader.listTables()) seen.add(row_frame_count);
    expect([...seen]).toEqual([2000]);
  });

  it('are there together, or not at all, when processes that store them are killed and others store beside', async () => {
    const file = freshPath();
    const paths = [pdf('one.pdf'), pdf('two.pdf')];
    const made = await create(file);
    await made.close();
    const code = `
      import { open } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
      const rows = Array.from({ length: 400 }, (_, n) => ['Bolt ' + n, String(n)]);
      const table = { headers: ['Part', 'Stock'], rows, pageStart: 1, pageEnd: 1, quality: 1, detectionMode: 'lattice' };
      const extractor = { spec: 'table-extractor/v1', name: 'own', mimeTypes: ['application/pdf'], extract: async () => ({ tables: [table, table] }) };
      const plugins = [{ spec: 'plugin/v1', name: 'own', tableExtractors: { own: () => extractor } }];
      const memory = await open(process.argv[1], { plugins, lockTimeoutMs: 600_000 });
      for (;;) {
        await memory.putPdfTables(process.argv[2]);
        process.stdout.write('.');
      }
    `;
    for (let round = 0; round < 5; round += 1) {
      const children = paths.map((path) =>
        spawn(process.execPath, ['--input-type=module', '-e', code, file, path], {
          stdio: ['ignore', 'pipe', 'inherit'],
        }),
      );
      const closed = children.map((child) => once(child, 'close'));
      const died = Promise.race(closed).then(() => expect.unreachable('a writer ended by itself'));
      died.catch(() => undefined);
      await Promise.race([died, Promise.all(children.map((child) => once(child.stdout, 'data')))]);
      await sleep(round * 23);
      for (const child of children) child.kill('SIGKILL');
      await Promise.all(closed);
      await using reader = await open(file, { readOnly: true });
      const tables = await reader.listTables();
      expect(tables.filter(({ n_rows, row_frame_count }) => n_rows !== row_frame_count)).toEqual([]);
      expect(new Set(tables.map(({ table_id }) => table_id)).size).toBe(tables.length);
      const { active_frame_count } = await reader.stats();
      expect(active_frame_count).toBe(tables.length * 401);
      expect(tables.length).toBeGreaterThan(2 * round);
    }
    rmSync(file);
  }, 300_000);

  it('of files of one name have ids of their own when processes store them at the same time', async () => {
    const file = freshPath();
    const path = pdf();
    const code = `
      import { open } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
      const table = { headers: ['Part', 'Stock'], rows: [['Bolt', '7'], ['Nut', '8']], pageStart: 1, pageEnd: 1, quality: 1, detectionMode: 'lattice' };
      const extractor = { spec: 'table-extractor/v1', name: 'own', mimeTypes: ['application/pdf'], extract: async () => ({ tables: [table] }) };
      const plugins = [{ spec: 'plugin/v1', name: 'own', tableExtractors: { own: () => extractor } }];
      const memory = await open(process.argv[1], { plugins, mode: 'auto', lockTimeoutMs: 600_000 });
      for (let n = 0; n < 15; n += 1) await memory.putPdfTables(process.argv[2]);
      await memory.close();
    `;
    const closed = [1, 2].map(() =>
      once(
        spawn(process.execPath, ['--input-type=module', '-e', code, file, path], { stdio: 'inherit' }),
        'close',
      ),
    );
    for (const end of closed) expect(await end).toEqual([0, null]);
    await using reader = await open(file, { readOnly: true });
    const tables = await reader.listTables();
    expect(tables).toHaveLength(30);
    expect(new Set(tables.map(({ table_id }) => table_id)).size).toBe(30);
    for (const { table_id, row_frame_count } of tables) {
      expect(row_frame_count).toBe(2);
      expect(await reader.getTable(table_id, 'csv')).toBe('Part,Stock\nBolt,7\nNut,8\n');
    }
  }, 120_000);
});

describe('vectors of rows', () => {
  const embedder = new HashEmbeddings({ dimension: 32 });

  it('are made by the embedder of the memory, with its identity, unless they are not wanted', async () => {
    await using memory = await freshMemory({ plugins: [pluginOf([PARTS])], embedder });
    const result = await memory.putPdfTables(pdf());
    expect(result.warnings).toBeUndefined();
    expect(await memory.stats()).toMatchObject({
      effective_vec_dimension: 32,
      embedding_identity: { provider: 'hash', model: 'hash-32' },
      vector_count: 3,
    });
    const { hits } = await memory.find('washers', { mode: 'sem', k: 1 });
    expect(hits[0]?.uri).toBe('mv2://tables/tbl_parts_pdf_1/row/3');
    await memory.putPdfTables(pdf('other.pdf'), false);
    await memory.putPdfTables(pdf('another.pdf'), { embedRows: false });
    expect(await memory.stats()).toMatchObject({ vector_count: 3 });
  });

  it('asked for where none can be made: MV015, or MV011, and nothing is read or stored', async () => {
    const extract = vi.fn(async () => ({ tables: [PARTS] }));
    const plugins = [pluginOf([], { extract })];
    await using memory = await freshMemory({ plugins });
    await expect(memory.putPdfTables(pdf(), true)).rejects.toMatchObject({ code: 'MV015' });
    await using without = await freshMemory({ plugins, enableVec: false });
    await expect(without.putPdfTables(pdf(), true)).rejects.toMatchObject({ code: 'MV011' });
    expect(extract).not.toHaveBeenCalled();
    expect((await without.putPdfTables(pdf())).tables_count).toBe(1);
  });
});

describe('what cannot be done', () => {
  it('a missing file is MV013, a folder MV019, a missing plugin MV018 with the package', async () => {
    await using memory = await freshMemory();
    await expect(memory.putPdfTables('/nowhere/a.pdf')).rejects.toMatchObject({
      code: 'MV013',
      message: expect.stringContaining('/nowhere/a.pdf'),
      details: { path: '/nowhere/a.pdf', reason: 'input' },
    });
    await expect(memory.putPdfTables(scratch())).rejects.toMatchObject({ code: 'MV019' });
    await expect(memory.putPdfTables(pdf())).rejects.toMatchObject({
      code: 'MV018',
      details: { package: '@memvid/tables' },
      suggestion: expect.stringContaining('npm install @memvid/tables'),
    });
    await expect(memory.putPdfTables(pdf(), 5 as never)).rejects.toMatchObject({ code: 'MV019' });
    await expect(memory.putPdfTables(5 as never)).rejects.toMatchObject({ code: 'MV019' });
  });

  it('an unknown table is MV010 with the id, an unknown format MV019', async () => {
    await using memory = await withTables();
    const error = await memory.getTable('tbl_x_1').catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ code: 'MV010', details: { table_id: 'tbl_x_1' } });
    expect(error).toHaveProperty('message', expect.stringContaining('tbl_x_1'));
    expect(error).toHaveProperty('suggestion', expect.stringContaining('listTables()'));
    await expect(memory.getTable('tbl_x_1', 'xml' as never)).rejects.toMatchObject({ code: 'MV019' });
  });

  it.each<[string, Partial<TableExtractor>]>([
    ['throws', { extract: () => Promise.reject(new Error('broken inside')) }],
    ['gives no tables', { extract: (async () => ({})) as never }],
    ['gives short rows', { extract: async () => ({ tables: [{ ...PARTS, rows: [['a']] }] }) }],
    ['gives numbers', { extract: async () => ({ tables: [{ ...PARTS, rows: [[1, 2, 3]] as never }] }) }],
    ['is of another version', { spec: 'table-extractor/v9' as never }],
    ['reads no PDF', { mimeTypes: ['text/html'] }],
  ])('an extractor that %s is MV018, and the file stays as it was', async (_, more) => {
    await using memory = await freshMemory({ plugins: [pluginOf([], more)] });
    await memory.put({ text: 'here' });
    await memory.seal();
    const before = digest(memory.file);
    await expect(memory.putPdfTables(pdf())).rejects.toMatchObject({ code: 'MV018' });
    await memory.seal();
    expect(digest(memory.file)).toBe(before);
  });

  it('a signal ends it before anything is stored', async () => {
    const controller = new AbortController();
    await using memory = await freshMemory({
      plugins: [
        pluginOf([], {
          extract: async () => {
            controller.abort(new Error('enough'));
            return { tables: [PARTS] };
          },
        }),
      ],
    });
    const { signal } = controller;
    await expect(memory.putPdfTables(pdf(), { signal })).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted' },
    });
    expect(await memory.listTables()).toEqual([]);
  });

  it('a read-only or closed memory refuses at once', async () => {
    await using memory = await withTables();
    await memory.put({ text: 'x' });
    await using reader = await open(memory.file, { readOnly: true });
    await expect(reader.putPdfTables(pdf())).rejects.toMatchObject({ code: 'MV018', name: 'ReadOnlyError' });
    const closed = await withTables();
    await closed.close();
    for (const call of [closed.putPdfTables(pdf()), closed.listTables(), closed.getTable('a')]) {
      await expect(call).rejects.toMatchObject({ code: 'MV018', name: 'ClosedHandleError' });
    }
    expect(readFileSync(memory.file).length).toBeGreaterThan(0);
  });
});
