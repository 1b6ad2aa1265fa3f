import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import { beforeAll, describe, expect, it } from 'vitest';
import type { TextTokenizer } from '@memvid/onnx';
import { failureOf } from '../src/failure.ts';
import { loadTextTokenizer, MERGES_FILE, tokenRow } from '../src/text-tokens.ts';
import { MISSING, scratch, TOY } from './support/models.ts';

const fail = failureOf('toy');

describe.skipIf(MISSING !== undefined)('the tokenizer of CLIP', () => {
  let tokenizer: TextTokenizer;
  beforeAll(async () => {
    tokenizer = await loadTextTokenizer(join(TOY, MERGES_FILE), fail);
  });

  it('takes texts apart as the original does, token by token', () => {
    const { texts } = JSON.parse(readFileSync(join(TOY, 'golden.json'), 'utf8')) as {
      texts: { text: string; input_ids: number[] }[];
    };
    for (const { text, input_ids: ids } of texts) expect([...tokenRow(tokenizer, text, 77).ids]).toEqual(ids);
  });

  it('keeps the end mark of a text that is too long, and says how much of a row is text', () => {
    const long = tokenRow(tokenizer, 'word '.repeat(100), 77);
    expect([long.ids[0], long.ids[75], long.ids[76], long.used, long.cut]).toEqual([
      49_406,
      2653,
      49_407,
      77,
      true,
    ]);
    const short = tokenRow(tokenizer, 'a photo', 77);
    expect([short.used, short.cut]).toEqual([4, false]);
  });

  it('reads a book only as far as it is needed, with and without white space, and gives the same tokens', () => {
    const inWords = 'A dog, 2 cats & naïve café owners. ';
    for (const piece of [inWords, '東京の猫。']) {
      const once = piece.repeat(4000);
      let longest = 0;
      const counting: TextTokenizer = {
        ...tokenizer,
        encode(text, limit) {
          longest = Math.max(longest, text.length);
          return tokenizer.encode(text, limit);
        },
      };
      const { ids } = tokenRow(counting, once, 77);
      expect(longest).toBeLessThan(10_000);
      expect(ids).toEqual(tokenRow(tokenizer, piece.repeat(100), 77).ids);
    }
  });

  it('names what is wrong with its file', async () => {
    const folder = scratch();
    const path = join(folder, MERGES_FILE);
    writeFileSync(path, 'no archive');
    const damaged = {
      code: 'MV016',
      details: { reason: 'clip', cause: 'invalid_model', path, model: 'toy' },
    };
    await expect(loadTextTokenizer(path, fail)).rejects.toMatchObject(damaged);
    writeFileSync(path, gzipSync('version\na b\n'));
    await expect(loadTextTokenizer(path, fail)).rejects.toMatchObject(damaged);
    writeFileSync(path, gzipSync(Buffer.alloc(64_000_000, 'a b\n')));
    await expect(loadTextTokenizer(path, fail)).rejects.toMatchObject(damaged);
    const other = join(folder, 'tokenizer.json');
    await expect(loadTextTokenizer(other, fail)).rejects.toMatchObject({ details: { path: other } });
  });
});
