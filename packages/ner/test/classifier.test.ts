import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, openSession, tokenInputs } from '@memvid/onnx';
import { spansOf, type TaggedWord, tagOf } from '../src/classifier/tags.ts';
import { windowsOf } from '../src/classifier/windows.ts';
import { wordsOf } from '../src/classifier/words.ts';
import { LocalNER, ner } from '../src/index.ts';
import { lookUpModel, tokenizerJson } from '../../onnx/test/support/onnx-model.ts';
import { failure, folderOf, sharedModel, unitsOf } from './support/models.ts';

const fail = (message: string): never => {
  throw new Error(message);
};

describe('tags of words', () => {
  /** One letter a word: `B-PER I-PER O` → spans of words, with their labels. */
  const joined = (tags: string, confidence = 1): string =>
    spansOf(
      tags.split(' ').map((tag, at): TaggedWord => ({ start: at, end: at + 1, tag: tagOf(tag), confidence })),
    )
      .map(({ start, end, label }) => `${start}-${end} ${label}`)
      .join(', ');

  it.each([
    ['a name of several words', 'O B-PER I-PER O', '1-3 PER'],
    ['two names side by side', 'B-PER B-PER I-PER', '0-1 PER, 1-3 PER'],
    ['a name that nobody began', 'O I-ORG I-ORG O', '1-3 ORG'],
    ['a name that goes on as another', 'B-PER I-ORG I-ORG', '0-1 PER, 1-3 ORG'],
    ['names that are ended', 'B-LOC I-LOC L-LOC B-LOC L-LOC', '0-3 LOC, 3-5 LOC'],
    ['names of one word', 'U-PER U-PER O S-ORG', '0-1 PER, 1-2 PER, 3-4 ORG'],
    ['an end without a begin', 'L-PER I-PER E-PER', '0-1 PER, 1-3 PER'],
    ['labels without a prefix', 'PER PER O LOC PER', '0-2 PER, 3-4 LOC, 4-5 PER'],
    ['nothing', 'O O', ''],
  ])('%s', (_, tags, expected) => {
    expect(joined(tags)).toBe(expected);
  });

  it('make a name as certain as its words are on average', () => {
    const words = [0.5, 1].map((confidence, at) => ({
      start: at,
      end: at + 1,
      tag: tagOf(at === 0 ? 'B-X' : 'I-X'),
      confidence,
    }));
    expect(spansOf(words)).toEqual([{ start: 0, end: 2, label: 'X', confidence: 0.75 }]);
  });
});

describe('words', () => {
  it.each([
    ["Mr. O'Neill.", ['Mr', '.', 'O', "'", 'Neill', '.']],
    ['東京 and São\u00a0Paulo', ['東', '京', 'and', 'São', 'Paulo']],
    ['a\u200bb \u0007c\ufffdd', ['a\u200bb', 'c\ufffdd']],
    ['🙂x\r\ny', ['🙂x', 'y']],
    ['', []],
  ])('of %j', (text, expected) => {
    const words = [...wordsOf(text)];
    expect(words.map((word) => word.text)).toEqual(expected);
    for (const { start, end, text: word } of words) expect(text.slice(start, end)).toBe(word);
  });
});

describe('windows', () => {
  it('hold every word once, within the limit, with as many around it as there may be', () => {
    let state = 7;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    for (let round = 0; round < 200; round += 1) {
      const lengths = Array.from({ length: random(300) }, () => 1 + random(round % 4 === 0 ? 40 : 4));
      const windows = windowsOf(lengths, 32, 8);
      const seen = windows.flatMap(({ first, last }) =>
        Array.from({ length: last - first }, (_, at) => first + at),
      );
      expect(seen).toEqual([...lengths.keys()]);
      for (const { from, to, first, last } of windows) {
        expect(from <= first && last <= to && from < to).toBe(true);
        const tokens = lengths.slice(from, to).reduce((sum, length) => sum + Math.min(length, 32), 0);
        expect(tokens).toBeLessThanOrEqual(32);
      }
    }
    expect(windowsOf([], 32, 8)).toEqual([]);
    expect(windowsOf([1, 1], 32, 8)).toEqual([{ from: 0, to: 2, first: 0, last: 2 }]);
    const ones = windowsOf(
      Array.from({ length: 60 }, () => 1),
      32,
      8,
    );
    expect(ones).toEqual([
      { from: 0, to: 32, first: 0, last: 28 },
      { from: 24, to: 56, first: 28, last: 52 },
      { from: 48, to: 60, first: 52, last: 60 },
    ]);
  });
});

