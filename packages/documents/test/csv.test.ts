import Papa from 'papaparse';
import { beforeAll, describe, expect, it } from 'vitest';
import { turnsOf } from '../../../tests/support/processor-time.ts';
import { type ParseResult, parse } from '../src/index.ts';

const csv = (text: string, options = {}): Promise<ParseResult> =>
  parse({ filename: 'a.csv', data: new TextEncoder().encode(text) }, options);

/** Every cell, with the header first; rows as long as the longest. */
async function cellsOf(text: string): Promise<(readonly string[])[]> {
  const [table] = (await csv(text)).tables;
  return table === undefined ? [] : [table.headers, ...table.rows];
}

describe('CSV', () => {
  it('parts what is well-formed as others do', async () => {
    const parts = ['"a""b"', '"c,d"', 'x y', ',', ',', '\n', '\r\n', '""', '"e\nf"', ' ', ',"g" ,', '\n\n'];
    let seed = 5;
    const random = (below: number): number => {
      seed = (seed * 48271) % 2147483647;
      return seed % below;
    };
    let compared = 0;
    for (let round = 0; round < 2000; round += 1) {
      const body = Array.from({ length: 1 + random(24) }, () => parts[random(parts.length)]).join('');
      const text = `h1,h2,h3\n${body}`.replaceAll('\r\n', round % 2 === 0 ? '\n' : '\r\n');
      const { data, errors } = Papa.parse<string[]>(text, { skipEmptyLines: 'greedy', delimiter: ',' });
      if (errors.length > 0 || data.length < 2 || /[^\r]\n[^]*\r\n|\r\n[^]*[^\r]\n/.test(text)) continue;
      compared += 1;
      const width = Math.max(...data.map((row) => row.length));
      const rows = data.map((row) => Array.from({ length: width }, (_, at) => row[at] ?? ''));
      expect(await cellsOf(text)).toEqual(rows);
    }
    expect(compared).toBeGreaterThan(200);
  });

  it.each<readonly [text: string, rows: string[][]]>([
    [
      'a;b\r1;2\r',
      [
        ['a', 'b'],
        ['1', '2'],
      ],
    ],
    [
      'a,b\n1,',
      [
        ['a', 'b'],
        ['1', ''],
      ],
    ],
    [
      'a,b\n"1" ,"2"x"\n',
      [
        ['a', 'b'],
        ['1', '2"x'],
      ],
    ],
    [
      'a,b\n"1","2""\n3,4',
      [
        ['a', 'b'],
        ['1', '2"\n3,4'],
      ],
    ],
    ['a,b', []],
    ['', []],
  ])('%j', async (text, rows) => {
    expect(await cellsOf(text)).toEqual(rows);
  });

  /** What four megabytes take, in all, that are a table. */
  let ofTable = 0;
  beforeAll(async () => {
    ofTable = (await turnsOf(() => csv('a,b c d e f\n'.repeat(330_000)))).whole;
  }, 60_000);

  it.each([
    ['quotes', '"'.repeat(4_000_000)],
    ['a quote that is not closed', `a,b\n1,"${'2,3\n'.repeat(1_000_000)}`],
    ['blanks behind quotes', `a,b\n${`"x" y${' '.repeat(3000)}`.repeat(1000)},1`],
    ['a cell without an end', 'a'.repeat(4_000_000)],
  ])('%s let other work go on, and are in the text', async (_, text) => {
    let read: ParseResult | undefined;
    const { longest } = await turnsOf(async () => {
      read = await csv(text);
    });
    expect(longest).toBeLessThan(ofTable);
    expect(read?.text).toBe(text);
    expect(read?.tables).toEqual([]);
    expect(read?.warnings).toEqual([expect.stringContaining('in the text only')]);
  });

  it('a table of too many cells is in the text only, and is left early', async () => {
    const { tables, warnings } = await csv('a,b\n'.repeat(1000), { maxCells: 100 });
    expect([tables, warnings]).toEqual([[], [expect.stringContaining('too large')]]);
  });
});
