import { embedAll } from '@memvid/core';
import { embedderContract, embeddingServiceContract, pluginContract, startService } from '@memvid/plugin-kit';
import { describe, expect, it, vi } from 'vitest';
import { nvidia, NvidiaEmbeddings, nvidiaPlugin } from '../src/index.ts';

embeddingServiceContract(
  { describe, it },
  {
    create: (options) => nvidia('test-model', options),
    path: '/v1/embeddings',
    headers: (key) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' }),
    body: (input, kind) => ({
      model: 'test-model',
      input,
      input_type: kind === 'query' ? 'query' : 'passage',
      encoding_format: 'float',
      truncate: 'END',
    }),
    reply: (vectors) => ({
      object: 'list',
      data: vectors.map((vector) => ({ object: 'embedding', ...vector })),
      model: 'test-model',
      usage: { prompt_tokens: 7, total_tokens: 7 },
    }),
    refusal: (message) => ({ detail: message }),
    variables: ['NVIDIA_API_KEY'],
    settings: ['NVIDIA_BASE_URL', 'NVIDIA_EMBEDDING_MODEL'],
    takesBase64: true,
  },
);
pluginContract({ describe, it }, { create: nvidiaPlugin });

const reply = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.6, 0.8] }],
  model: 'm',
  usage: { prompt_tokens: 3, total_tokens: 3 },
};

describe('nvidia', () => {
  it('knows the sizes of its models, and takes any other name', () => {
    vi.stubEnv('NVIDIA_EMBEDDING_MODEL', '');
    expect(nvidia()).toMatchObject({
      provider: 'nvidia',
      model: 'nvidia/nv-embed-v1',
      dimensions: undefined,
    });
    vi.stubEnv('NVIDIA_EMBEDDING_MODEL', 'nvidia/nv-embedqa-e5-v5');
    expect(nvidia()).toMatchObject({ model: 'nvidia/nv-embedqa-e5-v5', dimensions: 1024, maxBatch: 64 });
    vi.unstubAllEnvs();
  });

  it('sends size, kinds and headers when asked to, from NVIDIA_BASE_URL, and counts tokens', async () => {
    const service = await startService(() => ({ body: reply }));
    vi.stubEnv('NVIDIA_BASE_URL', `${service.url}/`);
    const embedder = nvidia('m', {
      apiKey: 'k-0123456789',
      dimensions: 2,
      truncate: 'START',
      documentInputType: 'document',
      encodingFormat: 'base64',
      headers: { 'x-gateway': 'yes' },
    });
    expect((await embedAll(embedder, ['text'], { kind: 'document' })).tokens).toBe(3);
    expect(service.requests[0]?.path).toBe('/v1/embeddings');
    expect(service.requests[0]?.body).toEqual({
      model: 'm',
      input: ['text'],
      input_type: 'document',
      encoding_format: 'base64',
      truncate: 'START',
      dimensions: 2,
    });
    expect(service.requests[0]?.headers['x-gateway']).toBe('yes');
    vi.unstubAllEnvs();
    await service.close();
  });
});

describe('NvidiaEmbeddings', () => {
  it('has the members, defaults and options of the reference', async () => {
    const service = await startService(() => ({ body: reply }));
    const embedder = new NvidiaEmbeddings({ apiKey: 'k-0123456789', baseUrl: service.url, model: 'm' });
    expect(embedder.dimension).toBe(0);
    expect(await embedder.embedQuery('text')).toEqual([...Float32Array.of(0.6, 0.8)]);
    expect(embedder.dimension).toBe(2);
    expect(service.requests[0]?.body).toMatchObject({
      input_type: 'query',
      truncate: 'NONE',
      encoding_format: 'float',
    });
    const sized = new NvidiaEmbeddings({
      apiKey: 'k-0123456789',
      baseUrl: service.url,
      model: 'm',
      dimension: 4,
    });
    expect(sized.dimension).toBe(4);
    await expect(sized.embedDocuments(['text'])).rejects.toMatchObject({ code: 'MV014' });
    expect(service.requests[1]?.body).not.toHaveProperty('dimensions');
    await service.close();
  });

  it('is not made without a key', () => {
    vi.stubEnv('NVIDIA_API_KEY', '');
    expect(() => new NvidiaEmbeddings()).toThrow(
      expect.objectContaining({ code: 'MV015', message: expect.stringContaining('NVIDIA_API_KEY') }),
    );
    vi.unstubAllEnvs();
  });
});

describe.skipIf(process.env['MEMVID_RUN_NVIDIA_EMBEDDING_TESTS'] !== '1')(
  'the live service (MEMVID_RUN_NVIDIA_EMBEDDING_TESTS=1)',
  () => {
    embedderContract({ describe, it }, { create: () => nvidia() });
  },
);
