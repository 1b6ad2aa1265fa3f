import { describe, expect, it } from 'vitest';
import { derivedTags } from '../src/auto-tag.ts';
import { contentDates } from '../src/content-dates.ts';
import { fieldsOf, switchesOf, textDocument } from '../src/document.ts';
import { metadataOf } from '../src/metadata.ts';
import { splitAtWords } from '../src/parsed-file.ts';

const plain = switchesOf({});

describe('textDocument', () => {
  it('fills in the defaults of the contract', () => {
    const before = Math.floor(Date.now() / 1000);
    const document = textDocument({}, 'hello', plain);
    expect(document).toMatchObject({ text: 'hello', title: 'Untitled', labels: ['text'], tags: [] });
    expect(document.timestamp).toBeGreaterThanOrEqual(before);
    expect(document.uri).toBeUndefined();
    expect(document.metadata).toBeUndefined();
  });

  it('puts the label first and every label once', () => {
    expect(fieldsOf({ label: 'a', labels: ['b', 'a', 'c'] }, '').labels).toEqual(['a', 'b', 'c']);
    expect(fieldsOf({ labels: ['b'] }, '').labels).toEqual(['text', 'b']);
    expect(fieldsOf({ labels: ['b'] }, '', 'md').labels).toEqual(['md', 'b']);
    expect(fieldsOf({}, '').labels).toBeUndefined();
  });

  it('notes dates unless it is told not to, and tags only when it is told to (§17.26)', () => {
    const text = 'The bridge opened on 2024-05-01. The bridge is long.';
    expect(textDocument({ tags: ['x'] }, text, plain)).toMatchObject({
      tags: ['x'],
      contentDates: ['2024-05-01'],
    });
    const tagged = textDocument({ tags: ['x'] }, text, switchesOf({ autoTag: true, extractDates: false }));
    expect(tagged.contentDates).toBeUndefined();
    expect(tagged.tags?.slice(0, 2)).toEqual(['x', 'bridge']);
    expect(tagged.labels).toEqual(['text']);
  });

  it.each([
    [{ title: 5 }, 'title'],
    [{ label: [] }, 'label'],
    [{ labels: 'a' }, 'labels'],
    [{ labels: [1] }, 'labels[0]'],
    [{ tags: {} }, 'tags'],
    [{ metadata: [] }, 'metadata'],
    [{ metadata: 'x' }, 'metadata'],
    [{ metadata: { a: 1n } }, 'metadata.a'],
    [{ metadata: { a: () => 1 } }, 'metadata.a'],
    [{ metadata: { a: Number.NaN } }, 'metadata.a'],
    [{ uri: ' ' }, 'uri'],
    [{ kind: 1 }, 'kind'],
    [{ track: 1 }, 'track'],
    [{ searchText: 1 }, 'searchText'],
    [{ timestamp: 'never' }, 'timestamp'],
  ])('refuses %o naming the field', (input, argument) => {
    expect(() => fieldsOf(input, 'docs[2].')).toThrow(
      expect.objectContaining({
        code: 'MV019',
        details: expect.objectContaining({ argument: `docs[2].${argument}` }),
      }),
    );
  });
});

describe('metadataOf', () => {
  it('keeps every JSON value', () => {
    const value = {
      text: 'ä',
      n: 1.5,
      yes: true,
      nothing: null,
      list: [1, [2]],
      deep: { a: { b: 'c' } },
      '': '',
    };
    expect(JSON.parse(metadataOf(value, 'metadata') ?? '')).toEqual(value);
  });

  it('refuses an object that refers to itself', () => {
    const loop: Record<string, unknown> = {};
    loop['self'] = loop;
    expect(() => metadataOf(loop, 'metadata')).toThrow(/refers to itself/);
  });
});

describe('contentDates', () => {
  it('reads the common forms, in order, each day once', () => {
    const text =
      'Signed 15 March 2023, due 03/20/2023; moved to March 20, 2023, then 2023/04/01 and 2023-04-01T10:00. Jan 5th, 2024.';
    expect(contentDates(text)).toEqual(['2023-03-15', '2023-03-20', '2023-04-01', '2024-01-05']);
  });

  it.each(['no dates', 'room 2023', '2023-02-30', '12345-01-011', '13/13/2023', 'May 2023'])(
    'finds none in %s',
    (text) => {
      expect(contentDates(text)).toEqual([]);
    },
  );
});

describe('derivedTags', () => {
  it('takes frequent words with meaning that were not given', () => {
    expect(derivedTags('Redis caches what Redis knows. The caches expire.', ['Redis'])).toEqual([
      'caches',
      'knows',
      'expire',
    ]);
  });
});

describe('splitAtWords', () => {
  it.each([
    '',
    'word',
    'many words here and there '.repeat(20),
    'x'.repeat(500),
    '😀'.repeat(200),
    'a\n\nb '.repeat(99),
  ])('loses nothing of %j and keeps to the size', (text) => {
    const pieces = splitAtWords(text, 101);
    expect(pieces.join('')).toBe(text);
    expect(pieces.every((piece) => piece.length <= 101)).toBe(true);
    expect(pieces.some((piece) => /^[\uDC00-\uDFFF]/.test(piece))).toBe(false);
  });
});
