import { describe, expect, it } from 'vitest';
import { growth } from '../../../tests/support/processor-time.ts';
import { Citations } from '../src/ask/citations.ts';
import { randomNumbers } from './support/memory.ts';

const PASSAGES = new Set([1, 2, 3]);

function whole(text: string): { text: string; cited: number[]; removed: number[]; refused: boolean } {
  const citations = new Citations(PASSAGES);
  const passed = citations.push(text) + citations.end();
  return {
    text: passed,
    cited: citations.cited,
    removed: citations.removed,
    refused: citations.isRefused,
  };
}

describe('citations', () => {
  it.each<[text: string, passed: string, cited: number[], removed: number[]]>([
    ['It is so [1].', 'It is so [1].', [1], []],
    ['It is so [7].', 'It is so.', [], [7]],
    ['It is so[7]', 'It is so', [], [7]],
    ['One [1][2] and [9] more.', 'One [1][2] and more.', [1, 2], [9]],
    ['All [1, 2, 9].', 'All [1, 2].', [1, 2], [9]],
    ['All [1,2; 3].', 'All [1,2; 3].', [1, 2, 3], []],
    ['A range [1-3].', 'A range [1-3].', [1, 2, 3], []],
    ['A range [2–9].', 'A range [2, 3].', [2, 3], [9]],
    ['None [0], [4], [ 5 ].', 'None,,.', [], [0, 4, 5]],
    ['[9] First.', 'First.', [], [9]],
    ['Last [9]', 'Last', [], [9]],
    ['Large [9007199254740991].', 'Large.', [], [9_007_199_254_740_991]],
    [
      'A link [here](x), a box [ ] and [x], [Note 4], [a1].',
      'A link [here](x), a box [ ] and [x], [Note 4], [a1].',
      [],
      [],
    ],
    ['Call `items[0]` or `f()[7]`.', 'Call `items[0]` or `f()[7]`.', [], []],
    ['In code `a[8][9] [8]`.', 'In code `a[8][9]`.', [], [8]],
    ['```js\nconst x = items[0];\n```\nSo [9].', '```js\nconst x = items[0];\n```\nSo.', [], [9]],
    ['A lone ` here\nand then items[9].', 'A lone ` here\nand then items.', [], [9]],
    ['Said `so` [9] and `so`[9].', 'Said `so` and `so`.', [], [9]],
    ['In code, apart: `x [9]`', 'In code, apart: `x`', [], [9]],
    ['Half a mark [1', 'Half a mark', [], []],
    ['Half a word [no', 'Half a word [no', [], []],
    ['[[1]]', '[[1]]', [1], []],
    ['[[9]7] and [19[8]]', '[[?]7] and [19[?]]', [], [9, 8]],
    ['[1\n]', '[1\n]', [1], []],
    ['', '', [], []],
  ])('%j becomes %j', (text, passed, cited, removed) => {
    expect(whole(text)).toEqual({ text: passed, cited, removed, refused: false });
  });

  it.each(['[NO ANSWER]', '  [no answer].', '[No_Answer] The passages are about lunch.', '\n[ no-answer ]'])(
    '%j is no answer',
    (text) => {
      expect(whole(text)).toMatchObject({ text: expect.stringMatching(/^\s*$/), refused: true });
    },
  );

  it('no answer behind words is told, and they stay', () => {
    const citations = new Citations(PASSAGES);
    expect(citations.push('The passages are about lunch. [NO ANSWER]')).toBe('The passages are about lunch.');
    expect([citations.isRefused, citations.hasNone]).toEqual([false, true]);
  });

  it('holds back what may become a citation, and nothing else', () => {
    const citations = new Citations(PASSAGES);
    const deltas: [text: string, passed: string][] = [
      ['We ', 'We '],
      ['moved [', 'moved'],
      ['1', ''],
      [']', ' [1]'],
      [' and', ' and'],
      [' [', ''],
      ['9', ''],
      ['9] to', ' to'],
      [' [here', ' [here'],
      ['] [n', ']'],
      ['o', ''],
      ['t now]', ' [not now]'],
      ['🎉', '🎉'],
    ];
    for (const [text, passed] of deltas) expect([text, citations.push(text)]).toEqual([text, passed]);
    expect(citations.end()).toBe('');
    expect([citations.cited, citations.removed]).toEqual([[1], [99]]);
  });

  it('lets no wrong number through, however the text is cut', () => {
    const random = randomNumbers(11);
    const bits = [
      '[',
      ']',
      '1',
      '2',
      '7',
      '19',
      ',',
      ' ',
      '-',
      'a',
      '`',
      '\n',
      'no answer',
      '.',
      '[3]',
      '[8]',
    ];
    for (let round = 0; round < 3000; round += 1) {
      const text = Array.from({ length: 12 }, () => bits[Math.floor(random() * bits.length)]).join('');
      const citations = new Citations(PASSAGES);
      let passed = '';
      for (let at = 0; at < text.length;) {
        const size = 1 + Math.floor(random() * 4);
        passed += citations.push(text.slice(at, at + size));
        at += size;
      }
      passed += citations.end();
      // In code there are brackets that are no citations.
      for (const [, numbers = ''] of text.includes('`')
        ? []
        : passed.matchAll(/\[\s*(\d+(?:[\s,;–—-]+\d+)*)\s*\]/g)) {
        for (const number of numbers.match(/\d+/g) ?? []) {
          expect([text, PASSAGES.has(Number(number))]).toEqual([text, true]);
        }
      }
      // Whole or in pieces, the numbers are the same.
      const { cited, removed } = whole(text);
      expect([text, citations.cited, citations.removed]).toEqual([text, cited, removed]);
    }
  });

  it('takes long answers in no more than linear time', async () => {
    const pushing = (length: number) => () => {
      const citations = new Citations(PASSAGES);
      for (const bit of ['[ ', '[1 ', '[1,,,,', '['.repeat(50), '[no answe']) {
        citations.push(bit.repeat(length));
        citations.push(' '.repeat(5 * length));
      }
    };
    expect(await growth(pushing, 20_000)).toBeLessThan(3);
  }, 60_000);
});