const LABELS = ['O', 'B-PER', 'I-PER', 'B-LOC', 'I-LOC', 'B-MISC'];
const WORDS = ['ann', 'lee', 'new', 'york', 'is', 'in', '.', 'jazz', '##s', 'and'];
const MEANT: Readonly<Record<string, string>> = {
  ann: 'B-PER',
  lee: 'I-PER',
  new: 'B-LOC',
  york: 'I-LOC',
  jazz: 'B-MISC',
};

/** A folder with a network that says of each token what `MEANT` says, with certainty 0.9; of padding that it is a person. */
function lookUpFolder(files: Readonly<Record<string, string | Buffer>> = {}): string {
  const certain = Math.log(0.9 / (0.1 / (LABELS.length - 1)));
  const table = Array.from({ length: WORDS.length + 4 }, (_, id) => {
    const meant = id === 0 ? 'B-PER' : (MEANT[WORDS[id - 4] ?? ''] ?? 'O');
    return LABELS.map((label) => (label === meant ? certain : 0));
  });
  return folderOf('own', {
    'model.onnx': lookUpModel(table, 'logits'),
    'tokenizer.json': tokenizerJson(WORDS),
    'config.json': JSON.stringify({ id2label: { ...LABELS }, max_position_embeddings: 16 }),
    ...files,
  });
}

describe('a token classifier', () => {
  it('gives names with their places in UTF-16 units, by the first token of each word', async () => {
    const extractor = ner('own', { directory: lookUpFolder() });
    const text = '🙂 Ann Lee is in New\u00a0York. Jazzs and Ånn';
    const [entities] = await extractor.extract([text]);
    const confidence = expect.closeTo(0.9, 5);
    expect(entities).toEqual([
      { name: 'Ann Lee', type: 'PERSON', label: 'PER', confidence, start: 3, end: 10 },
      { name: 'New\u00a0York', type: 'LOCATION', label: 'LOC', confidence, start: 17, end: 25 },
      { name: 'Jazzs', type: 'MISC', label: 'MISC', confidence, start: 27, end: 32 },
      { name: 'Ånn', type: 'PERSON', label: 'PER', confidence, start: 37, end: 40 },
    ]);
    expect(extractor.entityTypes).toEqual(['PERSON', 'LOCATION', 'MISC']);
    expect((await extractor.extract([text], { minConfidence: 0.95 }))[0]).toEqual([]);
    await extractor.close();
  });

  it('joins names across windows once, whatever their place', async () => {
    const extractor = ner('own', { directory: lookUpFolder() });
    const texts = Array.from(
      { length: 40 },
      (_, count) => `${'is '.repeat(count)}Ann Lee ${'in '.repeat(40 - count)}New York`,
    );
    const found = await extractor.extract(texts);
    for (const [index, entities] of found.entries()) {
      expect(entities.map(({ name, start }) => [name, start])).toEqual([
        ['Ann Lee', index * 3],
        ['New York', 8 + 120],
      ]);
    }
    await extractor.close();
  });

  it('takes words for what they are, though they look like marks of the tokenizer', async () => {
    const extractor = ner('own', { directory: lookUpFolder() });
    const [entities = []] = await extractor.extract(['[SEP] Ann [CLS]']);
    expect(entities.map(({ name }) => name)).toEqual(['Ann']);
    await extractor.close();
  });

  it('is what LocalNER of the reference gives: names, types and certainties', async () => {
    const extractor = new LocalNER({ model: 'own', directory: lookUpFolder() });
    expect(extractor.name).toBe('local:own');
    expect(await extractor.extract('Ann is in York.')).toEqual([
      { name: 'Ann', type: 'PERSON', confidence: expect.closeTo(0.9, 5) },
      { name: 'York', type: 'LOCATION', confidence: expect.closeTo(0.9, 5) },
    ]);
    expect(await extractor.extractBatch(['Ann', 'is'], 0.95)).toEqual([[], []]);
    await extractor.close();
    const usual = new LocalNER();
    expect(usual.name).toBe('local:distilbert-ner');
    expect(usual.entityTypes).toEqual(['PERSON', 'ORG', 'LOCATION', 'MISC']);
  });

  it.each([
    ['no labels', { 'config.json': '{}' }, 'id2label'],
    ['a label too few', { 'config.json': JSON.stringify({ id2label: { 0: 'O', 1: 'B-PER' } }) }, 'labels'],
    [
      'a hole in its labels',
      { 'config.json': JSON.stringify({ id2label: { 0: 'O', 2: 'B-PER' } }) },
      'id2label',
    ],
    [
      'no place for tokens',
      { 'config.json': JSON.stringify({ id2label: { ...LABELS }, max_position_embeddings: 2 }) },
      'token',
    ],
    ['no output', { 'model.onnx': lookUpModel([[1], [2]], 'other') }, 'labels'],
    [
      'another way of splitting',
      {
        'tokenizer.json': tokenizerJson(WORDS).replace(
          '"pre_tokenizer":{"type":"BertPreTokenizer"}',
          '"pre_tokenizer":{"type":"Whitespace"}',
        ),
      },
      'Whitespace',
    ],
    [
      'numbers that are none',
      {
        'model.onnx': lookUpModel(
          Array.from({ length: 14 }, () => LABELS.map(() => Number.NaN)),
          'logits',
        ),
      },
      'finite',
    ],
  ])('with %s is MV017', async (_, files, named) => {
    const extractor = ner('own', { directory: lookUpFolder(files) });
    expect(await failure(extractor.extract(['Ann']))).toMatchObject({
      code: 'MV017',
      message: expect.stringContaining(named),
      details: { reason: 'invalid_model' },
    });
    await extractor.close();
  });
});

