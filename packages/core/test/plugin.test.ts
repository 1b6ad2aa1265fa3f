import { createServer, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { inspect } from 'node:util';
import { gzipSync } from 'node:zlib';
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
  throughClient,
  vectorsByIndex,
  vectorsInOrder,
} from '../src/plugin.ts';
import { postEvents } from '../src/plugin/post-events.ts';

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
    expect(request).toHaveBeenCalledWith({
      ...CALL,
      texts: ['a'],
      kind: 'query',
      key: 'from-environment',
      maxBytes: expect.any(Number),
    });
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

it.each([
  ['apiKey', 5],
  ['apiKey', { toString: () => KEY }],
  ['baseURL', new URL('http://a.example')],
  ['fetch', 'x'],
])('serviceEmbedder refuses %s that is %s', (name, value) => {
  const service = {
    ...CALL,
    maxBatch: 8,
    variables: ['ACME_KEY'],
    request: async () => ({ vectors: [] }),
  } as const;
  const call = (): unknown => serviceEmbedder(service, { [name]: value } as never);
  expect(call).toThrow(
    expect.objectContaining({ code: 'MV019', details: expect.objectContaining({ argument: name }) }),
  );
  expect(() => requireKey(CALL, 5 as never, [])).toThrow(expect.objectContaining({ code: 'MV019' }));
});

describe('throughClient', () => {
  const NUMBERS = '{"numbers":[1]}';
  it('gives the answer, and the client sees none', async () => {
    const seen: number[] = [];
    const fetch = async (): Promise<Response> => new Response(NUMBERS);
    const answer = await throughClient({ fetch }, async (observed) => {
      seen.push((await observed('http://a.example')).status);
      throw new Error('the client’s own');
    });
    expect([answer, seen]).toEqual([{ numbers: [1] }, [599]]);
  });

  it('throws what the client throws before any request, and else what became of the request', async () => {
    const own = new Error('own');
    await expect(throughClient({}, async () => Promise.reject(own))).rejects.toBe(own);
    const broken = new TypeError('fetch failed');
    const fetch = async (): Promise<Response> => Promise.reject(broken);
    await expect(throughClient({ fetch }, (observed) => observed('http://a.example'))).rejects.toBe(broken);
  });
});

