import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { modelFolder } from '@memvid/ner-model-en';
import { entityExtractorContract, pluginContract } from '@memvid/plugin-kit';
import { afterAll, describe, expect, it } from 'vitest';
import { abortedAt } from '../../../tests/support/looks.ts';
import { turnsOf } from '../../../tests/support/processor-time.ts';
import { ner, nerPlugin } from '../src/index.ts';
import golden from './fixtures/en-core-web-sm.json' with { type: 'json' };
import long from './fixtures/long-text.json' with { type: 'json' };
import odd from './fixtures/odd-texts.json' with { type: 'json' };
import { failure, folderOf, scratch, sharedModel, unitsOf } from './support/models.ts';

const english = ner();
afterAll(() => english.close());

type Expected = readonly [start: number, end: number, label: string];

/** All that spaCy finds, and no more, at the same places. */
async function expectEntities(
  cases: readonly { text: string; entities: readonly Expected[] }[],
): Promise<void> {
  const found = await english.extract(
    cases.map(({ text }) => text),
    { minConfidence: 0 },
  );
  for (const [index, { text, entities }] of cases.entries()) {
    const units = unitsOf(text);
    const expected = entities.map(([start, end, label]) => [units[start], units[end], label]);
    expect((found[index] ?? []).map(({ start, end, label }) => [start, end, label])).toEqual(expected);
    for (const { name, start, end, confidence } of found[index] ?? []) {
      expect(text.slice(start, end)).toBe(name);
      expect(confidence).toBeGreaterThan(0);
      expect(confidence).toBeLessThanOrEqual(1);
    }
  }
}

function casesOf({ cases }: typeof golden): { text: string; entities: Expected[] }[] {
  return cases.map(({ text, entities }) => ({
    text,
    entities: entities.map(({ start, end, label }) => [start, end, label]),
  }));
}

describe('the English model', () => {
  it('finds what spaCy finds with it', () => expectEntities(casesOf(golden)));

  const dialogues = sharedModel('ner-en-core-web-sm');
  it.skipIf(dialogues.missing !== undefined)('does so in sentences of dialogues', () => {
    const path = join(dialogues.folder, 'golden_locomo.json');
    return expectEntities(casesOf(JSON.parse(readFileSync(path, 'utf8')) as typeof golden));
  });

  it('does so in strings that nobody writes', () => {
    const cases = odd.cases as [string, unknown, Expected[]][];
    return expectEntities(cases.map(([text, , entities]) => ({ text, entities })));
  });

  it('does so in a text of several windows', () => {
    const once = golden.cases.map(({ text }) => text).join(long.between);
    const text = Array.from({ length: long.repeats }, () => once).join(long.betweenRepeats);
    return expectEntities([{ text, entities: long.entities as unknown as Expected[] }]);
  });

  it('finds persons, organisations and places', async () => {
    const [entities] = await english.extract(['Satya Nadella leads Microsoft from an office in Seattle.']);
    expect(entities).toEqual([
      {
        name: 'Satya Nadella',
        type: 'PERSON',
        label: 'PERSON',
        confidence: expect.any(Number),
        start: 0,
        end: 13,
      },
      { name: 'Microsoft', type: 'ORG', label: 'ORG', confidence: expect.any(Number), start: 20, end: 29 },
      { name: 'Seattle', type: 'LOCATION', label: 'GPE', confidence: expect.any(Number), start: 48, end: 55 },
    ]);
  });

  it('finds the same in a text alone, among others and while others are asked', async () => {
    const texts = golden.cases.map(({ text }) => text);
    const together = await english.extract(texts);
    const alone = await Promise.all(texts.map(async (text) => (await english.extract([text]))[0]));
    expect(alone).toEqual(together);
  });

  it('reports the types that are wanted, and nothing that is less certain than wanted', async () => {
    const text = golden.cases[0]?.text ?? '';
    const [all = []] = await english.extract([text], { minConfidence: 0 });
    const places = ner('en', { entityTypes: ['location'], minConfidence: 0 });
    expect(places.entityTypes).toEqual(['LOCATION']);
    expect((await places.extract([text]))[0]).toEqual(all.filter(({ type }) => type === 'LOCATION'));
    await places.close();
    const middle = all.map(({ confidence }) => confidence).toSorted((a, b) => a - b)[2] ?? 0;
    const [certain] = await english.extract([text], { minConfidence: middle });
    expect(certain).toEqual(all.filter(({ confidence }) => confidence >= middle));
  });

  it('finds nothing in texts without words, and copes with halves of characters', async () => {
    const texts = ['', ' ', '\n\n', '\ud83d', '\udc00Berlin\ud83d'];
    const found = await english.extract(texts, { minConfidence: 0 });
    expect(found.slice(0, 3)).toEqual([[], [], []]);
    for (const [index, entities] of found.entries()) {
      for (const { name, start, end } of entities) expect(texts[index]?.slice(start, end)).toBe(name);
    }
  });

  it('goes on after it was closed, and ends with its signal', async () => {
    const extractor = ner();
    const [before] = await extractor.extract(['Ann lives in Berlin.']);
    await extractor.close();
    expect((await extractor.extract(['Ann lives in Berlin.']))[0]).toEqual(before);
    const text = `${golden.cases[0]?.text} `.repeat(2000);
    // The network alone, which is run some fifty times for each text, looks at it before each.
    const signal = abortedAt(20, new Error('no longer wanted'));
    await expect(extractor.extract([text, text], { signal })).rejects.toMatchObject({
      code: 'MV018',
      details: { operation: 'extract', reason: 'aborted' },
      cause: new Error('no longer wanted'),
    });
    await expect(extractor.extract(['Ann'], { signal: AbortSignal.abort() })).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted' },
    });
    await extractor.close();
  });

  it('lets others run while it works on a long text', async () => {
    const text = `${golden.cases[0]?.text} `.repeat(1500);
    // Loading the model is another matter.
    await english.extract(['Ann lives in Berlin.']);
    const { longest, whole } = await turnsOf(() => english.extract([text]));
    // 50 ms are no wait for anybody.
    expect(longest).toBeLessThan(Math.max(50, whole / 8));
  });
});

