import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelFolder } from '@memvid/ner-model-en';
import { describe, expect, it } from 'vitest';
import { Lexemes } from '../src/transition/lexemes.ts';
import { fromPython } from '../src/transition/python-pattern.ts';
import { Tokenizer, type TokenizerRules, type Tokens } from '../src/transition/tokenizer.ts';
import { wordShape } from '../src/transition/word-shape.ts';
import odd from './fixtures/odd-texts.json' with { type: 'json' };
import golden from './fixtures/en-core-web-sm.json' with { type: 'json' };
import { sharedModel, unitsOf } from './support/models.ts';

interface Rules extends TokenizerRules {
  readonly lexeme_norm_by_hash: Readonly<Record<string, string>>;
  readonly base_norms: Readonly<Record<string, string>>;
}

const rules = JSON.parse(readFileSync(join(modelFolder(), 'tokenizer_rules.json'), 'utf8')) as Rules;
const layout = { seeds: [8, 9, 10, 11], sizes: [5000, 1000, 2500, 2500] };

function tokenizer(): Tokenizer {
  return new Tokenizer(
    rules,
    new Lexemes({ byHash: rules.lexeme_norm_by_hash, byText: rules.base_norms }, layout),
  );
}

function tokensOf(text: string, own: Tokenizer): Tokens {
  const parts = own.tokens(text);
  for (;;) {
    const next = parts.next();
    if (next.done === true) return next.value;
  }
}

function expectGolden(cases: typeof golden.cases): void {
  const splitter = tokenizer();
  for (const { text, tokens, rows } of cases) {
    const units = unitsOf(text);
    const { lexemes, starts } = tokensOf(text, splitter);
    const own = lexemes.map(({ text: word, norm, prefix, suffix, shape }, index) =>
      [word, starts[index], norm, prefix, suffix, shape].join(' | '),
    );
    const expected = tokens.map((token) =>
      [token.text, units[token.start], token.norm, token.prefix, token.suffix, token.shape].join(' | '),
    );
    expect(own).toEqual(expected);
    expect(lexemes.map((lexeme) => Array.from(lexeme.rows))).toEqual(rows.map((row) => row.flat()));
  }
}

describe('the tokenizer', () => {
  it('gives the tokens, attributes and rows of tables that spaCy gives', () => {
    expect(golden.cases).toHaveLength(20);
    expectGolden(golden.cases);
  });

  const dialogues = sharedModel('ner-en-core-web-sm');
  it.skipIf(dialogues.missing !== undefined)('does so for sentences of dialogues', () => {
    const path = join(dialogues.folder, 'golden_locomo.json');
    const { cases } = JSON.parse(readFileSync(path, 'utf8')) as typeof golden;
    expect(cases).toHaveLength(60);
    expectGolden(cases);
  });

  it('does so for strings that nobody writes: faces, affixes, white space and scripts in any order', () => {
    const own = tokenizer();
    for (const [text, tokens] of odd.cases as [string, [number, number, string][], unknown][]) {
      const units = unitsOf(text);
      const { lexemes, starts } = tokensOf(text, own);
      const expected = tokens.map(([start, length, norm]) => [
        units[start],
        (units[start + length] ?? 0) - (units[start] ?? 0),
        norm,
      ]);
      expect(lexemes.map(({ text: word, norm }, index) => [starts[index], word.length, norm])).toEqual(
        expected,
      );
    }
  });

  it('gives a text the same tokens whatever came before it', () => {
    const own = tokenizer();
    const first = tokensOf("don't (:-) U.K. http://a.bc/d", own);
    tokensOf('(:-) (:- ) :-', own);
    const again = tokensOf("don't (:-) U.K. http://a.bc/d", own);
    expect(again.lexemes.map(({ text }) => text)).toEqual(first.lexemes.map(({ text }) => text));
    expect(first.lexemes.map(({ text }) => text)).toEqual(['do', "n't", '(', ':-)', 'U.K.', 'http://a.bc/d']);
  });

  it('lets others run within a word without an end', () => {
    const parts = tokenizer().tokens(`${'('.repeat(100_000)}${'😀'.repeat(20_000)}`);
    let pauses = 0;
    for (let next = parts.next(); next.done !== true; next = parts.next()) pauses += 1;
    expect(pauses).toBeGreaterThan(15);
  });

  it.each([
    ['brackets', '('.repeat(100_000)],
    ['closing brackets', `a${')'.repeat(100_000)}`],
    ['full stops', '.'.repeat(100_000)],
    ['colons', `a.b${':'.repeat(100_000)}`],
    ['at signs', 'a@'.repeat(1000)],
    ['labels of an address', 'a.'.repeat(1000)],
    ['letters', 'x'.repeat(100_000)],
    ['lone surrogates', '\ud83d'.repeat(100_000)],
    ['faces', ':-)'.repeat(30_000)],
    ['white space', ' \n'.repeat(100_000)],
  ])('takes time in proportion to a row of %s', (_, text) => {
    const own = tokenizer();
    const since = process.cpuUsage();
    const { lexemes, starts } = tokensOf(text, own);
    const { user } = process.cpuUsage(since);
    expect(user / 1e6).toBeLessThan(5);
    lexemes.forEach(({ text: word }, index) => {
      const start = starts[index] ?? 0;
      if (text.slice(start, start + word.length) !== word) throw new Error(`token ${index} is elsewhere`);
    });
  });
});

describe('the shape of a word', () => {
  it.each([
    ['Apple', 'Xxxxx'],
    ['McDonald', 'XxXxxxx'],
    ['U.K.', 'X.X.'],
    ['2021', 'dddd'],
    ['123456', 'dddd'],
    ['²①½', 'dd½'],
    ['日本', 'xx'],
    ['-----', '----'],
    ['', ''],
    ['a'.repeat(99), 'xxxx'],
    ['a'.repeat(100), 'LONG'],
  ])('%s is %s', (word, shape) => {
    expect(wordShape([...word])).toBe(shape);
  });
});

describe('a pattern of Python', () => {
  it('matches in JavaScript what it matches there', () => {
    const pattern = new RegExp(
      fromPython(String.raw`(?u)^[\w\-]+\!\'[\s\]]?(?:\d|[\U0001F600-\U0001F64F])$`),
      'u',
    );
    expect(pattern.test("é_1-!'٣")).toBe(true);
    expect(pattern.test("a!'\x1c😀")).toBe(true);
    expect(pattern.test("a!'\ufeff1")).toBe(false);
    expect(new RegExp(fromPython(String.raw`^[[a]\s$`), 'u').test('[\x85')).toBe(true);
    expect(() => fromPython(String.raw`[\W]`)).toThrow(SyntaxError);
  });
});