describe('the errors of serviceEmbedder', () => {
  const failure = async (
    thrown: unknown,
    headers?: Record<string, string>,
    baseURL?: string,
  ): Promise<MemvidError> => {
    vi.stubEnv('MEMVID_OFFLINE', '');
    const service = {
      ...CALL,
      maxBatch: 8,
      variables: ['ACME_KEY'],
      request: async () => Promise.reject(thrown as Error),
    } as const;
    return serviceEmbedder(service, { apiKey: KEY, headers, baseURL })
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

  const everywhere = (error: unknown): string =>
    inspect(error, { depth: Infinity, showHidden: true, maxArrayLength: null, maxStringLength: null }) +
    JSON.stringify(error);
  let deep: unknown = { key: KEY };
  for (let level = 0; level < 12; level += 1) deep = { deep };
  const named = new Error('named');
  Object.defineProperty(named, 'name', { value: KEY });

  it.each<[place: string, thrown: unknown]>([
    ['the message', new Error(`bad ${KEY}`)],
    ['a text that is thrown', `bad ${KEY}`],
    ['the name', named],
    ['the code', Object.assign(new Error('x'), { code: KEY })],
    ['the id of the request', Object.assign(new Error('x'), { requestId: `r-${KEY}` })],
    ['a header', new HttpError(400, new Headers({ 'x-request-id': KEY, 'x-echo': KEY }), 'x')],
    ['the body, deep', new HttpError(400, new Headers(), deep)],
    ['a long list', new HttpError(400, new Headers(), { list: [...Array(300).fill('x'), KEY] })],
    ['the cause of a cause', new Error('x', { cause: new Error('y', { cause: new Error(KEY) }) })],
    ['a field of its own', Object.assign(new Error('x'), { request: deep, [Symbol('s')]: KEY })],
    ['an address', new HttpError(400, new Headers(), `see ?key=${encodeURIComponent(KEY)}`)],
    ['base64', new HttpError(400, new Headers(), `Basic ${Buffer.from(KEY).toString('base64')}`)],
    ['behind an escape', new HttpError(400, new Headers(), `${KEY.slice(0, 5)}\u001b[1m${KEY.slice(5)}`)],
    ['the end of what is looked at', new HttpError(400, new Headers(), `${' '.repeat(16_380)}${KEY}`)],
    ['details of ours', new EmbeddingFailedError('x', { details: { ...CALL, said: [KEY] } })],
    ['the cause of ours', new EmbeddingFailedError('x', { details: CALL, cause: deep })],
    ['the suggestion of ours', new EmbeddingFailedError('x', { details: CALL, suggestion: `take ${KEY}` })],
  ])('hold no key that stands in %s', async (_, thrown) => {
    const error = await failure(thrown);
    expect(error.code).toBe('MV015');
    expect(everywhere(error)).not.toContain(KEY);
    expect(error.message).not.toContain(KEY.slice(0, 4));
  });

  it.each([
    'http://user:pass.SECRET@a.example/v1',
    'http://user:pw@a.example/v1?key=in.SECRET%20',
    'ht!tp://no.SECRET',
  ])('hold no secret of the address %s', async (address) => {
    const error = await failure(new TypeError(`Failed to parse URL from ${address}/embed`), {}, address);
    expect(error.message).toContain('[secret]');
    expect(everywhere(error)).not.toContain('SECRET');
    expect(everywhere(error)).not.toContain('user:pw');
  });

  it('hold nothing that moves a cursor', async () => {
    const said = '\u001b[31mred\u001b[0m\u001b]0;title\u0007 \u202Egnp\r\nInjected \u009b2Jline';
    const error = await failure(new HttpError(400, new Headers({ 'x-request-id': 'r\u001b[1m1' }), said));
    expect(error.message).toMatch(/^acme acme-1 answered 400: red\s+gnp Injected .*line$/);
    const codes = [...error.message, ...String(error.details?.['requestId'])].map((letter) =>
      letter.charCodeAt(0),
    );
    expect(codes.filter((code) => code < 32 || (code > 126 && code < 160) || code === 0x202e)).toEqual([]);
  });

  it('are told of a long message without reading it to its end', async () => {
    const start = process.cpuUsage();
    const error = await failure(new Error('x'.repeat(20_000_000)));
    expect(error.message.length).toBeLessThan(400);
    expect(process.cpuUsage(start).user).toBeLessThan(1_000_000);
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
    ['words instead of base64', [{ embedding: 'this is not a vector' }]],
    ['base64 that was cut', [{ embedding: base64.slice(0, -3) }]],
    ['bytes that are no 32-bit numbers', [{ embedding: Buffer.from('seven b').toString('base64') }]],
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
    body: string | Buffer,
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

  it('a web page is no answer of a service, and is not asked for again', async () => {
    const url = await answering(200, '<html>Welcome</html>', { 'content-type': 'text/html; charset=utf-8' });
    const refused = {
      code: 'MV015',
      message: expect.stringContaining('web page'),
      details: { reason: 'web_page', status: 200, retryable: false },
      suggestion: expect.stringContaining('baseURL'),
    };
    await expect(postJson({ url, body: {} })).rejects.toMatchObject(refused);
    await expect(postEvents({ url, body: {} }).next()).rejects.toMatchObject(refused);
  });

  it('does not follow to another address', async () => {
    const url = await answering(307, '', { location: 'http://127.0.0.1:9/' });
    await expect(postJson({ url, body: {} })).rejects.toMatchObject({
      code: 'MV015',
      details: { reason: 'redirected', status: 307, retryable: false },
      suggestion: expect.stringContaining('baseURL'),
    });
  });

  it('reads no more than a right answer can need, as it comes out of its compression', async () => {
    const bomb = gzipSync(`"${'a'.repeat(5_000_000)}"`);
    expect(bomb.length).toBeLessThan(10_000);
    const url = await answering(200, bomb, { 'content-encoding': 'gzip' });
    await expect(postJson({ url, body: {}, maxBytes: 1000 })).rejects.toMatchObject({
      code: 'MV015',
      details: { reason: 'too_large', limit: 1000, retryable: false },
    });
    expect(await postJson<string>({ url, body: {} })).toHaveLength(5_000_000);
  });

  it('takes a fetch without streams', async () => {
    const fetch = async () => ({ ok: true, status: 200, text: async () => '[1]' }) as Response;
    expect(await postJson({ url: 'http://a.example', body: {}, fetch })).toEqual([1]);
  });

  it('reads the beginning of a refusal', async () => {
    const bomb = gzipSync(`{"message":"${'a'.repeat(5_000_000)}`);
    const url = await answering(401, bomb, { 'content-encoding': 'gzip' });
    const error: unknown = await postJson({ url, body: {} }).catch((thrown: unknown) => thrown);
    expect(error).toMatchObject({ status: 401 });
    expect((error as HttpError).body).toHaveLength(65_536);
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
