import { tableExtractorContract } from '@memvid/plugin-kit';
import { MemvidError } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { grid, type Piece, PdfWriter } from '../../pdf/test/pdf-writer.js';
import { type PdfTable, pdfTables, tablesPlugin, type TablesOptions } from '../src/index.js';

const XS = [72, 200, 330, 460];

/** Cells of a table: rows from `top` down, `height` apart, columns at `xs`. */
function cells(
  rows: readonly (readonly string[])[],
  top: number,
  height = 20,
  xs: readonly number[] = XS,
): Piece[] {
  return rows.flatMap((row, line) =>
    row.flatMap((text, column) =>
      text === '' ? [] : [{ x: (xs[column] ?? 0) + 4, y: top - (line + 1) * height + 6, text }],
    ),
  );
}

/** Lines around `count` rows. */
function ruled(count: number, top: number, height = 20, xs: readonly number[] = XS): string {
  return grid(
    xs,
    Array.from({ length: count + 1 }, (_, line) => top - line * height),
  );
}

const PARTS = [
  ['Part', 'Price', 'Stock'],
  ['Bolt', '1,200.50', '7'],
  ['Nut', '-0.30', '1 500'],
  ['Washer', '12%', 'n.a.'],
];

async function tablesIn(writer: PdfWriter, options?: TablesOptions): Promise<readonly PdfTable[]> {
  const { tables } = await pdfTables(options).extract({ data: writer.bytes(), filename: 'parts.pdf' });
  return tables;
}

const whole = ({ headers, rows }: PdfTable): (readonly string[])[] => [headers, ...rows];

const prose = (top: number, lines: number): Piece[] =>
  Array.from({ length: lines }, (_, line) => ({
    x: 72,
    y: top - line * 14,
    text: 'Some running text goes from one side of the page to the other, line by line, as in any report.',
  }));

