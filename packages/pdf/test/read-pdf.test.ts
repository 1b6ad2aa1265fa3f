import { execFile } from 'node:child_process';
import { promisify } from 'node:util';
import { deflateSync } from 'node:zlib';
import { MemvidError } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { isScanned, type PdfDocument, readPdf } from '../src/index.js';
import { grid, PdfWriter } from './pdf-writer.js';

async function failure(reading: Promise<unknown>): Promise<MemvidError> {
  const error: unknown = await reading.then(
    () => undefined,
    (thrown: unknown) => thrown,
  );
  if (!MemvidError.isMemvidError(error)) throw new Error(`expected a MemvidError, not ${String(error)}`);
  return error;
}

const hello = (): PdfWriter => new PdfWriter().page([{ x: 72, y: 700, text: 'Hello reader' }]);

/** A page whose content is `operators`, with `resources`. */
const drawn = (operators: string, resources = ''): PdfWriter =>
  new PdfWriter().page([], { drawing: operators, resources });

describe('readPdf', () => {
  it('reads text, page by page, and what the file says about itself', async () => {
    const writer = hello().page([{ x: 72, y: 700, text: 'Second page' }]);
    writer.info =
      "/Title <FEFF005A00FC0072006900630068> /Author (Ann \\(B.\\)) /Subject ( ) /CreationDate (D:20240305101500+02'00')";
    const document = await readPdf(writer.bytes());
    expect(document.pages.map(({ number, text }) => [number, text])).toEqual([
      [1, 'Hello reader'],
      [2, 'Second page'],
    ]);
    expect(document.pageCount).toBe(2);
    expect(document.info).toEqual({
      title: 'Zürich',
      author: 'Ann (B.)',
      created: '2024-03-05T10:15:00+02:00',
    });
    expect(document.warnings).toEqual([]);
    expect(document.pages[0]?.words).toEqual([]);
  });

  it('gives words with their boxes, rulings and fills', async () => {
    const drawing = `${grid([100, 200, 300], [600, 650])}\n0.8 g 100 600 100 50 re f 0 g`;
    const writer = new PdfWriter().page(
      [
        { x: 110, y: 620, text: 'Left cell', bold: true },
        { x: 210, y: 620, text: 'right' },
      ],
      { drawing },
    );
    const page = (await readPdf(writer.bytes(), { layout: true })).pages[0];
    expect(page?.words.map(({ text, bold, turns }) => [text, bold, turns])).toEqual([
      ['Left', true, 0],
      ['cell', true, 0],
      ['right', false, 0],
    ]);
    const word = page?.words[2];
    expect(word).toMatchObject({ x0: 210, baseline: 172, size: 10 });
    expect(word?.x1).toBeCloseTo(229.45, 1);
    expect(page?.rulings.filter(({ x0, x1 }) => x0 === x1).map(({ x0 }) => x0)).toEqual([100, 200, 300]);
    expect(page?.rulings.filter(({ y0, y1 }) => y0 === y1).map(({ y0 }) => y0)).toEqual([142, 192]);
    expect(page?.fills).toEqual([{ x0: 100, y0: 142, x1: 200, y1: 192 }]);
  });

  it('joins the pieces of a line, and takes lines drawn as thin boxes', async () => {
    const pieces = Array.from({ length: 20 }, (_, index) => `${100 + index * 5} 500 4 0.5 re f`);
    const page = (await readPdf(drawn(pieces.join('\n')).bytes(), { layout: true })).pages[0];
    expect(page?.rulings).toHaveLength(1);
    expect(page?.rulings[0]).toMatchObject({ x0: 100, x1: 199 });
  });

  it('shows every operator for text, forms inside forms, and values of filled-in forms', async () => {
    const writer = new PdfWriter();
    const font = '/Font << /F << /Type /Font /Subtype /Type1 /BaseFont /Helvetica >> >>';
    const inner = writer.stream(
      'BT /F 10 Tf 20 30 Td (inner) Tj ET',
      `/Type /XObject /Subtype /Form /BBox [0 0 200 200] /Matrix [1 0 0 1 100 300] /Resources << ${font} >>`,
    );
    const drawing = `/X Do BT /F 10 Tf 12 TL 72 700 Td (one) Tj (two) ' 1 0 (three) " [(fo) -50 (ur)] TJ T* (five) Tj ET`;
    writer.page([], { drawing, resources: `/XObject << /X ${inner} 0 R >>` });
    const { pages } = await readPdf(writer.bytes(), { layout: true });
    expect(pages[0]?.text.split(/\s+/).toSorted()).toEqual(['five', 'inner', 'one', 'threefour', 'two']);
    const word = pages[0]?.words.find(({ text }) => text === 'inner');
    expect(word).toMatchObject({ x0: 120, baseline: 792 - 330 });
  });

  it('reads columns one after the other, and rows of tables in one line', async () => {
    const left = 'The left column speaks of apples and pears';
    const right = 'while the right column is about trains';
    const columns = [0, 1, 2, 3, 4].flatMap((line) => [
      { x: 50, y: 700 - line * 12, text: `${left} ${line}` },
      { x: 320, y: 700 - line * 12, text: `${right} ${line}` },
    ]);
    const table = [0, 1, 2, 3].flatMap((line) => [
      { x: 50, y: 600 - line * 12, text: `Row ${line}` },
      { x: 320, y: 600 - line * 12, text: `${line}00` },
    ]);
    const [page] = (await readPdf(new PdfWriter().page([...columns, ...table]).bytes())).pages;
    const lines = page?.text.split('\n').filter((line) => line !== '') ?? [];
    expect(lines.slice(0, 5)).toEqual([0, 1, 2, 3, 4].map((line) => `${left} ${line}`));
    expect(lines.slice(5, 10)).toEqual([0, 1, 2, 3, 4].map((line) => `${right} ${line}`));
    expect(lines.slice(10)).toEqual(['Row 0 000', 'Row 1 100', 'Row 2 200', 'Row 3 300']);
  });

  it('turns pages that are rotated, and those whose text runs sideways', async () => {
    const rotated = new PdfWriter().page([], {
      rotate: 90,
      drawing: 'BT /F 10 Tf 0 1 -1 0 100 200 Tm (upright words) Tj ET',
    });
    const sideways = new PdfWriter().page([], {
      drawing: 'BT /F 10 Tf 0 1 -1 0 100 200 Tm (upright words) Tj ET',
    });
    for (const writer of [rotated, sideways]) {
      const page = (await readPdf(writer.bytes(), { layout: true })).pages[0];
      expect(page).toMatchObject({ width: 792, height: 612, rotation: 90, text: 'upright words' });
      expect(page?.words[0]).toMatchObject({ turns: 0, x0: 200, baseline: 100 });
    }
  });

  it('characters printed twice to look bold are there once', async () => {
    const pieces = [0, 0.3].map((shift) => ({ x: 72 + shift, y: 700, text: 'Ballet hall' }));
    const document = await readPdf(new PdfWriter().page(pieces).bytes());
    expect(document.pages[0]?.text).toBe('Ballet hall');
  });

  it('reads no more pages than it may', async () => {
    const document = await readPdf(hello().page([]).page([]).bytes(), { maxPages: 1 });
    expect(document.pages).toHaveLength(1);
    expect(document.pageCount).toBe(3);
  });

  it('a page of pictures alone is told from an empty one', async () => {
    const writer = new PdfWriter();
    const image = writer.stream(
      new Uint8Array(3),
      '/Type /XObject /Subtype /Image /Width 1 /Height 1 /ColorSpace /DeviceRGB /BitsPerComponent 8',
    );
    writer.page([], { drawing: '/I Do', resources: `/XObject << /I ${image} 0 R >>` });
    expect(isScanned(await readPdf(writer.bytes()))).toBe(true);
    expect(isScanned(await readPdf(new PdfWriter().page([]).bytes()))).toBe(false);
  });
});

