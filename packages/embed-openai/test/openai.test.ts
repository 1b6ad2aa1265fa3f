import { embedAll, type Embedder } from '@memvid/core';
import { embedderContract, embeddingServiceContract, pluginContract, startService } from '@memvid/plugin-kit';
import { describe, expect, it, vi } from 'vitest';
import { openai, OpenAIEmbeddings, openaiPlugin } from '../src/index.ts';

embeddingServiceContract(
  { describe, it },
  {
    create: (options) => openai('test-model', { ...options, maxBatch: 40 }),
    path: '/v1/embeddings',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: (input) => ({ model: 'test-model', input, encoding_format: 'base64' }),
    reply: (vectors) => ({
      object: 'list',
      data: vectors.map((vector) => ({ object: 'embedding', ...vector })),
      model: 'test-model',
      usage: { prompt_tokens: 8, total_tokens: 8 },
    }),
    refusal: (message) => ({ error: { message, type: 'invalid_request_error', param: null, code: null } }),
    variables: ['OPENAI_API_KEY'],
    settings: ['OPENAI_BASE_URL', 'OPENAI_ORG_ID', 'OPENAI_PROJECT_ID', 'OPENAI_LOG'],
    takesBase64: true,
  },
);
pluginContract({ describe, it }, { create: openaiPlugin });

const reply = {
  object: 'list',
  data: [{ object: 'embedding', index: 0, embedding: [0.6, 0.8] }],
  model: 'm',
  usage: { prompt_tokens: 3, total_tokens: 3 },
};

describe('openai', () => {
  it('knows the sizes of its models, and takes any other name', () => {
    expect(openai()).toMatchObject({ provider: 'openai', model: 'text-embedding-3-small', dimensions: 1536 });
    expect(openai('text-embedding-3-large').dimensions).toBe(3072);
    expect(openai('text-embedding-3-large', { dimensions: 256 }).dimensions).toBe(256);
    expect(openai('text-embedding-9').dimensions).toBeUndefined();
    expect(openai()).toMatchObject({ maxBatch: 2048, maxBatchTokens: 300_000, timeoutMs: 30_000 });
  });

  it('sends dimensions, encoding, headers and account when asked to, and counts tokens', async () => {
    const service = await startService(() => ({ body: reply }));
    const embedder = openai('m', {
      apiKey: 'k-0123456789',
      baseURL: `${service.url}/v1/`,
      dimensions: 2,
      encodingFormat: 'float',
      organization: 'org-1',
      project: 'project-1',
      headers: { 'x-gateway': 'yes' },
    });
    expect((await embedAll(embedder, ['text'], { kind: 'document' })).tokens).toBe(3);
    const [request] = service.requests;
    expect(request?.path).toBe('/v1/embeddings');
    expect(request?.body).toEqual({ model: 'm', input: ['text'], dimensions: 2, encoding_format: 'float' });
    expect(request?.headers).toMatchObject({
      'openai-organization': 'org-1',
      'openai-project': 'project-1',
      'x-gateway': 'yes',
    });
    await service.close();
  });

  it('takes its address from OPENAI_BASE_URL', async () => {
    const service = await startService(() => ({ body: reply }));
    vi.stubEnv('OPENAI_BASE_URL', service.url);
    await openai('m', { apiKey: 'k-0123456789' }).embed(['text'], { kind: 'query' });
    expect(service.requests).toHaveLength(1);
    vi.unstubAllEnvs();
    await service.close();
  });

  it('cuts long texts in whole characters, or leaves that to the service', async () => {
    const service = await startService(() => ({ body: reply }));
    const options = { apiKey: 'k-0123456789', baseURL: service.url, maxTokens: 4 } as const;
    const text = '漢字漢字漢字漢字';
    const truncated = async (embedder: Embedder, input: string): Promise<number | undefined> =>
      (await embedder.embed([input], { kind: 'document' })).usage?.truncated;
    expect(await truncated(openai('m', options), text)).toBe(1);
    expect(await truncated(openai('m', options), 'x'.repeat(50))).toBe(1);
    expect(await truncated(openai('m', { ...options, truncate: 'NONE' }), text)).toBe(0);
    expect(service.requests.map(({ body }) => (body as { input: string[] }).input)).toEqual([
      ['漢字漢字'],
      ['x'.repeat(12)],
      [text],
    ]);
    await service.close();
  });

  it('does not wait for an account without money', async () => {
    const service = await startService(() => ({
      status: 429,
      body: {
        error: {
          message: 'You exceeded your current quota',
          type: 'insufficient_quota',
          code: 'insufficient_quota',
        },
      },
    }));
    const embedder = openai('m', { apiKey: 'k-0123456789', baseURL: service.url });
    await expect(embedAll(embedder, ['text'], { kind: 'document' })).rejects.toMatchObject({
      code: 'MV015',
      details: { status: 429, attempts: 1 },
    });
    expect(service.requests).toHaveLength(1);
    await service.close();
  });
});

describe('OpenAIEmbeddings', () => {
  it('has the members, defaults and options of the reference', async () => {
    const service = await startService(() => ({ body: reply }));
    const embedder = new OpenAIEmbeddings({ apiKey: 'k-0123456789', baseUrl: service.url, model: 'm' });
    expect(await embedder.embedQuery('text')).toEqual([...Float32Array.of(0.6, 0.8)]);
    expect(await embedder.embedDocuments(['text'])).toHaveLength(1);
    expect(embedder.dimension).toBe(2);
    expect(new OpenAIEmbeddings({ apiKey: 'k' })).toMatchObject({
      provider: 'openai',
      modelName: 'text-embedding-3-small',
      dimension: 1536,
      maxBatch: 2048,
      maxTokens: 8000,
    });
    await service.close();
  });

  it('takes the options of `openai` too, the address under both names, and refuses what neither has', async () => {
    const service = await startService(() => ({ body: reply }));
    const fetch = vi.fn(globalThis.fetch);
    for (const address of [{ baseURL: service.url }, { baseUrl: service.url }]) {
      const embedder = new OpenAIEmbeddings({
        apiKey: 'k',
        model: 'm',
        ...address,
        fetch,
        maxRetries: 0,
        batchSize: 7,
      });
      expect(embedder).toMatchObject({ maxRetries: 0, maxBatch: 7 });
      await embedder.embedQuery('text');
      await openai('m', { apiKey: 'k', ...address, fetch }).embed(['text'], { kind: 'query' });
    }
    expect(fetch.mock.calls.map(([input]) => new URL(String(input)).origin)).toEqual(
      Array.from({ length: 4 }, () => new URL(service.url).origin),
    );
    expect(() => new OpenAIEmbeddings({ apiKey: 'k', baseurl: service.url } as never)).toThrow(
      expect.objectContaining({ code: 'MV019', message: expect.stringContaining('`baseurl`') }),
    );
    await service.close();
  });

  it('is not made without a key', () => {
    vi.stubEnv('OPENAI_API_KEY', '');
    expect(() => new OpenAIEmbeddings()).toThrow(
      expect.objectContaining({ code: 'MV015', message: expect.stringContaining('OPENAI_API_KEY') }),
    );
    vi.unstubAllEnvs();
  });
});

describe.skipIf(process.env['MEMVID_RUN_OPENAI_EMBEDDING_TESTS'] !== '1')(
  'the live service (MEMVID_RUN_OPENAI_EMBEDDING_TESTS=1)',
  () => {
    embedderContract({ describe, it }, { create: () => openai() });
  },
);