interface Golden {
  readonly cases: readonly {
    text: string;
    input_ids: number[];
    offsets: [number, number][];
    logits: number[][];
    labels: string[];
  }[];
}

const random = sharedModel('ner-bio-random');

describe.skipIf(random.missing !== undefined)('a model of random weights: wiring only', () => {
  const { cases } = (
    random.missing === undefined
      ? JSON.parse(readFileSync(join(random.folder, 'golden.json'), 'utf8'))
      : { cases: [] }
  ) as Golden;

  it('has the tokens, and words at the places, of the original tokenizer', async () => {
    const { pieces, marks } = await loadTokenizer(join(random.folder, 'tokenizer.json'), fail);
    for (const { text, input_ids: ids, offsets } of cases) {
      const words = [...wordsOf(text)];
      const own = words.map((word) => pieces(word.text));
      expect([...marks.before, ...own.flat(), ...marks.after]).toEqual(ids);
      const units = unitsOf(text);
      let token = marks.before.length;
      for (const [index, { start, end }] of words.entries()) {
        const count = own[index]?.length ?? 0;
        expect([units[offsets[token]?.[0] ?? 0], units[offsets[token + count - 1]?.[1] ?? 0]]).toEqual([
          start,
          end,
        ]);
        token += count;
      }
    }
  });

  it('gives the numbers that the original runtime gave, and the labels follow from them', async () => {
    const session = await openSession(join(random.folder, 'model.onnx'), { fail });
    const { id2label } = JSON.parse(readFileSync(join(random.folder, 'config.json'), 'utf8')) as {
      id2label: Record<string, string>;
    };
    for (const { input_ids: ids, logits, labels } of cases) {
      const inputs = tokenInputs(session.inputs, [{ ids }], ids.length, 0);
      const { logits: given } = await session.run(inputs);
      const numbers = Array.from((given?.data ?? []) as ArrayLike<number>);
      const difference = Math.max(
        ...logits.flat().map((value, at) => Math.abs(value - (numbers[at] ?? Number.NaN))),
      );
      expect(difference).toBeLessThan(2e-5);
      const width = Object.keys(id2label).length;
      const best = ids.map((_, token) => {
        const row = numbers.slice(token * width, (token + 1) * width);
        return id2label[row.indexOf(Math.max(...row))];
      });
      expect(best).toEqual(labels);
    }
    await session.close();
  });

  it('gives names that follow from the labels of the first tokens of words', async () => {
    const directory = join(random.folder, '..');
    const extractor = ner('ner-bio-random', { directory, minConfidence: 0 });
    const found = await extractor.extract(cases.map(({ text }) => text));
    const { pieces } = await loadTokenizer(join(random.folder, 'tokenizer.json'), fail);
    for (const [index, { text, labels }] of cases.entries()) {
      let token = 1;
      const tagged = [...wordsOf(text)].flatMap(({ start, end, text: word }): TaggedWord[] => {
        const label = labels[token] ?? 'O';
        const count = pieces(word).length;
        token += count;
        return count === 0 ? [] : [{ start, end, tag: tagOf(label), confidence: 1 }];
      });
      const expected = spansOf(tagged).map(({ start, end, label }) => [start, end, label]);
      expect(found[index]?.map(({ start, end, label }) => [start, end, label])).toEqual(expected);
    }
    await extractor.close();
  });
});
