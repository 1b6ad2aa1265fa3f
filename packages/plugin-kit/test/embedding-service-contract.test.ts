import type { Embedder } from '@memvid/core';
import { postJson, requestFailed, requireKey, requireNetwork, vectorsByIndex } from '@memvid/core/plugin';
import { describe, expect, it } from 'vitest';
import { embeddingServiceContract, type EmbeddingServiceContract } from '../src/index.ts';
import { collect } from './support/collect.ts';

type Options = Parameters<EmbeddingServiceContract['create']>[0];

/** What a sound plugin does, each step of which a broken one may leave out. */
interface Steps {
  key?: (options: Options) => string;
  network?: () => void;
  inOrder?: (data: unknown) => Float32Array[];
  failed?: (error: unknown, key: string) => unknown;
  tries?: number;
  body?: object;
  signal?: boolean;
  ownFetch?: boolean;
  secrets?: (options: Options) => string[];
}

const secretsOf = ({ headers }: Options): string[] =>
  Object.values(headers ?? {}).map((value) => value.split(' ').at(-1) ?? '');

function contract(steps: Steps = {}): EmbeddingServiceContract {
  const call = { provider: 'acme', model: 'acme-1' };
  return {
    create: (options): Embedder => ({
      spec: 'embedder/v1',
      ...call,
      maxBatch: 16,
      timeoutMs: options.timeoutMs ?? 30_000,
      async embed(texts, { kind, signal }) {
        (steps.network ?? (() => requireNetwork(call)))();
        const key = steps.key?.(options) ?? requireKey(call, options.apiKey, ['ACME_API_KEY']);
        for (let tries = 1; ; tries += 1) {
          try {
            const { data } = await postJson<{ data: unknown }>({
              url: `${options.baseURL}/embed`,
              headers: { ...options.headers, authorization: `Bearer ${key}` },
              body: { model: call.model, input: texts, purpose: kind, ...steps.body },
              fetch: steps.ownFetch === true ? undefined : options.fetch,
              signal: steps.signal === false ? undefined : signal,
            });
            return { vectors: (steps.inOrder ?? ((list) => vectorsByIndex(list, call)))(data) };
          } catch (error) {
            if (tries < (steps.tries ?? 1)) continue;
            throw (
              steps.failed?.(error, key) ??
              requestFailed(error, {
                ...call,
                secrets: [key, ...(steps.secrets ?? secretsOf)(options)],
                variable: 'ACME_API_KEY',
              })
            );
          }
        }
      },
    }),
    path: '/embed',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: (input, purpose) => ({ model: 'acme-1', input, purpose }),
    reply: (vectors) => ({ data: vectors }),
    refusal: (message) => ({ message }),
    variables: ['ACME_API_KEY'],
    takesBase64: true,
  };
}

embeddingServiceContract({ describe, it }, contract());

describe('the service contract finds', () => {
  it.each<[what: string, steps: Steps, test: RegExp]>([
    ['a body that is not the vendor’s', { body: { extra: 1 } }, /asks as the vendor documents/],
    [
      'answers taken as they stand',
      {
        inOrder: (data) =>
          (data as { embedding: number[] }[]).map(({ embedding }) => Float32Array.from(embedding)),
      },
      /by index/,
    ],
    [
      'null taken for 0',
      {
        inOrder: (data) =>
          (data as { embedding: number[]; index: number }[])
            .toSorted((a, b) => a.index - b.index)
            .map(({ embedding }) => Float32Array.from(embedding)),
      },
      /numbers that are none/,
    ],
    ['tries of its own', { tries: 2 }, /500 and then 200/],
    ['errors that say nothing of trying again', { failed: () => new Error('it failed') }, /429/],
    [
      'a key in the error',
      { failed: (error, key) => Object.assign(new Error(`request with ${key} failed`), error) },
      /refused key/,
    ],
    ['what further headers say in the error', { secrets: () => [] }, /further headers/],
    ['a key in the cause', { failed: (error) => error }, /refused key/],
    ['a request without a key', { key: ({ apiKey = '' }) => apiKey }, /without a key/],
    ['a request though offline', { network: () => undefined }, /MEMVID_OFFLINE/],
    ['a signal that is not passed on', { signal: false }, /ends a request/],
    ['another fetch than it was given', { ownFetch: true }, /uses the fetch/],
  ])('%s', async (_, steps, test) => {
    const { failures } = await collect((runner) =>
      // Only what it is about: the others wait for time-outs.
      embeddingServiceContract(
        {
          describe: runner.describe,
          it: (name, body) => (test.test(name) ? runner.it(name, limited(body)) : undefined),
        },
        contract(steps),
      ),
    );
    expect([...failures.keys()]).not.toEqual([]);
  });
});

/** A test that hangs has found something too. */
function limited(body: () => Promise<void>): () => Promise<void> {
  return () =>
    Promise.race([
      body(),
      new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error('it hangs')), 2000).unref();
      }),
    ]);
}
