import { embedAll } from '@memvid/core';
import { embedderContract, embeddingServiceContract, pluginContract, startService } from '@memvid/plugin-kit';
import { describe, expect, it, vi } from 'vitest';
import { voyage, VoyageEmbeddings, voyagePlugin } from '../src/index.ts';

embeddingServiceContract(
  { describe, it },
  {
    create: (options) => voyage('test-model', options),
    path: '/v1/embeddings',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: (input, kind) => ({ model: 'test-model', input, input_type: kind, truncation: true }),
    reply: (vectors) => ({
      object: 'list',
      data: vectors.map((vector) => ({ object: 'embedding', ...vector })),
      model: 'test-model',
      usage: { total_tokens: 10 },
    }),
    refusal: (message) => ({ detail: message }),
    variables: ['VOYAGE_API_KEY'],
  },
);
pluginContract({ describe, it }, { create: voyagePlugin });

const reply = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.6, 0.8] }],
  model: 'm',
  usage: { total_tokens: 3 },
};

describe('voyage', () => {
  it('knows the sizes of its models, and takes any other name', () => {
    expect(voyage()).toMatchObject({
      provider: 'voyage',
      model: 'voyage-3',
      dimensions: 1024,
      maxBatch: 128,
    });
    expect(voyage('voyage-3-lite').dimensions).toBe(512);
    expect(voyage('voyage-9').dimensions).toBeUndefined();
  });

  it('sends size, kind and headers when asked to, and counts tokens', async () => {
    const service = await startService(() => ({ body: reply }));
    const embedder = voyage('voyage-4', {
      apiKey: 'k-0123456789',
      baseURL: `${service.url}/v1/`,
      dimensions: 2,
      truncation: false,
      inputType: 'query',
      headers: { 'x-gateway': 'yes' },
    });
    expect((await embedAll(embedder, ['text'], { kind: 'document' })).tokens).toBe(3);
    expect(service.requests[0]?.body).toEqual({
      model: 'voyage-4',
      input: ['text'],
      input_type: 'query',
      truncation: false,
      output_dimension: 2,
    });
    expect(service.requests[0]?.headers['x-gateway']).toBe('yes');
    await service.close();
  });

  it('asks the service also for the model that the client would run itself', async () => {
    const service = await startService(() => ({ body: reply }));
    const embedder = voyage('voyage-4-nano', { apiKey: 'k-0123456789', baseURL: service.url });
    await embedder.embed(['text'], { kind: 'document' });
    expect(service.requests).toHaveLength(1);
    await service.close();
  });
});

describe('VoyageEmbeddings', () => {
  it('has the members and defaults of the reference', async () => {
    const service = await startService(() => ({ body: reply }));
    const embedder = new VoyageEmbeddings({ apiKey: 'k-0123456789', baseUrl: service.url, model: 'm' });
    expect(await embedder.embedQuery('text')).toEqual([...Float32Array.of(0.6, 0.8)]);
    expect(new VoyageEmbeddings({ apiKey: 'k' })).toMatchObject({
      provider: 'voyage',
      modelName: 'voyage-3',
      dimension: 1024,
    });
    await service.close();
  });

  it('is not made without a key', () => {
    vi.stubEnv('VOYAGE_API_KEY', '');
    expect(() => new VoyageEmbeddings()).toThrow(
      expect.objectContaining({ code: 'MV015', message: expect.stringContaining('VOYAGE_API_KEY') }),
    );
    vi.unstubAllEnvs();
  });
});

describe.skipIf(process.env['MEMVID_RUN_VOYAGE_EMBEDDING_TESTS'] !== '1')(
  'the live service (MEMVID_RUN_VOYAGE_EMBEDDING_TESTS=1)',
  () => {
    embedderContract({ describe, it }, { create: () => voyage() });
  },
);
