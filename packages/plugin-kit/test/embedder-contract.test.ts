import { HashEmbeddings, type Embedder, type EmbedOptions, type EmbedResult } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { embedderContract } from '../src/index.ts';
import { collect } from './support/collect.ts';

embedderContract({ describe, it }, { create: () => new HashEmbeddings(), name: 'HashEmbeddings' });

/** A sound embedder with one thing changed. */
function broken(
  change: Partial<Embedder> | ((texts: readonly string[], options: EmbedOptions) => Promise<unknown>),
): Embedder {
  const sound = new HashEmbeddings({ dimension: 32 });
  const base: Embedder = {
    spec: 'embedder/v1',
    provider: 'acme',
    model: 'acme-1',
    dimensions: 32,
    maxBatch: 16,
    embed: (texts, options) => sound.embed(texts, options),
  };
  return typeof change === 'function'
    ? { ...base, embed: (texts, options) => change(texts, options) as Promise<EmbedResult> }
    : { ...base, ...change };
}

const sound = new HashEmbeddings({ dimension: 32 });
const vectorsOf = async (texts: readonly string[]): Promise<Float32Array[]> => [
  ...(await sound.embed([...texts], { kind: 'document' })).vectors,
];
let calls = 0;
const buffer = new Float32Array(32);

describe('the embedder contract finds', () => {
  it.each<[what: string, embedder: () => Embedder, test: RegExp]>([
    [
      'an order of its own',
      () =>
        broken(async (texts, { signal }) => {
          signal?.throwIfAborted();
          return { vectors: await vectorsOf(texts.toSorted()) };
        }),
      /keeps the order/,
    ],
    [
      'answers in the order in which they were ready',
      () =>
        broken(async (texts, { signal }) => {
          signal?.throwIfAborted();
          return { vectors: await vectorsOf(texts.toReversed()) };
        }),
      /keeps the order/,
    ],
    [
      'a vector too few',
      () => broken(async (texts) => ({ vectors: (await vectorsOf(texts)).slice(1) })),
      /one finite vector a text/,
    ],
    [
      'a vector too many',
      () => broken(async (texts) => ({ vectors: await vectorsOf([...texts, 'more']) })),
      /one finite vector a text/,
    ],
    [
      'plain arrays',
      () => broken(async (texts) => ({ vectors: (await vectorsOf(texts)).map((v) => Array.from(v)) })),
      /one finite/,
    ],
    ['no `vectors`', () => broken(async (texts) => vectorsOf(texts)), /one finite vector a text/],
    [
      'NaN',
      () => broken(async (texts) => ({ vectors: texts.map(() => new Float32Array(32).fill(NaN)) })),
      /one finite vector a text/,
    ],
    [
      'zeros',
      () => broken(async (texts) => ({ vectors: texts.map(() => new Float32Array(32)) })),
      /one finite/,
    ],
    ['another size than it declares', () => broken({ dimensions: 64 }), /of the size it declares/],
    [
      'a size that drifts from call to call',
      () =>
        broken({
          dimensions: undefined,
          embed: async (texts) => {
            calls += 1;
            return { vectors: texts.map(() => new Float32Array(8 + (calls % 5)).fill(1)) };
          },
        }),
      /one size from call to call/,
    ],
    [
      'one vector for all',
      () => broken(async (texts) => ({ vectors: texts.map(() => new Float32Array(32).fill(1)) })),
      /tells texts apart/,
    ],
    [
      'texts that were changed',
      () =>
        broken(async (texts) => {
          (texts as string[]).sort();
          return { vectors: await vectorsOf(texts) };
        }),
      /leaves the texts as they are/,
    ],
    [
      'a buffer that is used again',
      () =>
        broken(async (texts, { signal }) => {
          signal?.throwIfAborted();
          const vectors = await vectorsOf(texts);
          buffer.set(vectors.at(-1) ?? []);
          return { vectors: vectors.map((vector, at) => (at === 0 ? buffer : vector)) };
        }),
      /vectors it gave before/,
    ],
    [
      'an abort that is not heard',
      () => broken(async (texts) => ({ vectors: await vectorsOf(texts) })),
      /aborted before/,
    ],
    [
      'an abort that leaves the call hanging',
      () =>
        broken((texts, { signal }) =>
          signal === undefined
            ? vectorsOf(texts).then((vectors) => ({ vectors }))
            : new Promise(() => undefined),
        ),
      /aborted under way/,
    ],
    [
      'an abort under way that changes nothing',
      () =>
        broken(async (texts, { signal }) => {
          signal?.throwIfAborted();
          await new Promise((resolve) => {
            setTimeout(resolve, 20);
          });
          return { vectors: await vectorsOf(texts) };
        }),
      /aborted under way/,
    ],
    [
      'a state shared by calls at the same time',
      () => {
        let last: readonly string[] = [];
        return broken(async (texts) => {
          last = texts;
          await new Promise((resolve) => {
            setImmediate(resolve);
          });
          return { vectors: await vectorsOf(texts.map((text, at) => last[at] ?? text)) };
        });
      },
      /calls at the same time/,
    ],
    [
      'texts it cannot take',
      () =>
        broken(async (texts) => {
          if (texts.some((text) => text.length > 1000)) throw new Error('too long');
          return { vectors: await vectorsOf(texts) };
        }),
      /texts of every form/,
    ],
    [
      'a batch it does not take',
      () =>
        broken(async (texts) => {
          if (texts.length > 8) throw new Error('too many');
          return { vectors: await vectorsOf(texts) };
        }),
      /takes a whole batch/,
    ],
    ['another spec', () => broken({ spec: 'embedder/v2' as never }), /says what it is/],
    ['upper case', () => broken({ provider: 'Acme' }), /says what it is/],
    ['a blank model', () => broken({ model: ' ' }), /says what it is/],
    ['no batch', () => broken({ maxBatch: 0 }), /says what it is/],
    ['no calls at a time', () => broken({ concurrency: 0 }), /says what it is/],
    ['tries without an end', () => broken({ maxRetries: NaN }), /says what it is/],
  ])(
    '%s',
    async (_, create, test) => {
      const { failures } = await collect((runner) => embedderContract(runner, { create }));
      expect([...failures.keys()].filter((name) => test.test(name))).not.toEqual([]);
    },
    20_000,
  );

  it('nothing in a sound one', async () => {
    const { names, failures } = await collect((runner) =>
      embedderContract(runner, { create: () => broken({}) }),
    );
    expect(names.length).toBeGreaterThan(9);
    expect([...failures]).toEqual([]);
  });
});
