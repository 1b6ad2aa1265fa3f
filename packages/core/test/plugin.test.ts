import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { afterEach, describe, expect, it, vi } from 'vitest';
import type { MemvidError } from '../src/index.ts';
import {
  baseUrlOf,
  EmbeddingFailedError,
  HttpError,
  postJson,
  ReferenceEmbeddings,
  requestFailed,
  requireKey,
  requireNetwork,
  retryAdviceOf,
  serviceEmbedder,
  vectorsByIndex,
  vectorsInOrder,
} from '../src/plugin.ts';

const CALL = { provider: 'acme', model: 'acme-1' };
const KEY = 'some-key-0123456789';

afterEach(() => vi.unstubAllEnvs());

describe('requireKey', () => {
  it('takes the given key, else the first variable that is set; blank is missing', () => {
    vi.stubEnv('ACME_KEY', '');
    vi.stubEnv('OTHER_KEY', ' from-environment\n');
    expect(requireKey(CALL, 'given', ['ACME_KEY'])).toBe('given');
    expect(requireKey(CALL, '', ['ACME_KEY', 'OTHER_KEY'])).toBe('from-environment');
    expect(() => requireKey(CALL, undefined, ['ACME_KEY', 'THIRD_KEY'])).toThrow(
      expect.objectContaining({
        code: 'MV015',
        message: 'acme acme-1 needs a key: neither apiKey nor ACME_KEY or THIRD_KEY is set',
        suggestion: expect.stringContaining('ACME_KEY'),
      }),
    );
  });
});

describe('requireNetwork', () => {
  it.each(['1', 'true', 'YES', 'on'])('MEMVID_OFFLINE=%s refuses', (value) => {
    vi.stubEnv('MEMVID_OFFLINE', value);
    expect(() => requireNetwork(CALL)).toThrow(
      expect.objectContaining({ code: 'MV015', message: expect.stringContaining('offline') }),
    );
  });
  it.each(['', '0', 'no', undefined])('MEMVID_OFFLINE=%s does not', (value) => {
    vi.stubEnv('MEMVID_OFFLINE', value);
    expect(() => requireNetwork(CALL)).not.toThrow();
  });
});

it.each([
  [undefined, 'https://api.acme.example/v1'],
  ['', 'https://api.acme.example/v1'],
  ['http://localhost:9', 'http://localhost:9/v1'],
  ['http://localhost:9/', 'http://localhost:9/v1'],
  ['http://localhost:9/v1', 'http://localhost:9/v1'],
  ['http://localhost:9/v1//', 'http://localhost:9/v1'],
  ['http://localhost:9/proxy/', 'http://localhost:9/proxy'],
])('the base URL %s becomes %s', (given, expected) => {
  expect(baseUrlOf(given, 'https://api.acme.example', '/v1')).toBe(expected);
});

describe('serviceEmbedder', () => {
  it('takes the options that all services have, and what the service says otherwise', () => {
    const request = async () => ({ vectors: [] });
    const facts = { dimensions: 4, maxBatch: 8, maxTokens: 9 };
    const service = { ...CALL, ...facts, variables: ['ACME_KEY'], request } as const;
    expect(serviceEmbedder(service)).toEqual({
      spec: 'embedder/v1',
      ...CALL,
      ...facts,
      timeoutMs: 30_000,
      embed: expect.any(Function),
    });
    const options = { dimensions: 2, maxBatch: 3, concurrency: 1, timeoutMs: 5, maxRetries: 0 };
    expect(serviceEmbedder(service, options)).toMatchObject({ ...CALL, maxTokens: 9, ...options });
  });

  it('asks for the network and then for a key before each request', async () => {
    const request = vi.fn(async () => ({ vectors: [] }));
    const variables = ['ACME_KEY', 'OTHER_KEY'] as const;
    const embedder = serviceEmbedder({ ...CALL, maxBatch: 8, variables, request });
    const embed = () => embedder.embed(['a'], { kind: 'query' });
    vi.stubEnv('ACME_KEY', '');
    vi.stubEnv('OTHER_KEY', '');
    vi.stubEnv('MEMVID_OFFLINE', '1');
    await expect(embed()).rejects.toMatchObject({ code: 'MV015', details: { reason: 'offline' } });
    vi.stubEnv('MEMVID_OFFLINE', '');
    await expect(embed()).rejects.toMatchObject({ code: 'MV015', details: { reason: 'missing_key' } });
    expect(request).not.toHaveBeenCalled();
    vi.stubEnv('OTHER_KEY', 'from-environment');
    await embed();
    expect(request).toHaveBeenCalledWith({ ...CALL, texts: ['a'], kind: 'query', key: 'from-environment' });
  });

  it('sends nothing when its signal is aborted before', async () => {
    const request = vi.fn(async () => ({ vectors: [] }));
    const service = { ...CALL, maxBatch: 8, variables: ['ACME_KEY'], request } as const;
    const call = serviceEmbedder(service, { apiKey: KEY }).embed(['a'], {
      kind: 'query',
      signal: AbortSignal.abort(),
    });
    await expect(call).rejects.toMatchObject({ name: 'AbortError' });
    expect(request).not.toHaveBeenCalled();
  });

  it('names the service and the variable in what a request throws, and never the key', async () => {
    vi.stubEnv('MEMVID_OFFLINE', '');
    const request = async () => {
      throw Object.assign(new Error(`bad key ${KEY}`), { status: 401 });
    };
    const service = { ...CALL, maxBatch: 8, variables: ['ACME_KEY', 'OTHER_KEY'], request } as const;
    const embedder = serviceEmbedder(service, { apiKey: KEY });
    const error: unknown = await embedder.embed(['a'], { kind: 'document' }).catch((thrown) => thrown);
    const details = { ...CALL, reason: 'key_refused', variable: 'ACME_KEY', status: 401 };
    expect(error).toMatchObject({ code: 'MV015', details });
    expect(inspect(error, { depth: 9, showHidden: true })).not.toContain(KEY);
  });
});