describe('tables with lines', () => {
  it('a ruled table has its header, its columns and its numbers as written', async () => {
    const writer = new PdfWriter().page([...prose(740, 3), ...cells(PARTS, 660), ...prose(500, 3)], {
      drawing: ruled(4, 660),
    });
    const [table, ...others] = await tablesIn(writer);
    expect(others).toEqual([]);
    expect(table && whole(table)).toEqual(PARTS);
    expect(table).toMatchObject({ detectionMode: 'lattice', pageStart: 1, pageEnd: 1 });
    expect(table?.quality).toBeGreaterThan(0.8);
  });

  it('cells with several lines are one cell', async () => {
    const pieces = [
      ...cells([['Name', 'Meaning', 'Count']], 700),
      { x: 76, y: 664, text: 'Compound' },
      { x: 204, y: 668, text: 'made of several' },
      { x: 204, y: 656, text: 'elements (HCl)' },
      { x: 334, y: 662, text: '12' },
      ...cells([['Mixture', 'of anything', '7']], 640),
    ];
    const writer = new PdfWriter().page(pieces, { drawing: grid(XS, [700, 680, 640, 620]) });
    const [table] = await tablesIn(writer);
    expect(table?.rows).toEqual([
      ['Compound', 'made of several elements (HCl)', '12'],
      ['Mixture', 'of anything', '7'],
    ]);
  });

  it('a cell over several columns or rows stands in the first, and names all of its columns', async () => {
    const line = (x0: number, y0: number, x1: number, y1: number): string => `${x0} ${y0} m ${x1} ${y1} l S`;
    const drawing = [
      ...[700, 660, 640, 620].map((y) => line(72, y, 460, y)),
      line(200, 680, 460, 680), // not under the label, which goes over two rows
      ...[72, 200, 460].map((x) => line(x, 620, x, 700)),
      line(330, 620, 330, 680), // not between the columns of the upper header
    ].join('\n');
    const pieces = [
      { x: 100, y: 678, text: 'Region' },
      { x: 290, y: 686, text: 'Sales by year' },
      ...cells(
        [
          ['', '2023', '2024'],
          ['North', '10', '20'],
          ['South', '30', '40'],
        ],
        680,
      ),
    ];
    const [table] = await tablesIn(new PdfWriter().page(pieces, { drawing }));
    expect(table?.parts[0]?.rows).toEqual([
      ['Region', 'Sales by year', ''],
      ['', '2023', '2024'],
      ['North', '10', '20'],
      ['South', '30', '40'],
    ]);
    expect(table?.headers).toEqual(['Region', 'Sales by year 2023', 'Sales by year 2024']);
  });

  it('rows that no line parts are rows when numbers stand one under the other', async () => {
    const pieces = cells(PARTS, 660, 14);
    const drawing = grid(XS, [660, 646, 604]);
    const [table] = await tablesIn(new PdfWriter().page(pieces, { drawing }));
    expect(table && whole(table)).toEqual(PARTS);
  });

  it('coloured boxes are lines, too', async () => {
    const drawing = [0, 1, 2, 3].map((row) => `0.${8 - row} g 72 ${640 - row * 20} 388 20 re f`).join('\n');
    const [table] = await tablesIn(new PdfWriter().page(cells(PARTS, 660), { drawing: `${drawing} 0 g` }));
    expect(table && whole(table)).toEqual(PARTS);
  });

  it('tables side by side, and on a rotated page, are found', async () => {
    const left = [72, 140, 200];
    const right = [300, 380, 440];
    const two = (name: string): string[][] => [
      [name, 'Votes'],
      ['Ann', '3'],
      ['Ben', '5'],
      ['Cid', '8'],
    ];
    const writer = new PdfWriter()
      .page([...cells(two('West'), 700, 20, left), ...cells(two('East'), 700, 20, right)], {
        drawing: `${ruled(4, 700, 20, left)}\n${ruled(4, 700, 20, right)}`,
      })
      .page([], {
        rotate: 90,
        drawing: `0 1 -1 0 700 0 cm ${ruled(4, 600)} ${cells(PARTS, 600)
          .map(({ x, y, text }) => `BT /F 10 Tf 1 0 0 1 ${x} ${y} Tm (${text}) Tj ET`)
          .join(' ')}`,
      });
    const tables = await tablesIn(writer);
    expect(tables.map(whole)).toEqual([two('West'), two('East'), PARTS]);
    expect(tables.map(({ pageStart }) => pageStart)).toEqual([1, 1, 2]);
  });
});

