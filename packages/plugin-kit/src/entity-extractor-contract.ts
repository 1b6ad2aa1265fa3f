import assert from 'node:assert/strict';
import type { EntityExtractor } from '@memvid/core';
import { assertNames, assertRefusesAborted, leavingUnchanged } from './calls.js';
import type { Runner } from './runner.js';

export interface EntityExtractorContract {
  /** Makes the extractor; called once a test. */
  create: () => EntityExtractor | Promise<EntityExtractor>;
  /** Texts with names in them, at least one name in the first. */
  texts?: readonly string[] | undefined;
  name?: string | undefined;
}

const TEXTS = [
  'Satya Nadella leads Microsoft from an office in Seattle.',
  'nothing is named here',
  'Zoë met Ana María in São Paulo 🙂 and then flew to Zürich.',
] as const;

/** What every entity extractor has to do. */
export function entityExtractorContract({ describe, it }: Runner, contract: EntityExtractorContract): void {
  const texts = contract.texts ?? TEXTS;
  describe(contract.name ?? 'entity extractor contract', () => {
    it('says what it is: spec, provider, model, and the types it finds', async () => {
      const extractor = await contract.create();
      assert.equal(extractor.spec, 'entity-extractor/v1');
      assertNames(extractor);
      assert.ok(extractor.entityTypes.length > 0, '`entityTypes` must name at least one type');
    });

    it('gives one list a text, of names as they stand there, and leaves the texts as they are', async () => {
      const extractor = await contract.create();
      const lists = await leavingUnchanged([...texts], (own) => extractor.extract(own));
      assert.equal(lists.length, texts.length, 'one list a text');
      assert.ok((lists[0]?.length ?? 0) > 0, 'there are names in the first text');
      for (const [index, entities] of lists.entries()) {
        const text = texts[index] ?? '';
        for (const { name, type, confidence, start, end } of entities) {
          assert.ok(text.includes(name), `"${name}" does not stand in text ${index}`);
          assert.ok(extractor.entityTypes.includes(type), `${type} is none of entityTypes`);
          assert.ok(
            confidence >= 0.5 && confidence <= 1,
            `a confidence of ${confidence}; the least is 0.5 unless told otherwise`,
          );
          if (start !== undefined || end !== undefined) {
            assert.equal(text.slice(start, end), name, `start and end of "${name}" (UTF-16 units)`);
          }
        }
      }
    });

    it('keeps the order', async () => {
      const extractor = await contract.create();
      const names = async (some: readonly string[]): Promise<string[][]> =>
        (await extractor.extract(some)).map((entities) => entities.map(({ name }) => name));
      const forward = await names(texts);
      assert.deepEqual((await names(texts.toReversed())).toReversed(), forward);
    });

    it('leaves out what is less certain than asked for', async () => {
      const extractor = await contract.create();
      const lists = await extractor.extract(texts, { minConfidence: 1 });
      assert.ok(lists.flat().every(({ confidence }) => confidence >= 1));
    });

    it('no texts: no lists', async () => {
      assert.deepEqual(await (await contract.create()).extract([]), []);
    });

    it('works again behind `close`, where it has one, which may be called twice', async () => {
      const extractor = await contract.create();
      const before = await extractor.extract(texts);
      await extractor.close?.();
      await extractor.close?.();
      assert.deepEqual(await extractor.extract(texts), before);
    });

    it('rejects when its signal is aborted before', async () => {
      const extractor = await contract.create();
      await assertRefusesAborted((signal) => extractor.extract(texts, { signal }));
    });
  });
}
