import assert from 'node:assert/strict';
import type { ImageEmbedder, ImageInput } from '@memvid/core';
import { assertNames, assertRefusesAborted, assertWhole, leavingUnchanged } from './calls.js';
import type { Runner } from './runner.js';
import { assertSame, assertVectors } from './vectors.js';

export interface ImageEmbedderContract {
  /** Makes the embedder; called once a test. */
  create: () => ImageEmbedder | Promise<ImageEmbedder>;
  /** At least two pictures it reads. */
  images: readonly ImageInput[];
  name?: string | undefined;
}

const TEXTS = ['a photograph of a dog', 'a red square'] as const;

/** What every image embedder has to do. */
export function imageEmbedderContract({ describe, it }: Runner, contract: ImageEmbedderContract): void {
  const { images } = contract;
  describe(contract.name ?? 'image embedder contract', () => {
    it('says what it is: spec, provider, model, and how much one call takes', async () => {
      const embedder = await contract.create();
      assert.equal(embedder.spec, 'image-embedder/v1');
      assertNames(embedder);
      assertWhole(embedder.maxBatch, 'maxBatch');
      if (embedder.dimensions !== undefined) assertWhole(embedder.dimensions, 'dimensions');
    });

    it('gives pictures and texts finite vectors of one size', async () => {
      const embedder = await contract.create();
      const some = images.slice(0, embedder.maxBatch);
      const { vectors } = await embedder.embedImages([...some]);
      assertVectors(vectors, some.length, embedder.dimensions);
      const words = TEXTS.slice(0, embedder.maxBatch);
      assertVectors((await embedder.embedTexts([...words])).vectors, words.length, vectors[0]?.length);
    });

    it('keeps the order: a picture and a text have the same vector alone and among others', async () => {
      const embedder = await contract.create();
      if (embedder.maxBatch < 2) return;
      const some = images.slice(0, embedder.maxBatch);
      const { vectors } = await embedder.embedImages(some.toReversed());
      for (const [index, image] of some.entries()) {
        const alone = await embedder.embedImages([image]);
        assertSame(vectors[some.length - 1 - index], alone.vectors[0], `picture ${index}`);
      }
      const { vectors: words } = await embedder.embedTexts([...TEXTS]);
      for (const [index, text] of TEXTS.entries()) {
        assertSame(words[index], (await embedder.embedTexts([text])).vectors[0], `text ${index}`);
      }
    });

    it('leaves pictures and texts as they are', async () => {
      const embedder = await contract.create();
      await leavingUnchanged(images.slice(0, embedder.maxBatch), (own) => embedder.embedImages(own));
      await leavingUnchanged(TEXTS.slice(0, embedder.maxBatch), (own) => embedder.embedTexts(own));
    });

    it('rejects what is no picture', async () => {
      const embedder = await contract.create();
      await assert.rejects(async () => embedder.embedImages([{ data: Uint8Array.of(1, 2, 3) }]));
    });

    it('rejects when its signal is aborted before', async () => {
      const embedder = await contract.create();
      await assertRefusesAborted((signal) => embedder.embedImages(images.slice(0, 1), { signal }));
      await assertRefusesAborted((signal) => embedder.embedTexts(TEXTS.slice(0, 1), { signal }));
    });
  });
}