describe('what is damaged is told with its page', () => {
  const text = Buffer.from('BT /F 10 Tf 72 700 Td (Second page) Tj ET '.repeat(40));
  const packed = deflateSync(text);
  const stream = (writer: PdfWriter, data: Uint8Array, filter: string): string => {
    const head = `<< /Filter ${filter} /Length ${data.length} >>\nstream\n`;
    return `${writer.add(Buffer.concat([Buffer.from(head), data, Buffer.from('\nendstream')]))} 0 R`;
  };
  const inner = (writer: PdfWriter, contents: string, resources = ''): PdfWriter =>
    writer.page([], { contents, resources });

  it.each<[name: string, damage: (writer: PdfWriter) => unknown, warning: string]>([
    ['missing content', (writer) => inner(writer, '99 0 R'), 'its content is missing'],
    [
      'a part that is missing',
      (writer) => inner(writer, `[${stream(writer, packed, '/FlateDecode')} 99 0 R]`),
      '1 of the 2 parts of its content are missing',
    ],
    [
      'content that ends too early',
      (writer) => inner(writer, stream(writer, packed.subarray(0, -12), '/FlateDecode')),
      'its content breaks off',
    ],
    [
      'another checksum',
      (writer) => inner(writer, stream(writer, Buffer.concat([packed.subarray(0, -1), Buffer.of(7)]), '/Fl')),
      'its content does not have its checksum, and may be wrong',
    ],
    [
      'a filter that nobody knows',
      (writer) => inner(writer, stream(writer, packed, '/FlaceDecode')),
      'content of it cannot be unpacked',
    ],
    [
      'a text that does not end',
      (writer) => writer.page([], { drawing: 'BT /F 10 Tf 9 9 Td (One) Tj (Two' }),
      'its content breaks off',
    ],
    [
      'noise',
      (writer) => writer.page([], { drawing: 'BT uq /F 10 Tf c#r xx yy 9 9 Td zz qqq (One) Tj ET' }),
      '6 of its 11 instructions have no meaning',
    ],
    [
      'a form that is missing',
      (writer) => writer.page([], { drawing: '/X Do', resources: '/XObject << /X 99 0 R >>' }),
      'something drawn on it is missing',
    ],
    [
      'a font that is missing',
      (writer) => writer.page([], { drawing: 'BT /G 9 Tf 9 9 Td (gone) Tj ET' }),
      'text without its font is left out',
    ],
  ])('%s', async (_, damage, warning) => {
    const writer = hello();
    damage(writer);
    const { pages, warnings } = await readPdf(writer.bytes());
    expect(pages[0]?.text).toBe('Hello reader');
    expect(pages.map(({ number }) => number)).toEqual([1, 2]);
    expect(warnings).toEqual([`page 2 is damaged: ${warning}`]);
  });

  it('what is there of broken content is read', async () => {
    const writer = new PdfWriter();
    inner(writer, stream(writer, packed.subarray(0, -12), '/FlateDecode'));
    expect((await readPdf(writer.bytes())).pages[0]?.text).toContain('Second page');
  });

  it('a page that is missing, and a list of pages that is too short or gone', async () => {
    const changed = async (writer: PdfWriter, from: RegExp, to: string): Promise<PdfDocument> => {
      const whole = Buffer.from(writer.bytes()).toString('latin1');
      const other = whole.replace(from, (found) => to.padEnd(found.length));
      expect(other).not.toBe(whole);
      return readPdf(Buffer.from(other, 'latin1'));
    };
    const three = (): PdfWriter =>
      hello()
        .page([])
        .page([{ x: 72, y: 700, text: 'Third' }]);
    const missing = await changed(three(), /\b6 0 R/, '9 0 R');
    expect(missing.pages.map(({ number, text: found }) => [number, found])).toEqual([
      [1, 'Hello reader'],
      [3, 'Third'],
    ]);
    expect([missing.pageCount, missing.warnings]).toEqual([3, ['page 2 is missing']]);
    const short = await changed(three(), /\/Count 3/, '/Count 5');
    expect(short.warnings).toEqual(['the document says that it has 5 pages, and 3 were found']);
    const gone = await changed(three(), /\/Pages 2 0 R/, '/Pages 9 0 R');
    expect(gone.warnings).toEqual([expect.stringContaining('3 pages were found')]);
  });

  it('a file that is cut off anywhere is an error, or has a warning, or all its text', async () => {
    const bytes = hello()
      .page([{ x: 72, y: 700, text: 'Second page' }])
      .bytes();
    const whole = 'Hello reader/Second page';
    for (let end = bytes.length - 1; end > 0; end -= 23) {
      const outcome = await readPdf(bytes.slice(0, end)).catch((error: unknown) => error);
      if (MemvidError.isMemvidError(outcome)) {
        expect(outcome).toMatchObject({ code: 'MV018' });
        continue;
      }
      const { pages, warnings } = outcome as PdfDocument;
      const read = pages.map((page) => page.text).join('/');
      expect(read).not.toBe('/');
      if (read !== whole) expect(warnings).not.toEqual([]);
    }
  }, 60_000);

  it('blank pages are no damage, whatever says so', async () => {
    for (const contents of ['null', '[]']) {
      const { warnings, pages } = await readPdf(inner(new PdfWriter(), contents).bytes());
      expect([pages.length, warnings]).toEqual([1, []]);
    }
  });
});