describe('the errors of serviceEmbedder', () => {
  const failure = async (thrown: unknown, headers?: Record<string, string>): Promise<MemvidError> => {
    vi.stubEnv('MEMVID_OFFLINE', '');
    const service = {
      ...CALL,
      maxBatch: 8,
      variables: ['ACME_KEY'],
      request: async () => Promise.reject(thrown as Error),
    } as const;
    return serviceEmbedder(service, { apiKey: KEY, headers })
      .embed(['a'], { kind: 'document' })
      .then(
        () => expect.unreachable(),
        (error: unknown) => error as MemvidError,
      );
  };

  it('hold no value of the headers that went along, with its scheme or without', async () => {
    const headers = { 'x-gateway': 'Token gw.SECRET-0123', 'x-other': 'other.SECRET', accept: '*/*' };
    for (const said of ['Token gw.SECRET-0123', 'gw.SECRET-0123', 'other.SECRET']) {
      const thrown = Object.assign(new Error(`bad ${said}`), { status: 400, request: { headers } });
      const error = await failure(thrown, headers);
      expect(error.message).toContain('bad [secret]');
      expect(inspect(error, { depth: 9, showHidden: true })).not.toContain('SECRET');
    }
  });

  it('stay what they are when they are ours, unless a key is in them', async () => {
    const own = new EmbeddingFailedError('acme acme-1: the answer has no list', {
      details: { ...CALL, reason: 'malformed', retryable: true },
    });
    expect(await failure(own)).toBe(own);
    const telling = await failure(new EmbeddingFailedError(`key ${KEY} is no good`, { details: CALL }));
    expect(inspect(telling, { depth: 9, showHidden: true })).not.toContain(KEY);
  });
});

it('vectorsInOrder reads bare lists, and leaves what is no vector to the pipeline', () => {
  expect(vectorsInOrder([[1, 2], [null], null], CALL)).toEqual([
    Float32Array.of(1, 2),
    Float32Array.of(NaN),
    Float32Array.of(),
  ]);
  expect(() => vectorsInOrder({}, CALL)).toThrow(
    expect.objectContaining({ details: { ...CALL, reason: 'malformed', retryable: true } }),
  );
});

describe('vectorsByIndex', () => {
  const base64 = Buffer.from(Float32Array.of(0.5, -2).buffer).toString('base64');

  it('puts entries where their index says, whatever their order and encoding', () => {
    expect(
      vectorsByIndex(
        [
          { index: 1, embedding: base64 },
          { index: 0, embedding: [1, 2] },
        ],
        CALL,
      ),
    ).toEqual([Float32Array.of(1, 2), Float32Array.of(0.5, -2)]);
    expect(vectorsByIndex([{ embedding: [1] }, { embedding: [2] }], CALL)).toEqual([
      Float32Array.of(1),
      Float32Array.of(2),
    ]);
  });

  it.each([
    ['no list', undefined],
    [
      'an index twice',
      [
        { index: 0, embedding: [1] },
        { index: 0, embedding: [2] },
      ],
    ],
    ['an index behind the end', [{ index: 1, embedding: [1] }]],
    ['a negative index', [{ index: -1, embedding: [1] }]],
    ['no embedding', [{ index: 0 }]],
    ['null', [null]],
  ])('MV015 for %s', (_, data) => {
    expect(() => vectorsByIndex(data, CALL)).toThrow(
      expect.objectContaining({ code: 'MV015', details: expect.objectContaining({ reason: 'malformed' }) }),
    );
  });
});