describe('tables without lines', () => {
  const rows = [
    ['Country', '2022', '2023'],
    ['Austria', '5.1', '6.2'],
    ['Belgium', '11.4', '12.0'],
    ['Bosnia and Herzegovina', '7', '-'],
    ['Chile', '3.9', '4.4'],
  ];

  it('columns are seen by the gaps, between running text', async () => {
    const writer = new PdfWriter().page([...prose(740, 4), ...cells(rows, 660, 14), ...prose(540, 4)]);
    const [table, ...others] = await tablesIn(writer);
    expect(others).toEqual([]);
    expect(table && whole(table)).toEqual(rows);
    expect(table?.detectionMode).toBe('stream');
  });

  it('lines across part header and body, and labels that wrap are one cell', async () => {
    const drawing = '72 664 m 460 664 l S 72 650 m 460 650 l S 72 588 m 460 588 l S';
    const pieces = cells(
      [
        ['Item', 'First', 'Second'],
        ['Revenue of the', '10', '20'],
        ['whole company', '', ''],
        ['Costs', '5', '6'],
        ['Rest', '5', '14'],
      ],
      662,
      14,
    );
    const [table] = await tablesIn(new PdfWriter().page(pieces, { drawing }));
    expect(table && whole(table)).toEqual([
      ['Item', 'First', 'Second'],
      ['Revenue of the whole company', '10', '20'],
      ['Costs', '5', '6'],
      ['Rest', '5', '14'],
    ]);
  });

  it('a list set in two columns under the same header is two tables', async () => {
    const states = [
      ['State', 'Votes', 'State', 'Votes'],
      ['Alabama', '7', 'Ohio', '18'],
      ['Alaska', '3', 'Texas', '38'],
      ['Arizona', '11', 'Utah', '6'],
      ['Iowa', '6', '', ''],
    ];
    const tables = await tablesIn(new PdfWriter().page(cells(states, 660, 14)));
    expect(tables.map(whole)).toEqual([
      states.map((row) => row.slice(0, 2)),
      states.slice(0, 4).map((row) => row.slice(2)),
    ]);
  });

  it('text between lines across is a table, too', async () => {
    const drawing = '72 664 m 460 664 l S 72 648 m 460 648 l S 72 590 m 460 590 l S';
    const terms = [
      ['Word', 'Meaning'],
      ['Lattice', 'cells parted by lines'],
      ['Stream', 'cells parted by gaps'],
      ['Grid', 'what both of them make'],
    ];
    const [table] = await tablesIn(new PdfWriter().page(cells(terms, 664, 16), { drawing }));
    expect(table && whole(table)).toEqual(terms);
  });

  it('the grid of a chart is no table', async () => {
    const labels = ['2020', '2021', '2022'].map((text, column) => ({
      x: (XS[column] ?? 0) + 4,
      y: 606,
      text,
    }));
    const names = ['North', 'South', 'West'].map((text, column) => ({
      x: (XS[column] ?? 0) + 4,
      y: 686,
      text,
    }));
    const drawing = grid(XS, [700, 680, 670, 660, 650, 640, 630, 620, 600]);
    expect(await tablesIn(new PdfWriter().page([...labels, ...names], { drawing }))).toEqual([]);
  });

  it.each([
    ['running text', prose(740, 30)],
    [
      'two columns of text',
      [0, 1, 2, 3, 4, 5].flatMap((line) => [
        { x: 72, y: 700 - line * 12, text: 'The left column speaks of apples and pears' },
        { x: 320, y: 700 - line * 12, text: 'while the right column is all about trains' },
      ]),
    ],
    [
      'a table of contents',
      [1, 2, 3, 4, 5].flatMap((line) => [
        { x: 72, y: 700 - line * 14, text: `Chapter ${line} ${'.'.repeat(60)}` },
        { x: 500, y: 700 - line * 14, text: String(line * 7) },
      ]),
    ],
    [
      'a list',
      [1, 2, 3, 4, 5].flatMap((line) => [
        { x: 72, y: 700 - line * 14, text: `${line}.` },
        { x: 100, y: 700 - line * 14, text: 'buy something that nobody needs' },
      ]),
    ],
  ])('%s is no table', async (_, pieces) => {
    expect(await tablesIn(new PdfWriter().page(pieces))).toEqual([]);
  });
});

describe('tables over several pages', () => {
  const page = (rows: readonly (readonly string[])[]): [Piece[], { drawing: string }] => [
    cells(rows, 740),
    { drawing: ruled(rows.length, 740) },
  ];
  const more = [PARTS[0] ?? [], ['Screw', '3', '4'], ['Rivet', '5', '6']];

  it('under the same header again they are one, without the header', async () => {
    const writer = new PdfWriter().page(...page(PARTS)).page(...page(more));
    const tables = await tablesIn(writer);
    expect(tables.map(whole)).toEqual([[...PARTS, ...more.slice(1)]]);
    expect(tables[0]).toMatchObject({
      pageStart: 1,
      pageEnd: 2,
      rowPages: [...PARTS.slice(1).map(() => 1), 2, 2],
    });
  });

  it('others stay apart, and all do when that is asked for', async () => {
    const writer = new PdfWriter()
      .page(...page(PARTS))
      .page(...page([['Other', 'Header', 'Here'], ...more.slice(1)]));
    expect(await tablesIn(writer)).toHaveLength(2);
    expect(
      await tablesIn(new PdfWriter().page(...page(PARTS)).page(...page(more)), { mergePages: false }),
    ).toHaveLength(2);
  });
});