describe('documents that cannot be read', () => {
  it('one of which damage leaves nothing is damaged, and not empty', async () => {
    const writer = new PdfWriter().page([]).page([], { contents: '99 0 R' });
    expect(await failure(readPdf(writer.bytes()))).toMatchObject({
      code: 'MV018',
      message: expect.stringContaining('nothing of it can be read') as string,
      details: { reason: 'damaged' },
    });
  });

  it('something else is not a PDF', async () => {
    for (const data of [new Uint8Array(0), Buffer.from('just text'), new Uint8Array(5000)]) {
      const error = await failure(readPdf(data, { filename: 'notes.pdf' }));
      expect(error).toMatchObject({ code: 'MV018', details: { reason: 'not_a_pdf', filename: 'notes.pdf' } });
      expect(error.message).toContain('notes.pdf');
      expect(error.suggestion).not.toBeNull();
    }
  });

  it('a document without a page that can be read is damaged', async () => {
    expect((await failure(readPdf(Buffer.from('%PDF-1.4\nnothing more')))).details).toMatchObject({
      reason: 'damaged',
    });
  });

  it('a document that wants a password is encrypted', async () => {
    const writer = hello();
    const key = '00'.repeat(32);
    writer.trailer = `/ID [<00> <00>] /Encrypt << /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O <${key}> /U <${key}> >>`;
    expect((await failure(readPdf(writer.bytes()))).details).toMatchObject({ reason: 'encrypted' });
  });

  it('one whose end is missing is read from what is there', async () => {
    const bytes = hello().bytes();
    const document = await readPdf(bytes.slice(0, bytes.length - 20));
    expect(document.pages[0]?.text).toBe('Hello reader');
  });

  it('forms that contain themselves, and nesting without end, end', async () => {
    const writer = new PdfWriter();
    const own = writer.add('');
    const content = '/X Do BT /F 10 Tf 72 700 Td (loop) Tj ET /X Do';
    const again = writer.stream(
      content,
      `/Type /XObject /Subtype /Form /BBox [0 0 612 792] /Resources << /XObject << /X ${own + 1} 0 R >> >>`,
    );
    writer.page([{ x: 72, y: 600, text: 'outside' }], {
      drawing: '/X Do',
      resources: `/XObject << /X ${again} 0 R >>`,
    });
    const outcome = await readPdf(writer.bytes(), { timeoutMs: 3000 }).catch((error: unknown) => error);
    if (MemvidError.isMemvidError(outcome)) expect(outcome.details).toMatchObject({ reason: 'too_long' });
    else expect(outcome).toMatchObject({ pages: [{ text: expect.stringContaining('outside') as string }] });

    const deep = drawn(`${'['.repeat(200_000)} TJ ${'q '.repeat(100_000)} BT /F 9 Tf 9 9 Td (deep) Tj ET`);
    await readPdf(deep.bytes(), { timeoutMs: 10_000 }).catch((error: unknown) => {
      expect(error).toMatchObject({ code: 'MV018' });
    });
  }, 30_000);

  it.runIf(process.platform === 'linux')(
    'what unpacks to gigabytes fills no memory',
    async () => {
      const writer = new PdfWriter();
      // Packed twice, so that 4 GB take some kilobytes.
      const once = deflateSync(Buffer.alloc(2 ** 26, 0x20));
      const packed = deflateSync(Buffer.concat(Array.from({ length: 64 }, () => once)));
      const bomb = writer.add(
        Buffer.concat([
          Buffer.from(
            `<< /Type /XObject /Subtype /Form /BBox [0 0 9 9] /Filter [/FlateDecode /FlateDecode] /Length ${packed.length} >>\nstream\n`,
          ),
          packed,
          Buffer.from('\nendstream'),
        ]),
      );
      writer.page([], { drawing: '/X Do', resources: `/XObject << /X ${bomb} 0 R >>` });
      const before = process.memoryUsage.rss();
      await readPdf(writer.bytes(), { timeoutMs: 20_000 }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'MV018' });
      });
      expect(process.memoryUsage.rss() - before).toBeLessThan(2 ** 29);
    },
    60_000,
  );

  it('takes no longer than it may, and goes on with the next', async () => {
    const slow = drawn('BT /F 9 Tf 9 9 Td '.concat('(a long text that is shown) Tj\n'.repeat(400_000), 'ET'));
    const bytes = slow.bytes();
    const error = await failure(readPdf(bytes, { timeoutMs: 1 }));
    expect(error.details).toMatchObject({ reason: 'too_long' });
    expect((await readPdf(hello().bytes())).pages[0]?.text).toBe('Hello reader');
  }, 30_000);

  it('is ended by its signal, before and meanwhile, also while it waits for its turn', async () => {
    const reason = new Error('no longer wanted');
    await expect(readPdf(hello().bytes(), { signal: AbortSignal.abort(reason) })).rejects.toBe(reason);
    const controller = new AbortController();
    const readings = [1, 2, 3, 4].map(() => readPdf(hello().bytes(), { signal: controller.signal }));
    controller.abort(reason);
    for (const outcome of await Promise.allSettled(readings)) {
      expect(outcome).toEqual({ status: 'rejected', reason });
    }
    expect((await readPdf(hello().bytes())).pages).toHaveLength(1);
  });

  it('changed bytes anywhere give pages or an error, never a crash', async () => {
    const drawing = grid([100, 200, 300], [600, 650]);
    const bytes = new PdfWriter().page([{ x: 110, y: 620, text: 'Cells (1)' }], { drawing }).bytes();
    let seed = 7;
    const random = (limit: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % limit;
    };
    for (let round = 0; round < 150; round += 1) {
      const broken = Uint8Array.from(bytes);
      for (let flip = 0; flip <= random(8); flip += 1) broken[random(broken.length)] = random(256);
      const cut = random(4) === 0 ? broken.slice(0, random(broken.length)) : broken;
      await readPdf(cut, { layout: true, timeoutMs: 10_000 }).catch((error: unknown) => {
        expect(error).toMatchObject({ code: 'MV018' });
      });
    }
  }, 60_000);

  it('wrong arguments are MV019', async () => {
    const bytes = hello().bytes();
    const wrong = [
      readPdf('text' as never),
      readPdf(bytes, { maxPages: 0 }),
      readPdf(bytes, { timeoutMs: Infinity }),
      readPdf(bytes, { layout: 1 as never }),
      readPdf(bytes, 5 as never),
    ];
    for (const reading of wrong) expect(await failure(reading)).toMatchObject({ code: 'MV019' });
  });

  it('says where the addon was looked for', async () => {
    // In a process of its own: readers of this one have their addon already.
    const program = `import { readPdf } from ${JSON.stringify(new URL('../dist/index.js', import.meta.url).href)};
      readPdf(Buffer.from('%PDF-1.4')).catch((error) =>
        console.log(JSON.stringify({ ...error.toJSON(), suggestion: error.suggestion })));`;
    const env = { ...process.env, MEMVID_PDF_NATIVE_PATH: '/nowhere/memvid-pdf.node' };
    const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', program], {
      env,
    });
    expect(JSON.parse(stdout)).toMatchObject({
      code: 'MV018',
      message: expect.stringContaining('/nowhere/memvid-pdf.node') as string,
      details: { reason: 'native_engine' },
      suggestion: expect.stringContaining('unset MEMVID_PDF_NATIVE_PATH') as string,
    });
  });
});