describe('a wrong argument', () => {
  it.each([
    ['a path as a name', () => ner('../models/x'), 'model'],
    ['no name', () => ner(5 as never), 'model'],
    ['a type the model does not know', () => ner('en', { entityTypes: ['PLANET'] }), 'entityTypes'],
    ['no types', () => ner('en', { entityTypes: [] }), 'entityTypes'],
    ['a certainty above 1', () => ner('en', { minConfidence: 2 }), 'minConfidence'],
    ['no threads', () => ner('en', { threads: 0 }), 'threads'],
    ['a runtime that runs nothing', () => ner('en', { runtime: {} as never }), 'runtime'],
    ['a text for a list', () => english.extract('text' as never), 'texts'],
    ['a number among texts', () => english.extract(['a', 5 as never]), 'texts[1]'],
    [
      'a certainty that is none',
      () => english.extract(['a'], { minConfidence: Number.NaN }),
      'minConfidence',
    ],
  ])('%s is MV019', async (_, call, argument) => {
    const error = await failure(Promise.resolve().then((): unknown => call()));
    expect(error).toMatchObject({ code: 'MV019', details: { argument } });
  });
});

describe('a damaged model', () => {
  const files = Object.fromEntries(
    ['model.onnx', 'decode.json', 'tokenizer_rules.json'].map((name) => [
      name,
      readFileSync(join(modelFolder(), name)),
    ]),
  );
  const changed = (
    name: string,
    change: (content: Record<string, unknown>) => void,
  ): Record<string, Buffer> => {
    const content = JSON.parse(String(files[name])) as Record<string, unknown>;
    change(content);
    return { ...files, [name]: Buffer.from(JSON.stringify(content)) };
  };

  it('in a folder of its own works when it is whole', async () => {
    const extractor = ner('own', { directory: folderOf('own', files) });
    const [found] = await extractor.extract(['Ann lives in Berlin.']);
    expect(found).toEqual((await english.extract(['Ann lives in Berlin.']))[0]);
    expect(extractor.entityTypes.toSorted()).toEqual(english.entityTypes.toSorted());
    await extractor.close();
  });

  it.each([
    ['a cut network', { ...files, 'model.onnx': files['model.onnx']?.subarray(0, 5000) ?? '' }, 'model.onnx'],
    ['rules that are no JSON', { ...files, 'tokenizer_rules.json': '{' }, 'tokenizer_rules.json'],
    [
      'a pattern that is none',
      changed('tokenizer_rules.json', (rules) => {
        rules['infix_finditer'] = '(';
      }),
      'tokenizer_rules.json',
    ],
    [
      'an exception with other letters',
      changed('tokenizer_rules.json', (rules) => {
        rules['exceptions'] = { ab: [{ ORTH: 'a' }] };
      }),
      'exceptions',
    ],
    [
      'norms that are no texts',
      changed('tokenizer_rules.json', (rules) => {
        rules['base_norms'] = { a: 1 };
      }),
      'base_norms',
    ],
    [
      'too few weights',
      changed('decode.json', (decode) => {
        decode['bias'] = [1, 2];
      }),
      'bias',
    ],
    [
      'an entity that cannot end',
      changed('decode.json', (decode) => {
        decode['actions'] = ['B-ORG', 'I-ORG', 'O'];
      }),
      'actions',
    ],
    [
      'an impossible table',
      changed('decode.json', (decode) => {
        decode['table_rows'] = [0, 1, 1, 1];
      }),
      'table_rows',
    ],
    [
      'a network for other things',
      changed('decode.json', (decode) => {
        decode['hidden'] = 32;
        decode['bias'] = Array.from({ length: 64 }, () => 0);
        decode['pad'] = Array.from({ length: 192 }, () => 0);
        decode['upper_W'] = Array.from({ length: 74 * 32 }, () => 0);
      }),
      'model.onnx',
    ],
  ])('with %s is MV017 that names it', async (_, content, named) => {
    const extractor = ner('own', { directory: folderOf('own', content) });
    const error = await failure(extractor.extract(['Ann lives in Berlin.']));
    expect(error).toMatchObject({
      code: 'MV017',
      details: { model: 'own', reason: 'invalid_model' },
      message: expect.stringContaining(named),
    });
    expect(error.suggestion).toBeTruthy();
    await extractor.close();
  });

  it('is tried again when it was mended', async () => {
    const directory = folderOf('own', { ...files, 'decode.json': '{}' });
    const extractor = ner('own', { directory });
    expect((await failure(extractor.extract(['x']))).code).toBe('MV017');
    writeFileSync(join(directory, 'own/decode.json'), files['decode.json'] ?? '');
    expect(await extractor.extract(['nothing is named here'])).toHaveLength(1);
    await extractor.close();
  });
});

describe('a model that is not here', () => {
  it('is MV017 with the same words each time: where it was looked for, and how to get it', async () => {
    const directory = scratch();
    const errors = await Promise.all(
      [1, 2].map(() => failure(ner('distilbert-ner', { directory }).extract(['Ann lives in Berlin.']))),
    );
    const [error] = errors;
    const folder = join(directory, 'distilbert-ner');
    expect(error).toMatchObject({
      code: 'MV017',
      name: 'NerModelUnavailableError',
      message: `The model distilbert-ner is not on this machine: there is no model.onnx and no config.json and no tokenizer.json in ${folder}`,
      details: { model: 'distilbert-ner', reason: 'missing_model', searched: [folder] },
    });
    expect(error?.suggestion).toMatch(
      /installModel\('distilbert-ner'\).*MEMVID_MODELS_DIR.*npm install @memvid\/ner/s,
    );
    expect(errors[1]?.toJSON()).toEqual(error?.toJSON());
  });
});

entityExtractorContract({ describe, it }, { create: () => ner() });
pluginContract({ describe, it }, { create: () => nerPlugin() });
