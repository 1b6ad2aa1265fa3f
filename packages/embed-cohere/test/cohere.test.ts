import { embedAll } from '@memvid/core';
import { embedderContract, embeddingServiceContract, pluginContract, startService } from '@memvid/plugin-kit';
import { describe, expect, it, vi } from 'vitest';
import { cohere, CohereEmbeddings, coherePlugin } from '../src/index.ts';

embeddingServiceContract(
  { describe, it },
  {
    create: (options) => cohere('test-model', options),
    path: '/v2/embed',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: (texts, kind) => ({
      model: 'test-model',
      texts,
      input_type: kind === 'query' ? 'search_query' : 'search_document',
      embedding_types: ['float'],
      truncate: 'END',
    }),
    reply: (vectors) => ({
      id: 'da6e531f-54c5-4a73-bf92-f60566d8d753',
      embeddings: { float: vectors.map(({ embedding }) => embedding) },
      texts: [],
      response_type: 'embeddings_by_type',
      meta: { api_version: { version: '2' }, billed_units: { input_tokens: 2 } },
    }),
    refusal: (message) => ({ message }),
    variables: ['COHERE_API_KEY', 'CO_API_KEY'],
    settings: ['CO_API_URL'],
    isIndexed: false,
  },
);
pluginContract({ describe, it }, { create: coherePlugin });

const reply = {
  id: 'x',
  embeddings: { float: [[0.6, 0.8]] },
  texts: [],
  meta: { billed_units: { input_tokens: 3 } },
};

describe('cohere', () => {
  it('knows the sizes of its models, and takes any other name', () => {
    expect(cohere()).toMatchObject({
      provider: 'cohere',
      model: 'embed-english-v3.0',
      dimensions: 1024,
      maxBatch: 96,
    });
    expect(cohere('embed-v4.0').dimensions).toBe(1536);
    expect(cohere('embed-v9').dimensions).toBeUndefined();
  });

  it('sends size, kind and headers when asked to, and counts tokens', async () => {
    const service = await startService(() => ({ body: reply }));
    const embedder = cohere('embed-v4.0', {
      apiKey: 'k-0123456789',
      baseURL: `${service.url}/`,
      dimensions: 2,
      truncate: 'NONE',
      inputType: 'clustering',
      headers: { 'x-gateway': 'yes' },
    });
    expect((await embedAll(embedder, ['text'], { kind: 'document' })).tokens).toBe(3);
    expect(service.requests[0]?.body).toEqual({
      model: 'embed-v4.0',
      texts: ['text'],
      input_type: 'clustering',
      embedding_types: ['float'],
      truncate: 'NONE',
      output_dimension: 2,
    });
    expect(service.requests[0]?.headers['x-gateway']).toBe('yes');
    await service.close();
  });
});

describe('CohereEmbeddings', () => {
  it('has the members and defaults of the reference', async () => {
    const service = await startService(() => ({ body: reply }));
    const embedder = new CohereEmbeddings({ apiKey: 'k-0123456789', baseUrl: service.url, model: 'm' });
    expect(await embedder.embedQuery('text')).toEqual([...Float32Array.of(0.6, 0.8)]);
    expect(new CohereEmbeddings({ apiKey: 'k' })).toMatchObject({
      provider: 'cohere',
      modelName: 'embed-english-v3.0',
      dimension: 1024,
    });
    await service.close();
  });

  it('is not made without a key', () => {
    vi.stubEnv('COHERE_API_KEY', '');
    vi.stubEnv('CO_API_KEY', '');
    expect(() => new CohereEmbeddings()).toThrow(
      expect.objectContaining({ code: 'MV015', message: expect.stringContaining('COHERE_API_KEY') }),
    );
    vi.unstubAllEnvs();
  });
});

describe.skipIf(process.env['MEMVID_RUN_COHERE_EMBEDDING_TESTS'] !== '1')(
  'the live service (MEMVID_RUN_COHERE_EMBEDDING_TESTS=1)',
  () => {
    embedderContract({ describe, it }, { create: () => cohere() });
  },
);
