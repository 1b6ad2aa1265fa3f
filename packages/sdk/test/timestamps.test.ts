import { describe, expect, it } from 'vitest';
import { toSeconds } from '../src/timestamps.ts';

describe('toSeconds', () => {
  const midnight = Date.UTC(2023, 0, 15) / 1000;
  it.each([
    ['2023-01-15', midnight],
    ['01/15/2023', midnight],
    ['1/15/2023', midnight],
    ['Jan 15, 2023', 1673740800],
    ['January 15, 2023', midnight],
    ['Jan 15 2023', midnight],
    ['Sept 1, 2023', Date.UTC(2023, 8, 1) / 1000],
    ['2023-01-15T10:30:00Z', midnight + 37_800],
    ['2023-01-15T10:30:00.999Z', midnight + 37_800],
    ['2023-01-15T10:30:00+02:00', midnight + 37_800 - 7200],
    ['2023-01-15T10:30:00-0530', midnight + 37_800 + 19_800],
    ['2023-01-15T10:30', midnight + 37_800],
    ['2023-01-15 10:30:15', midnight + 37_815],
    ['2023-01-15T10:30:00+14:00', midnight + 37_800 - 14 * 3600],
    ['9999-12-31', 253_402_214_400],
    ['0000-01-01', -62_167_219_200],
    ['0099-12-31', Date.parse('0099-12-31T00:00:00Z') / 1000],
  ])('reads %s', (text, seconds) => {
    expect(toSeconds(text, 'timestamp')).toBe(seconds);
  });

  it('floors fractions of a second, before 1970 too', () => {
    expect(toSeconds(1_700_000_000.9, 'timestamp')).toBe(1_700_000_000);
    expect(toSeconds(-1.5, 'timestamp')).toBe(-2);
    expect(toSeconds(new Date('2023-01-15T00:00:00.999Z'), 'timestamp')).toBe(midnight);
  });

  it.each([
    ['not a date'],
    [''],
    ['2023-02-30'],
    ['13/01/2023'],
    ['Foo 15, 2023'],
    ['2023-01-15T25:00:00Z'],
    ['2023-01-15T10:61:00Z'],
    ['1700000000'],
    ['2023-01-15T10:30:00+14:01'],
    ['2023-01-15T10:30:00-99:99'],
    ['2023-01-15T10:30:00+05:60'],
    [Number.NaN],
    [Number.POSITIVE_INFINITY],
    [new Date('nonsense')],
    [true],
    [{}],
  ])('refuses %s with MV019 and the accepted forms', (value) => {
    expect(() => toSeconds(value, 'timestamp')).toThrow(
      expect.objectContaining({
        code: 'MV019',
        message: expect.stringContaining('`timestamp`'),
        suggestion: expect.stringContaining('ISO 8601'),
      }),
    );
  });

  it('takes a number of milliseconds for a mistake and says so', () => {
    expect(() => toSeconds(1_700_000_000_000, 'timestamp')).toThrow(/pass seconds/);
    expect(() => toSeconds(1e12, 'timestamp')).toThrow(/milliseconds/);
    expect(() => toSeconds(1e11, 'timestamp')).toThrow(/pass seconds/);
    expect(toSeconds(1e11 - 1, 'timestamp')).toBe(99_999_999_999);
  });

  it('takes dates of the years 0000 to 9999', () => {
    const last = 253_402_300_799;
    expect(toSeconds(new Date(last * 1000), 'timestamp')).toBe(last);
    expect(toSeconds('9999-12-31T23:59:59Z', 'timestamp')).toBe(last);
    for (const beyond of [
      new Date((last + 1) * 1000),
      '9999-12-31T23:59:59-01:00',
      new Date(8.64e15),
      new Date(-8.64e15),
      -62_167_219_201,
    ]) {
      expect(() => toSeconds(beyond, 'timestamp')).toThrow(/years 0000 to 9999/);
    }
  });
});
