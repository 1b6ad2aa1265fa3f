import assert from 'node:assert/strict';
import { declaredDimension, type Embedder, type EmbedOptions } from '@memvid/core';
import {
  assertEndsWhenAborted,
  assertNames,
  assertRefusesAborted,
  assertWhole,
  leavingUnchanged,
} from './calls.js';
import type { Runner } from './runner.js';
import { assertSame, assertVectors, cosine } from './vectors.js';

export interface EmbedderContract {
  /** Makes the embedder; called once a test. */
  create: () => Embedder | Promise<Embedder>;
  /** What the tests are grouped under. Default `"embedder contract"`. */
  name?: string | undefined;
  /** At least three texts that must not have the same vector. */
  texts?: readonly string[] | undefined;
}

const TEXTS = [
  'The walrus rests on the ice.',
  'Interest rates were raised by half a point.',
  'def add(a, b):\n    return a + b',
  'Ein Text mit Umlauten: Äpfel, Öl und Übermut.',
] as const;
/** What breaks those who count bytes, trim, or split at white space. */
const UNUSUAL = [
  'a',
  '  spaces around  ',
  'two\nlines\r\n',
  '漢字とかな',
  '👩‍👩‍👧 family',
  'word '.repeat(3000),
] as const;
/** Most texts of one call in these tests. */
const MOST = 64;

/** What every embedder has to do. Each test makes its own; a service must be reachable, or faked. */
export function embedderContract({ describe, it }: Runner, contract: EmbedderContract): void {
  const texts = contract.texts ?? TEXTS;
  const document: EmbedOptions = { kind: 'document' };
  const query: EmbedOptions = { kind: 'query' };

  describe(contract.name ?? 'embedder contract', () => {
    it('says what it is: spec, provider, model, and how much one call takes', async () => {
      const embedder = await contract.create();
      assert.equal(embedder.spec, 'embedder/v1');
      assertNames(embedder);
      assertWhole(embedder.maxBatch, 'maxBatch');
      for (const name of ['maxTokens', 'maxBatchTokens', 'concurrency'] as const) {
        if (embedder[name] !== undefined) assertWhole(embedder[name], name);
      }
      // 0: only the first answer tells.
      if (embedder.dimensions !== undefined) assertWhole(embedder.dimensions, 'dimensions', 0);
      if (embedder.timeoutMs !== undefined) {
        assert.ok(embedder.timeoutMs > 0, '`timeoutMs` must be more than 0');
      }
      if (embedder.maxRetries !== undefined) {
        assertWhole(embedder.maxRetries, 'maxRetries', 0);
      }
      assert.equal(typeof embedder.embed, 'function');
    });

    it('gives one finite vector a text, of the size it declares, for documents and questions', async () => {
      const embedder = await contract.create();
      const some = texts.slice(0, embedder.maxBatch);
      const documents = await embedder.embed([...some], document);
      assertVectors(documents.vectors, some.length, declaredDimension(embedder));
      const dimension = documents.vectors[0]?.length;
      const questions = await embedder.embed([...some], query);
      assertVectors(questions.vectors, some.length, dimension);
      const tokens = documents.usage?.tokens;
      assert.ok(
        tokens === undefined || (Number.isFinite(tokens) && tokens >= 0),
        '`usage.tokens` must be a count',
      );
    });

    it('has one size from call to call', async () => {
      const embedder = await contract.create();
      let dimension = declaredDimension(embedder);
      for (const text of texts) {
        const { vectors } = await embedder.embed([text], document);
        assertVectors(vectors, 1, dimension);
        dimension = vectors[0]?.length;
      }
    });

    it('keeps the order: a text has the same vector alone, among others, and in the reverse order', async () => {
      const embedder = await contract.create();
      if (embedder.maxBatch < 2) return;
      const some = texts.slice(0, embedder.maxBatch);
      const { vectors } = await embedder.embed([...some], document);
      const { vectors: reversed } = await embedder.embed(some.toReversed(), document);
      for (const [index, text] of some.entries()) {
        const alone = await embedder.embed([text], document);
        assertSame(vectors[index], alone.vectors[0], `text ${index} among others`);
        assertSame(reversed[some.length - 1 - index], alone.vectors[0], `text ${index} in the reverse order`);
      }
    });

    it('tells texts apart', async () => {
      const embedder = await contract.create();
      const vectors: Float32Array[] = [];
      for (const text of texts.slice(0, 3)) {
        const [vector] = (await embedder.embed([text], document)).vectors;
        if (vector !== undefined) vectors.push(Float32Array.from(vector));
      }
      const [first, ...others] = vectors;
      assert.ok(first !== undefined && others.length === 2, 'a vector is missing');
      for (const other of others) {
        assert.ok(cosine(first, other) < 0.9999, 'different texts have the same vector');
      }
    });

    it('takes a whole batch', async () => {
      const embedder = await contract.create();
      const count = Math.min(embedder.maxBatch, MOST);
      const batch = Array.from(
        { length: count },
        (_, index) => `${texts[index % texts.length]} Number ${index}.`,
      );
      assertVectors((await embedder.embed(batch, document)).vectors, count, declaredDimension(embedder));
    });

    it('takes texts of every form: short, long, other scripts, white space', async () => {
      const embedder = await contract.create();
      for (const text of UNUSUAL) {
        assertVectors((await embedder.embed([text], document)).vectors, 1, declaredDimension(embedder));
      }
    });

    it('leaves the texts as they are, and vectors it gave before', async () => {
      const embedder = await contract.create();
      const some = texts.slice(0, embedder.maxBatch);
      const { vectors } = await leavingUnchanged([...some], (own) => embedder.embed(own, document));
      const before = vectors.map((vector) => Float32Array.from(vector));
      await embedder.embed(some.toReversed(), query);
      assert.deepEqual([...vectors], before, 'a later call changed the vectors of an earlier one');
    });

    it('answers calls at the same time, each with its own', async () => {
      const embedder = await contract.create();
      const together = await Promise.all(texts.map((text) => embedder.embed([text], document)));
      for (const [index, text] of texts.entries()) {
        const alone = await embedder.embed([text], document);
        assertSame(together[index]?.vectors[0], alone.vectors[0], `text ${index} beside others`);
      }
    });

    it('rejects when its signal is aborted before', async () => {
      const embedder = await contract.create();
      await assertRefusesAborted((signal) => embedder.embed(texts.slice(0, 1), { ...document, signal }));
    });

    it('rejects when its signal is aborted under way', async () => {
      const embedder = await contract.create();
      await assertEndsWhenAborted((signal) =>
        embedder.embed(texts.slice(0, embedder.maxBatch), { ...document, signal }),
      );
    });
  });
}
