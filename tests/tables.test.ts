import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, open } from '@memvid/sdk';
import { discoverPlugins } from '@memvid/sdk/discover';
import { tablesPlugin } from '@memvid/tables';
import { afterAll, describe, expect, it } from 'vitest';
import { grid, PdfWriter } from '../packages/pdf/test/pdf-writer.ts';
import { referenceProgram } from './support/places.ts';
import { reference } from './support/reference.ts';
import { leftOut } from './support/workspace.ts';

const folder = mkdtempSync(join(tmpdir(), 'memvid-tables-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const ROWS = [
  ['Part', 'Price', 'Stock'],
  ['Bolt', '1,200.50', '7'],
  ['Nut', '-0.30', '1 500'],
  ['Washer', '12%', 'n.a.'],
];
const XS = [72, 200, 330, 460];

/** A PDF with one ruled table of 4 rows and 3 columns. */
function pdf(): string {
  const path = join(folder, 'parts.pdf');
  const pieces = ROWS.flatMap((row, line) =>
    row.map((text, column) => ({ x: (XS[column] ?? 0) + 4, y: 686 - line * 20, text })),
  );
  const drawing = grid(XS, [700, 680, 660, 640, 620]);
  writeFileSync(path, new PdfWriter().page(pieces, { drawing }).bytes());
  return path;
}

describe('@memvid/tables beside the SDK', () => {
  it('is discovered by its name', async () => {
    const plugins = await discoverPlugins({ packages: ['@memvid/tables'], load: (name) => import(name) });
    expect(plugins.map(({ name }) => name)).toEqual(['@memvid/tables']);
  });

  it('a ruled table of a PDF comes out with its headers and columns; what is no PDF is MV018', async () => {
    const file = join(folder, 'own.mv2');
    const memory = await create(file, { plugins: [tablesPlugin()] });
    const { tables } = await memory.putPdfTables(pdf());
    expect(tables).toMatchObject([
      { n_rows: 3, n_cols: 3, headers: ROWS[0], quality: 'high', detection_mode: 'lattice' },
    ]);
    const junk = join(folder, 'junk.pdf');
    writeFileSync(junk, 'not a PDF at all');
    await expect(memory.putPdfTables(junk)).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'not_a_pdf' },
    });
    await memory.close();
  });
});

const program = referenceProgram();
const absent = leftOut('tables both ways between the SDK and the reference', program.missing);

describe.skipIf(absent)('tables and the reference', () => {
  it('the reference lists, views and exports our tables', async () => {
    const file = join(folder, 'ours.mv2');
    const memory = await create(file, { plugins: [tablesPlugin()] });
    await memory.put({ text: 'something else' });
    await memory.putPdfTables(pdf());
    await memory.close();
    const list = reference(folder, 'tables', 'list', file, '--json');
    expect(JSON.parse(list.output)).toMatchObject({
      count: 1,
      tables: [{ table_id: 'tbl_parts_pdf_1', frame_id: 1, n_rows: 3, n_cols: 3, headers: ROWS[0] }],
    });
    const view = reference(folder, 'tables', 'view', file, '--table-id', 'tbl_parts_pdf_1');
    expect(view.error).toBe('');
    for (const cell of ROWS.flat()) expect(view.output).toContain(cell);
    const output = join(folder, 'ours.csv');
    reference(
      folder,
      'tables',
      'export',
      file,
      '--table-id',
      'tbl_parts_pdf_1',
      '-o',
      output,
      '--format',
      'csv',
    );
    expect(readFileSync(output, 'utf8').trim().split(/\r?\n/)).toEqual([
      'Part,Price,Stock',
      'Bolt,"1,200.50",7',
      'Nut,-0.30,1 500',
      'Washer,12%,n.a.',
    ]);
  }, 60_000);

  it('we list and view the tables of the reference', async () => {
    const file = join(folder, 'theirs.mv2');
    expect(reference(folder, 'create', file).status).toBe(0);
    reference(folder, 'tables', 'import', file, '-i', pdf(), '--min-quality', 'low');
    const memory = await open(file, { readOnly: true });
    const tables = await memory.listTables();
    expect(tables.length).toBeGreaterThan(0);
    const [table] = tables;
    expect(table).toMatchObject({ source_file: 'parts.pdf', page_start: 1, page_end: 1 });
    expect(table?.row_frame_count).toBe(table?.n_rows);
    const { headers, rows } = await memory.getTable(table?.table_id ?? '');
    expect(headers).toEqual(table?.headers);
    expect(rows).toHaveLength(table?.n_rows ?? -1);
    expect(rows.flat().join(' ')).toContain('Bolt');
    await memory.close();
  }, 60_000);
});
