import { runInNewContext } from 'node:vm';
import { describe, expect, it } from 'vitest';

import {
  checkArray,
  checkBoolean,
  checkInteger,
  checkNumber,
  checkObject,
  checkOneOf,
  checkOptional,
  checkString,
  checkStringArray,
  describeValue,
  InvalidInputError,
  isPlainObject,
  isWellFormed,
} from '../src/index.ts';

/** An array of nothing but holes. */
function holes(length: number): unknown[] {
  const list: unknown[] = [];
  list.length = length;
  return list;
}

function failure(run: () => unknown): InvalidInputError {
  try {
    run();
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidInputError);
    return error as InvalidInputError;
  }
  throw new Error('The argument was accepted');
}

describe('argument checks', () => {
  it.each<[string, () => unknown, string, string, RegExp]>([
    ['a number as a string', () => checkString('title', 7), 'title', '7', /a string/],
    ['a blank query', () => checkString('query', ' \n', { notBlank: true }), 'query', '" \\n"', /not blank/],
    ['a word as a boolean', () => checkBoolean('reverse', 'yes'), 'reverse', '"yes"', /true or false/],
    ['k of 0', () => checkInteger('k', 0, { min: 1 }), 'k', '0', /a whole number of at least 1/],
    ['a fraction', () => checkInteger('k', 1.5), 'k', '1.5', /a whole number/],
    ['a number in a string', () => checkNumber('k', '3'), 'k', '"3"', /a number/],
    ['NaN', () => checkNumber('since', Number.NaN), 'since', 'NaN', /a number/],
    ['a level of 99', () => checkInteger('level', 99, { min: 0, max: 11 }), 'level', '99', /from 0 to 11/],
    ['too much', () => checkNumber('x', 2, { max: 1 }), 'x', '2', /at most 1/],
    ['an unknown mode', () => checkOneOf('mode', 'lax', ['lex', 'sem']), 'mode', '"lax"', /"lex", "sem"/],
    ['an object as a list', () => checkArray('docs', {}), 'docs', 'an object', /an array/],
    ['a list with a hole', () => checkStringArray('tags', ['a', 3]), 'tags[1]', '3', /a string/],
    ['a list as an object', () => checkObject('options', []), 'options', 'an array of 0', /an object/],
    [
      'half a character',
      () => checkString('title', 'a\uD83Db'),
      'title',
      String.raw`"a\ud83db"`,
      /without a lone surrogate/,
    ],
    [
      'a long query',
      () => checkString('query', 'x'.repeat(11), { maxLength: 10 }),
      'query',
      '"xxxxxxxxxxx"',
      /at most 10/,
    ],
    ['a hole', () => checkArray('docs', holes(5)), 'docs[0]', 'undefined', /without holes/],
    [
      'four billion holes',
      () => checkArray('docs', holes(0xffff_ffff)),
      'docs[0]',
      'undefined',
      /without holes/,
    ],
    [
      'texts and holes',
      () => checkStringArray('tags', Object.assign(holes(0xffff_ffff), { 0: 'a' })),
      'tags[1]',
      'undefined',
      /a string/,
    ],
    ['null as an object', () => checkObject('options', null), 'options', 'null', /an object/],
  ])('refuse %s with argument, received and expected', (_, run, argument, received, expected) => {
    const error = failure(run);
    expect(error.code).toBe('MV019');
    expect(error.details).toMatchObject({ argument, received, expected: expect.stringMatching(expected) });
    expect(error.message).toContain(argument);
    expect(error.message).toContain(received);
    expect(error.message).toMatch(expected);
    expect(error.suggestion).toMatch(expected);
  });

  it('return what they accept', () => {
    expect(checkString('a', '')).toBe('');
    expect(checkBoolean('a', false)).toBe(false);
    expect(checkInteger('a', 3, { min: 3, max: 3 })).toBe(3);
    expect(checkNumber('a', -0.5)).toBe(-0.5);
    expect(checkOneOf('a', 'sem', ['lex', 'sem'])).toBe('sem');
    expect(checkStringArray('a', ['x'])).toEqual(['x']);
    const odd = Object.assign([1, 2], { map: () => [] });
    expect(checkArray('a', odd).map((item) => item)).toEqual([1, 2]);
    expect(checkObject('a', { b: 1 })).toEqual({ b: 1 });
    expect(checkOptional('a', undefined, checkString)).toBeUndefined();
    expect(checkOptional('a', 'x', checkString)).toBe('x');
  });

  it('do not repeat a whole document', () => {
    const text = 'word '.repeat(10_000);
    const error = failure(() => checkInteger('k', text));
    expect(error.message.length).toBeLessThan(250);
    expect(error.message).toContain('(50000 characters)');
  });
});

describe('describeValue', () => {
  it.each([
    [undefined, 'undefined'],
    [12n, '12n'],
    [() => 1, 'a function'],
    [Symbol('x'), 'a symbol'],
    [new Map(), 'an instance of Map'],
    [new Date(Number.NaN), 'an invalid Date'],
    [new Date(0), 'the Date 1970-01-01T00:00:00.000Z'],
    [Object.create(null), 'an object'],
  ])('says %s as %s', (value, text) => {
    expect(describeValue(value)).toBe(text);
  });
});

describe('describeValue of what cannot be read', () => {
  it('does not throw', () => {
    const revoked = Proxy.revocable({}, {});
    revoked.revoke();
    expect(describeValue(revoked.proxy)).toBe('an object that cannot be read');
    const unnamed = Object.create({
      get constructor(): never {
        throw new Error('no');
      },
    }) as unknown;
    expect(describeValue(unnamed)).toBe('an object that cannot be read');
  });
});

describe('isWellFormed', () => {
  it.each([
    ['', true],
    ['plain', true],
    ['\u{1F600}', true],
    ['\uD83D', false],
    ['\uDE00\uD83D', false],
  ])('of %j is %s, with the method of strings and without', (text, expected) => {
    expect(isWellFormed(text)).toBe(expected);
    const old = { isWellFormed: undefined, toString: () => text };
    expect(isWellFormed(old as unknown as string)).toBe(expected);
  });
});

describe('isPlainObject', () => {
  it('refuses what inherits from another object: the inherited keys would be lost', () => {
    expect(isPlainObject(Object.create({ a: 1 }))).toBe(false);
    expect(isPlainObject(Object.create(Object.assign(Object.create(null) as object, { a: 1 })))).toBe(false);
  });

  it('accepts the objects of another realm', () => {
    expect(isPlainObject(runInNewContext('({ a: 1 })'))).toBe(true);
  });

  it.each([new Date(), [], null, new Map(), 'x', new URL('file:///')])('refuses %s', (value) => {
    expect(isPlainObject(value)).toBe(false);
  });

  it('accepts literals and objects without a prototype', () => {
    expect(isPlainObject({})).toBe(true);
    expect(isPlainObject(Object.create(null))).toBe(true);
  });
});
