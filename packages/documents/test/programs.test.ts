import { join } from 'node:path';
import { expect, it } from 'vitest';
import { parse, type ParseResult } from '../src/index.ts';

/** Documents that other programs made: `fixtures/make.py`. */
async function fixture(name: string): Promise<ParseResult> {
  return parse(join(import.meta.dirname, 'fixtures', name));
}

it('openpyxl', async () => {
  const { pages, warnings } = await fixture('openpyxl.xlsx');
  expect(pages).toEqual([
    {
      number: 1,
      name: 'Zahlen',
      text: 'Datum\tBetrag\tAnteil\n2024-03-05 14:30:00\t1234.5\t25.6%\t30:00:00\tTRUE\n2023-12-31\n07:05:00\nMerged words\n\nAsk Bo',
    },
    { number: 2, name: 'Versteckt', text: 'hidden words' },
  ]);
  expect(warnings).toEqual([
    '1 formulas have no result: no program has computed them',
    'the sheet "Versteckt" is hidden',
  ]);
});

it('XlsxWriter', async () => {
  const { text } = await fixture('xlsxwriter.xlsx');
  expect(text).toBe('plain bold end\n2\n1900-01-15\nZoë 😀\n\nText in a box\n\nTitle of a chart');
});

it('python-docx', async () => {
  const { text, title, author, tables } = await fixture('python-docx.docx');
  expect(text).toBe(
    'Kopfzeile\n\nÜberschrift\n\nEin Satz mit fetten Worten.\n\nPunkt eins\n\nlinks\trechts\nzusammen\n\nFußzeile',
  );
  expect([title, author, tables]).toEqual([
    'Ein Bericht',
    'Bo Ek',
    [{ headers: ['links', 'rechts'], rows: [['zusammen', '']], page: 1 }],
  ]);
});

it('python-pptx', async () => {
  const { pages } = await fixture('python-pptx.pptx');
  expect(pages).toEqual([
    { number: 1, title: 'Titel hier', text: 'Titel hier\n\nPunkt A\n\nPunkt B\n\nNotizen hier' },
    { number: 2, text: 'Jahr\tBoote\n2021\t17\n\nUmsatz\nOsten\nWesten' },
  ]);
});

it('the mail of Python', async () => {
  const { text, title } = await fixture('python.eml');
  expect(title).toBe('Grüße — 東京');
  for (const words of [
    'Jürgen <juergen@example.com>',
    'Der Kai ist fertig',
    'Pläne.bin',
    'Words of the forwarded message.',
  ]) {
    expect(text).toContain(words);
  }
});
