import { expect, it } from 'vitest';
import { growth } from '../../../tests/support/processor-time.ts';
import { builtInFormat, type CellFormat, customFormat, shownNumber } from '../src/cell-format.ts';

it.each([
  ['General', 'number'],
  ['0.00', 'number'],
  ['#,##0.00 "days"', 'number'],
  ['0.00E+00', 'number'],
  ['[Red]-0.0', 'number'],
  ['[$-407]#,##0\\ "m"', 'number'],
  ['0.0%', 'percent'],
  ['yyyy\\-mm\\-dd', 'date'],
  ['[$-407]d. mmmm yyyy;@', 'date'],
  ['mmm', 'date'],
  ['dd/mm/yy h:mm', 'datetime'],
  ['h:mm AM/PM', 'time'],
  ['mm:ss', 'time'],
  ['[h]:mm:ss', 'duration'],
  ['[mm]:ss', 'duration'],
] as const)('%s shows a %s', (code, format) => {
  expect(customFormat(code)).toBe(format);
});

it('brackets that nobody closes take time that grows with their number, not with its square', async () => {
  expect(await growth((length) => () => customFormat('[$-'.repeat(length)), 200_000)).toBeLessThan(3);
}, 60_000);

it('formats that are known by number', () => {
  const shown = [0, 2, 9, 14, 18, 20, 22, 31, 45, 46, 49, 57].map(builtInFormat);
  expect(shown).toEqual([
    'number',
    'number',
    'percent',
    'date',
    'time',
    'time',
    'datetime',
    'date',
    'time',
    'duration',
    'number',
    'date',
  ]);
});

it.each([
  ['12.5', 'number', '12.5'],
  ['0.30000000000000004', 'number', '0.3'],
  ['1E-3', 'number', '0.001'],
  ['123456789012345678', 'number', '123456789012346000'],
  ['-7', 'date', '-7'],
  ['0.125', 'percent', '12.5%'],
  ['1', 'date', '1900-01-01'],
  ['59', 'date', '1900-02-28'],
  ['61', 'date', '1900-03-01'],
  ['45356', 'date', '2024-03-05'],
  ['45356.75', 'datetime', '2024-03-05 18:00:00'],
  ['0.5', 'time', '12:00:00'],
  ['1.25', 'duration', '30:00:00'],
  ['1e99', 'date', '1e+99'],
  ['abc', 'date', 'abc'],
  ['', 'number', ''],
] as [string, CellFormat, string][])('%s as a %s is %s', (value, format, shown) => {
  expect(shownNumber(value, format, false)).toBe(shown);
});

it('some documents count from 1904', () => {
  expect(shownNumber('0', 'date', true)).toBe('1904-01-01');
  expect(shownNumber('43894', 'date', true)).toBe('2024-03-05');
});