describe('documents and options', () => {
  it('a page with thousands of lines and words takes no longer than seconds', async () => {
    const pieces = Array.from({ length: 8000 }, (_, index) => ({
      x: 10 + (index % 40) * 14,
      y: 780 - Math.floor(index / 40) * 3.8,
      size: 3,
      text: String(index),
    }));
    const line = (index: number): string => {
      const [x, y] = [10 + (index % 200) * 2.9, 10 + Math.floor(index / 200) * 7.1];
      return index % 2 === 0 ? `${x} ${y} m ${x + 300} ${y} l S` : `${x} ${y} m ${x} ${y + 300} l S`;
    };
    const drawing = Array.from({ length: 20_000 }, (_, index) => line(index)).join('\n');
    const start = performance.now();
    await tablesIn(new PdfWriter().page(pieces, { drawing }));
    await tablesIn(new PdfWriter().page(pieces));
    expect(performance.now() - start).toBeLessThan(20_000);
  }, 40_000);

  it('a document that is none, encrypted, damaged or a scan is an error with the reason', async () => {
    const scan = new PdfWriter();
    const image = scan.stream(
      new Uint8Array(3),
      '/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceRGB /BitsPerComponent 8',
    );
    scan.page([], { drawing: '/I Do', resources: `/XObject << /I ${image} 0 R >>` });
    for (const [data, reason] of [
      [new TextEncoder().encode('nothing'), 'not_a_pdf'],
      [scan.bytes(), 'scanned'],
      [new PdfWriter().page([], { contents: '99 0 R' }).bytes(), 'damaged'],
    ] as const) {
      const error: unknown = await pdfTables()
        .extract({ data, filename: 'a.pdf' })
        .catch((thrown: unknown) => thrown);
      if (!MemvidError.isMemvidError(error)) throw new Error('expected a MemvidError');
      expect(error).toMatchObject({ code: 'MV018', details: { reason, filename: 'a.pdf' } });
      expect(error.suggestion).not.toBeNull();
    }
  });

  it('looks for one kind of tables alone, and at no more pages than it may', async () => {
    const writer = (): PdfWriter =>
      new PdfWriter().page(cells(PARTS, 700), { drawing: ruled(4, 700) }).page(
        cells(
          [
            ['A', 'B', 'C'],
            ['a', '1', '2'],
            ['b', '3', '4'],
            ['c', '5', '6'],
          ],
          700,
        ),
      );
    const modes = async (options: TablesOptions): Promise<string[]> =>
      (await tablesIn(writer(), options)).map(({ detectionMode }) => detectionMode);
    expect(await modes({})).toEqual(['lattice', 'stream']);
    expect(await modes({ mode: 'lattice' })).toEqual(['lattice']);
    expect(await modes({ mode: 'stream' })).toEqual(['stream']);
    expect(await modes({ maxPages: 1 })).toEqual(['lattice']);
    const { tables } = await pdfTables({ maxPages: 2 }).extract(
      { data: writer().bytes(), filename: 'a.pdf' },
      { maxPages: 1 },
    );
    expect(tables).toHaveLength(1);
    for (const options of [{ mode: 'all' }, { maxPages: 0 }, { timeoutMs: 'x' }, { mergePages: 1 }]) {
      expect(() => pdfTables(options as never)).toThrow(expect.objectContaining({ code: 'MV019' }));
    }
  });

  it('the plugin makes the extractor with the options of both', async () => {
    const extractor = await tablesPlugin({ mode: 'stream' }).tableExtractors['pdf-tables']({
      mergePages: false,
    });
    expect(extractor.name).toBe('pdf-tables');
  });
});

tableExtractorContract(
  { describe, it },
  {
    create: () => pdfTables(),
    documents: [
      {
        source: {
          data: Uint8Array.from(new PdfWriter().page(cells(PARTS, 660), { drawing: ruled(4, 660) }).bytes()),
          filename: 'parts.pdf',
        },
        tables: 1,
      },
      {
        source: { data: Uint8Array.from(new PdfWriter().page(prose(700, 3)).bytes()), filename: 'none.pdf' },
        tables: 0,
      },
    ],
  },
);
