import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { loadTokenizer, type TextTokenizer } from '../src/index.ts';
import { fail, scratch } from './support/failure.ts';
import { tokenizerJson } from './support/onnx-model.ts';

const WORDS = ['red', 'green', 'blue', '##s', '日', '本', '.', 'a'];

async function tokenizer(
  change: (description: Record<string, unknown>) => void = () => undefined,
): Promise<TextTokenizer> {
  const path = join(scratch(), 'tokenizer.json');
  const description = JSON.parse(tokenizerJson(WORDS)) as Record<string, unknown>;
  change(description);
  writeFileSync(path, JSON.stringify(description));
  return loadTokenizer(path, fail);
}

describe('a tokenizer', () => {
  it('obeys the limit that it is given, and neither truncation nor padding of its file', async () => {
    const { encode, padId } = await tokenizer();
    expect(encode('Red greens blue.', 512)).toEqual({ ids: [2, 4, 5, 7, 6, 10, 3], cut: false });
    expect(encode('Red greens blue.', 7)).toEqual({ ids: [2, 4, 5, 7, 6, 10, 3], cut: false });
    expect(encode('Red greens blue.', 4)).toEqual({ ids: [2, 4, 5, 3], cut: true });
    expect(encode('', 4)).toEqual({ ids: [2, 3], cut: false });
    expect(padId).toBe(0);
  });

  it('gives the same tokens for a long text as if it were taken apart whole', async () => {
    const whole = await tokenizer((description) => {
      // Another kind of splitting that does the same here, for which nothing is known about borders.
      description['pre_tokenizer'] = { type: 'Sequence', pretokenizers: [{ type: 'BertPreTokenizer' }] };
    });
    const { encode } = await tokenizer();
    let state = 1;
    const random = (below: number): number => {
      state = (Math.imul(state, 1_103_515_245) + 12_345) >>> 0;
      return (state >>> 8) % below;
    };
    const pieces = [
      'red',
      'Greens',
      'blue',
      '日',
      '本',
      '.',
      ' ',
      '\n',
      '\u3000',
      '\u0301',
      'é',
      'zzz',
      '[SEP]',
      '\u{1f600}',
      '\ufeff',
      '\f',
      '\u2028',
      '\u00a0',
      '\u200b',
    ];
    for (let round = 0; round < 300; round += 1) {
      const length = 20 + random(400);
      const text = Array.from({ length }, () => pieces[random(pieces.length)]).join('');
      for (const limit of [3, 5, 17, 64]) expect(encode(text, limit)).toEqual(whole.encode(text, limit));
    }
    for (const text of [
      'a'.repeat(50_000),
      `${'x'.repeat(5000)} red`,
      '日本'.repeat(20_000),
      'red\n'.repeat(50_000),
    ]) {
      expect(encode(text, 16)).toEqual(whole.encode(text, 16));
    }
  });

  it('takes only as much of a book as it needs', async () => {
    const { encode } = await tokenizer();
    const book = 'red green blue. '.repeat(500_000);
    encode(book, 64);
    const start = performance.now();
    for (let round = 0; round < 20; round += 1) encode(book, 64);
    // Whole, one round takes seconds.
    expect(performance.now() - start).toBeLessThan(1000);
  });

  it('a damaged or missing file is refused', async () => {
    const path = join(scratch(), 'tokenizer.json');
    await expect(loadTokenizer(path, fail)).rejects.toMatchObject({
      details: { reason: 'invalid_model', path },
    });
    for (const text of ['{}', '{"model":{"type":"Nothing"}}', 'x']) {
      writeFileSync(path, text);
      await expect(loadTokenizer(path, fail)).rejects.toMatchObject({ code: 'MV015' });
    }
  });
});