describe('postJson', () => {
  let server: Server | undefined;
  afterEach(() => server?.close());

  async function answering(
    status: number,
    body: string,
    headers: Record<string, string> = {},
  ): Promise<string> {
    server = createServer((_, response) => response.writeHead(status, headers).end(body));
    await new Promise<void>((done) => server?.listen(0, '127.0.0.1', done));
    return `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  }

  it('posts JSON and gives the answer', async () => {
    expect(await postJson({ url: await answering(200, '{"ok":[1]}'), body: {} })).toEqual({ ok: [1] });
  });

  it('other answers are an HttpError that tells whether to try again', async () => {
    const url = await answering(429, '{"error":{"message":"slow down"}}', {
      'retry-after': '3',
      'x-request-id': 'r1',
    });
    const error: unknown = await postJson({ url, body: {} }).catch((thrown: unknown) => thrown);
    expect(error).toBeInstanceOf(HttpError);
    expect(retryAdviceOf(error)).toEqual({
      status: 429,
      retryable: true,
      retryAfterMs: 3000,
      requestId: 'r1',
    });
    expect(requestFailed(error, CALL).message).toBe('acme acme-1 answered 429: slow down');
  });

  it('an answer that is no JSON may be tried again', async () => {
    const url = await answering(200, '{"data": [');
    const error: unknown = await postJson({ url, body: {} }).catch((thrown: unknown) => thrown);
    expect(retryAdviceOf(error)).toEqual({ retryable: true });
    expect(requestFailed(error, CALL)).toMatchObject({
      message: 'acme acme-1 gave an answer that is no JSON: 10 characters',
      details: { reason: 'malformed' },
    });
  });

  it('does not follow to another address', async () => {
    const url = await answering(307, '', { location: 'http://127.0.0.1:9/' });
    await expect(postJson({ url, body: {} })).rejects.toThrow('fetch failed');
  });
});

describe('requestFailed', () => {
  it.each([
    [{ error: { message: 'no such model' } }, 'no such model'],
    [{ error: 'no such model' }, 'no such model'],
    [{ message: 'no such model' }, 'no such model'],
    [{ detail: 'no such model' }, 'no such model'],
    ['plain words', 'plain words'],
    ['x'.repeat(1000), `${'x'.repeat(300)}…`],
  ])('says what the service said: %j', (body, said) => {
    expect(requestFailed(new HttpError(404, new Headers(), body), CALL).message).toBe(
      `acme acme-1 answered 404: ${said}`,
    );
  });

  it('holds no key anywhere, of whatever form', () => {
    const key = 'my.very-own_key';
    const thrown = new HttpError(401, new Headers({ 'x-echo': key }), {
      message: `Bad key ${key}`,
      deep: [{ key }],
    });
    const error = requestFailed(thrown, { ...CALL, secrets: [key], variable: 'ACME_KEY' });
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(key);
    expect(JSON.stringify(error)).not.toContain(key);
    expect(error).toMatchObject({
      message: 'acme acme-1 answered 401: Bad key [secret]',
      details: { reason: 'key_refused', status: 401, variable: 'ACME_KEY' },
      suggestion: expect.stringContaining('correct ACME_KEY'),
    });
  });
});

it('ReferenceEmbeddings has the members of the reference and is an embedder', async () => {
  const embedder = new ReferenceEmbeddings({
    spec: 'embedder/v1',
    ...CALL,
    maxBatch: 2,
    embed: async (texts, { kind }) => ({
      vectors: texts.map((text) => Float32Array.of(text.length, kind === 'query' ? 1 : 0)),
    }),
  });
  expect(embedder).toMatchObject({ spec: 'embedder/v1', modelName: 'acme-1', dimension: 0 });
  expect(await embedder.embedDocuments(['a', 'bb', 'ccc'])).toEqual([
    [1, 0],
    [2, 0],
    [3, 0],
  ]);
  expect(await embedder.embedQuery('four')).toEqual([4, 1]);
  expect(embedder.dimension).toBe(2);
  await expect(embedder.embedDocuments([1] as never)).rejects.toMatchObject({ code: 'MV019' });
});
