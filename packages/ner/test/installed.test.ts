import { basename, dirname } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ner } from '../src/index.ts';

/** On for `1`, `true`, `yes` and `on`. */
const gate = /^(1|true|yes|on)$/i.test(process.env['MEMVID_TEST_NER'] ?? '');
if (!gate) process.stderr.write('skipped: a token classifier of real weights: MEMVID_TEST_NER is not set\n');

// With the gate on and no model this fails, as it should.
describe.skipIf(!gate)(
  'a token classifier, from MEMVID_TEST_NER_DIR or distilbert-ner from MEMVID_MODELS_DIR',
  () => {
    it('finds persons, organisations and places where they stand', async () => {
      const folder = process.env['MEMVID_TEST_NER_DIR'];
      const extractor =
        folder === undefined ? ner('distilbert-ner') : ner(basename(folder), { directory: dirname(folder) });
      const texts = [
        'Satya Nadella leads Microsoft from an office in Seattle.',
        'Angela Merkel was born in Hamburg.',
        'Toyota builds cars in Japan.',
      ];
      const found = await extractor.extract(texts);
      expect(found.map((list) => list.map(({ name, type, start }) => [name, type, start]))).toEqual([
        [
          ['Satya Nadella', 'PERSON', 0],
          ['Microsoft', 'ORG', 20],
          ['Seattle', 'LOCATION', 48],
        ],
        [
          ['Angela Merkel', 'PERSON', 0],
          ['Hamburg', 'LOCATION', 26],
        ],
        [
          ['Toyota', 'ORG', 0],
          ['Japan', 'LOCATION', 22],
        ],
      ]);
      await extractor.close();
    });
  },
);
