import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create } from '@memvid/sdk';
import { expect, it } from 'vitest';
import { PdfWriter } from '../../pdf/test/pdf-writer.ts';
import { documentsPlugin, parse } from '../src/index.ts';
import { PDF } from './support/samples.ts';

const filename = 'a.pdf';

it('pages keep their numbers, and what cannot be read is told', async () => {
  const { pages, unit, tables } = await parse({ filename, data: PDF.data });
  expect(unit).toBe('page');
  expect(pages.map(({ number, text }) => [number, text !== ''])).toEqual([
    [1, true],
    [2, false],
    [3, true],
  ]);
  expect(tables).toEqual([]);
  expect((await parse({ filename, data: PDF.data }, { maxItems: 1 })).totalItems).toBe(1);
});

it('junk, a cut end and a lock are MV018 with the reason', async () => {
  const junk = { filename, data: Uint8Array.of(1, 2, 3, 4) };
  await expect(parse(junk)).rejects.toMatchObject({ code: 'MV018', details: { reason: 'not_a_pdf' } });
  const locked = new PdfWriter().page([{ x: 72, y: 700, text: 'Secret' }]);
  const encrypt = locked.add(
    `<< /Filter /Standard /V 2 /R 3 /Length 128 /P -4 /O (${'o'.repeat(32)}) /U (${'u'.repeat(32)}) >>`,
  );
  locked.trailer = `/Encrypt ${encrypt} 0 R /ID [(0123456789abcdef) (0123456789abcdef)]`;
  await expect(parse({ filename, data: locked.bytes() })).rejects.toMatchObject({
    code: 'MV018',
    details: { reason: 'encrypted' },
  });
});

it('a scan is parsed with a word on it, and not stored', async () => {
  const writer = new PdfWriter();
  const picture = writer.stream(
    Buffer.alloc(12, 127),
    '/Type /XObject /Subtype /Image /Width 2 /Height 2 /ColorSpace /DeviceRGB /BitsPerComponent 8',
  );
  writer.page([], {
    drawing: 'q 200 0 0 200 100 100 cm /P Do Q',
    resources: `/XObject << /P ${picture} 0 R >>`,
  });
  const data = writer.bytes();
  const { text, warnings } = await parse({ filename, data });
  expect([text, warnings]).toEqual(['', [expect.stringContaining('pictures and no text')]]);
  const folder = mkdtempSync(join(tmpdir(), 'memvid-documents-'));
  writeFileSync(join(folder, filename), data);
  const memory = await create(join(folder, 'memory.mv2'), { plugins: [documentsPlugin()] });
  await expect(memory.putFile(join(folder, filename))).rejects.toMatchObject({
    code: 'MV018',
    message: expect.stringContaining('no text'),
    details: { reason: 'no_text' },
  });
  expect((await memory.stats()).frame_count).toBe(0);
  await memory.close();
  rmSync(folder, { recursive: true, force: true });
});
