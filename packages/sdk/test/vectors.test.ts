import type { NativeMemory } from '@memvid/core';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { modelForDimension, modelOf, pluginOfProvider } from '../src/embedding/models.ts';
import { find } from '../src/find.ts';
import { Handle } from '../src/handle.ts';

const IDENTITY = { provider: 'openai', model: 'text-embedding-3-small', dimension: 4, normalized: true };

/** A handle on a file that holds vectors (as the reference writes them), of which only the counts matter here. */
function handleWith(dimension: number, identity: unknown): Handle {
  const head = {
    count: 0,
    numbers: [],
    total_hits: 0,
    total_is_exact: true,
    next_cursor: null,
    took_ms: 0,
  };
  const native = {
    stats: () => JSON.stringify({ effective_vec_dimension: dimension, embedding_identity: identity }),
    find: () => ({ head: JSON.stringify(head), ascii: '', wide: '' }),
  } as unknown as NativeMemory;
  return new Handle('vectors.mv2', native, {
    readOnly: false,
    enableVec: true,
    lockTimeoutMs: 1000,
    fusion: 'weighted',
    apiKeys: new Map(),
  });
}

let saved: NodeJS.ProcessEnv;
beforeEach(() => {
  saved = { ...process.env };
  delete process.env['OPENAI_API_KEY'];
});
afterEach(() => {
  process.env = saved;
});

describe('a file whose vectors somebody made', () => {
  it.each([
    ['single identity without its key', IDENTITY, 4, undefined, 'OPENAI_API_KEY'],
    [
      'two identities',
      {
        mixed: [
          { ...IDENTITY, count: 1 },
          { ...IDENTITY, model: 'other', count: 2 },
        ],
      },
      4,
      undefined,
      'several models',
    ],
    ['no identity and no known size', null, 5, undefined, '5 numbers fit no known one'],
    ['no identity, size of bge-small', null, 384, undefined, 'bge-small'],
    ['a model nobody knows', null, 384, 'no-such-model', '"no-such-model"'],
    ['a model by name', { mixed: [] }, 4, 'openai-small', 'OPENAI_API_KEY'],
    [
      'a provider of somebody',
      { ...IDENTITY, provider: 'acme', model: 'acme-1' },
      4,
      undefined,
      'acme acme-1',
    ],
  ])(
    'MV015 for a question that cannot be embedded: %s',
    async (_, identity, dimension, queryEmbeddingModel, named) => {
      await expect(
        find(handleWith(dimension, identity), 'q', { mode: 'sem', queryEmbeddingModel }),
      ).rejects.toMatchObject({
        code: 'MV015',
        name: 'EmbeddingFailedError',
        message: expect.stringContaining(named),
        suggestion: expect.any(String),
      });
    },
  );
});

describe('embedding models by name', () => {
  it.each([
    ['bge-small', 'local', '@memvid/embed-local'],
    ['openai-large', 'openai', '@memvid/embed-openai'],
    ['text-embedding-3-small', 'openai', '@memvid/embed-openai'],
    ['text-embedding-004', 'gemini', undefined],
    ['embed-english-v3.0', 'cohere', '@memvid/embed-cohere'],
    ['embed-v4.0', 'cohere', '@memvid/embed-cohere'],
    ['voyage-3', 'voyage', '@memvid/embed-voyage'],
    ['nvidia/nv-embed-v1', 'nvidia', '@memvid/embed-nvidia'],
    ['mistral-embed', 'mistral', undefined],
  ])('%s runs with %s', (model, provider, packageName) => {
    expect(modelOf(model)?.provider).toBe(provider);
    expect(pluginOfProvider(provider)?.packageName).toBe(packageName);
  });

  it('sizes tell models and providers tell keys', () => {
    expect([384, 768, 1024, 1536, 3072, 5].map(modelForDimension)).toEqual([
      'bge-small',
      'bge-base',
      'gte-large',
      'openai-small',
      'openai-large',
      undefined,
    ]);
    expect(modelOf('no-such')).toBeUndefined();
    expect(modelOf('All-MiniLM-L6-v2')).toEqual({
      provider: 'local',
      model: 'sentence-transformers/all-MiniLM-L6-v2',
    });
    expect(pluginOfProvider('OpenAI')?.keys).toEqual(['OPENAI_API_KEY']);
    expect(pluginOfProvider('fastembed')).toMatchObject({ packageName: '@memvid/embed-local', keys: [] });
    expect(pluginOfProvider('acme')).toBeUndefined();
  });
});
