import { inspect } from 'node:util';
import { describe, expect, it, vi } from 'vitest';
import { embedAll, embedEach, type Embedder, type EmbedAllOptions, MemvidError } from '../src/index.ts';
import { createError } from '../src/errors.ts';

/** Waits that are noted and not waited. */
function noted(): { waits: number[]; wait: (milliseconds: number) => Promise<void> } {
  const waits: number[] = [];
  return { waits, wait: async (milliseconds) => void waits.push(milliseconds) };
}

/** An embedder that gives `[length of the text, 1]`, and notes its calls. */
function lengths(changes: Partial<Embedder> = {}): Embedder & { calls: string[][] } {
  const calls: string[][] = [];
  return {
    spec: 'embedder/v1',
    provider: 'Acme',
    model: 'lengths',
    maxBatch: 3,
    concurrency: 1,
    ...changes,
    calls,
    async embed(texts, options) {
      calls.push([...texts]);
      if (changes.embed !== undefined) return changes.embed(texts, options);
      return {
        vectors: texts.map((text) => Float32Array.of(text.length, 1)),
        usage: { tokens: texts.length },
      };
    },
  };
}

/** Waited for in full, it is longer than a test may take. */
const BUSY = { status: 429, headers: { 'retry-after': '50' } };

const numbered = (count: number): string[] =>
  Array.from({ length: count }, (_, index) => 'x'.repeat(index + 1));

async function failure(
  embedder: Embedder,
  texts: string[],
  options: Partial<EmbedAllOptions> = {},
): Promise<MemvidError> {
  const { wait } = noted();
  try {
    await embedAll(embedder, texts, { kind: 'document', wait, ...options });
  } catch (error) {
    expect(error).toBeInstanceOf(MemvidError);
    return error as MemvidError;
  }
  throw new Error('it succeeded');
}

describe('embedAll', () => {
  it('cuts texts into calls of at most maxBatch and keeps their order', async () => {
    const embedder = lengths();
    const { vectors, identity, tokens } = await embedAll(embedder, numbered(7), {
      kind: 'document',
      normalize: false,
    });
    expect(embedder.calls.map((texts) => texts.length)).toEqual([3, 3, 1]);
    expect(vectors.map(([length]) => length)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    expect(identity).toEqual({ provider: 'acme', model: 'lengths', dimension: 2, normalized: false });
    expect(tokens).toBe(7);
  });

  it('cuts them by estimated tokens too: a third of the bytes, and no more than the model reads of one text', async () => {
    const embedder = lengths({ maxBatch: 100, maxBatchTokens: 10, maxTokens: 5 });
    await embedAll(embedder, ['abcdefghijkl', '漢字漢字漢字', 'abc', 'long '.repeat(100), 'a'], {
      kind: 'document',
    });
    // 4 + 5 of 6 + 1 tokens, then 5 of 167 + 1.
    expect(embedder.calls.map((texts) => texts.length)).toEqual([3, 2]);
  });

  it('a text that is longer than a call takes goes alone', async () => {
    const embedder = lengths({ maxBatch: 100, maxBatchTokens: 10 });
    await embedAll(embedder, ['a', 'b'.repeat(300), 'c'], { kind: 'document' });
    expect(embedder.calls.map((texts) => texts.length)).toEqual([1, 1, 1]);
  });

  it('makes vectors length 1 and says so; one that has it keeps its bits', async () => {
    const third = Math.fround(1 / 3);
    const unit = Float32Array.of(third, Math.sqrt(1 - third * third));
    const embedder = lengths({ embed: async () => ({ vectors: [Float32Array.of(3, 4), unit] }) });
    const { vectors, identity } = await embedAll(embedder, ['a', 'b'], { kind: 'document' });
    expect(vectors).toEqual([Float32Array.of(0.6, 0.8), unit]);
    expect(vectors[1]).not.toBe(unit);
    expect(identity?.normalized).toBe(true);
  });

  it('runs as many calls at a time as the embedder takes, and no more', async () => {
    let running = 0;
    let most = 0;
    const embedder = lengths({
      maxBatch: 1,
      concurrency: 3,
      embed: async (texts) => {
        running += 1;
        most = Math.max(most, running);
        // Later texts answer first.
        for (let turn = 0; turn < 20 - (texts[0]?.length ?? 0); turn += 1) await Promise.resolve();
        running -= 1;
        return { vectors: texts.map((text) => [text.length, 1]) as never };
      },
    });
    const { vectors } = await embedAll(embedder, numbered(9), { kind: 'document', normalize: false });
    expect(most).toBe(3);
    expect(vectors.map(([length]) => length)).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9]);
  });

  it('tells how far it is', async () => {
    const onProgress = vi.fn();
    await embedAll(lengths(), numbered(7), { kind: 'query', onProgress });
    expect(onProgress.mock.calls).toEqual([
      [{ embedded: 3, failed: 0, total: 7 }],
      [{ embedded: 6, failed: 0, total: 7 }],
      [{ embedded: 7, failed: 0, total: 7 }],
    ]);
    const error = await failure(lengths(), numbered(7), {
      onProgress() {
        throw new Error('no');
      },
    });
    expect(error).toMatchObject({ code: 'MV019', cause: { message: 'no' } });
  });

  it('waits for onProgress, and ends with what it rejects with', async () => {
    const heard: number[] = [];
    await embedAll(lengths(), numbered(7), {
      kind: 'query',
      concurrency: 1,
      async onProgress({ embedded }) {
        await Promise.resolve();
        heard.push(embedded);
      },
    });
    expect(heard).toEqual([3, 6, 7]);
    const error = await failure(lengths(), numbered(7), {
      onProgress: async () => Promise.reject(new Error('no')),
      progressName: 'onEmbedding',
    });
    expect(error).toMatchObject({
      code: 'MV019',
      details: { argument: 'onEmbedding' },
      cause: { message: 'no' },
    });
  });

  it.each(['MV007', 'MV012', 'MV013', 'MV018', 'MV019', 'MV999'])(
    '%s of what an embedder does on its own is not taken for one of this call',
    async (code) => {
      const own = createError(code, 'of another memory', { details: { path: 'other.mv2' } });
      const error = await failure(lengths({ embed: async () => Promise.reject(own) }), ['a']);
      expect(error).toMatchObject({
        code: 'MV015',
        message: 'acme lengths failed: of another memory',
        details: { reason: 'provider', provider: 'acme', model: 'lengths' },
      });
      expect(error.cause).toBe(own);
    },
  );

  it('an error that throws when it is read is MV015 all the same', async () => {
    const thrower = {
      get(): never {
        throw new Error('no');
      },
    };
    const getters = Object.defineProperties(new Error('x'), {
      message: thrower,
      name: thrower,
      code: thrower,
      cause: thrower,
    });
    const traps = new Proxy(new Error('x'), {
      get: thrower.get,
      has: thrower.get,
      getPrototypeOf: thrower.get,
    });
    const marked = Object.defineProperties(
      { [Symbol.for('@memvid/error')]: true },
      { code: thrower, details: thrower },
    );
    for (const thrown of [getters, traps, marked]) {
      const error = await failure(lengths({ embed: async () => Promise.reject(thrown as Error) }), ['a']);
      expect(error).toMatchObject({ code: 'MV015', details: { reason: 'provider' } });
    }
  });

  it('no texts: no call', async () => {
    const embedder = lengths();
    expect(await embedAll(embedder, [], { kind: 'document' })).toMatchObject({
      vectors: [],
      identity: undefined,
    });
    expect(embedder.calls).toEqual([]);
  });

  it('the embedder cannot change what others see: it gets a list of its own, and its buffers are copied', async () => {
    const buffer = Float32Array.of(0, 1);
    const texts = ['one', 'three', 'seven'];
    const embedder = lengths({
      maxBatch: 1,
      embed: async (own) => {
        buffer[0] = own[0]?.length ?? 0;
        (own as string[]).length = 0;
        return { vectors: [buffer] };
      },
    });
    const { vectors } = await embedAll(embedder, texts, { kind: 'document', normalize: false });
    expect(vectors.map(([length]) => length)).toEqual([3, 5, 5]);
    expect(texts).toEqual(['one', 'three', 'seven']);
  });
});

describe('tries', () => {
  /** Fails with each of `errors` in turn, and then succeeds. */
  function failing(...errors: unknown[]): Embedder & { calls: string[][] } {
    return lengths({
      embed: async (texts) => {
        if (errors.length > 0) throw errors.shift();
        return { vectors: texts.map(() => Float32Array.of(1, 0)) };
      },
    });
  }
  const answered = (status: number, headers: Record<string, string> = {}): Error =>
    Object.assign(new Error(`status ${status}`), { status, headers: new Headers(headers) });

  it.each([408, 409, 429, 500, 502, 503, 529])('a call that got %i is tried again', async (status) => {
    const { wait, waits } = noted();
    const embedder = failing(answered(status), answered(status));
    await embedAll(embedder, ['a'], { kind: 'document', wait });
    expect(embedder.calls).toHaveLength(3);
    expect(waits).toHaveLength(2);
    for (const milliseconds of waits) {
      expect(milliseconds).toBeGreaterThanOrEqual(500);
      expect(milliseconds).toBeLessThanOrEqual(8000);
    }
  });

  it.each([
    ['a connection that was refused', Object.assign(new Error('x'), { code: 'ECONNREFUSED' })],
    [
      'fetch',
      new TypeError('fetch failed', { cause: Object.assign(new Error('x'), { code: 'ECONNRESET' }) }),
    ],
    ['a time-out of a client', Object.assign(new Error('x'), { name: 'APIConnectionTimeoutError' })],
    ['an error that says so', Object.assign(new Error('x'), { retryable: true })],
    [
      'a status in another name',
      Object.assign(new Error('x'), { statusCode: 429, rawResponse: { headers: new Headers() } }),
    ],
    ['a MemvidError that says so', new MemvidError('MV015', 'x', { details: { retryable: true } })],
  ])('so is one that failed by %s', async (_, error) => {
    const embedder = failing(error);
    await embedAll(embedder, ['a'], { kind: 'document', wait: noted().wait });
    expect(embedder.calls).toHaveLength(2);
  });

  it.each([
    ['retry-after-ms', '1500', 1500],
    ['retry-after', '2', 2000],
    ['retry-after', '0', 0],
  ])('waits as long as %s: %s says', async (name, value, expected) => {
    const { wait, waits } = noted();
    await embedAll(failing(answered(429, { [name]: value })), ['a'], { kind: 'document', wait });
    expect(waits[0]).toBe(expected);
  });

  it('waits until the date that Retry-After says', async () => {
    const { wait, waits } = noted();
    const date = new Date(Date.now() + 40_000).toUTCString();
    await embedAll(failing(answered(429, { 'Retry-After': date })), ['a'], { kind: 'document', wait });
    expect(waits[0]).toBeGreaterThan(20_000);
    expect(waits[0]).toBeLessThanOrEqual(40_000);
  });

  it('does not wait for a service that asks for more than a minute', async () => {
    const embedder = failing(answered(429, { 'retry-after': '3600' }));
    const error = await failure(embedder, ['a']);
    expect(embedder.calls).toHaveLength(1);
    expect(error.details).toMatchObject({
      status: 429,
      retryable: true,
      retryAfterMs: 3_600_000,
      attempts: 1,
    });
  });

  it.each([
    ['status 400', answered(400)],
    ['status 401', answered(401)],
    ['an error of the plugin', new TypeError('x is not a function')],
    ['a header against it', answered(503, { 'x-should-retry': 'false' })],
    ['an error that says so', Object.assign(answered(429), { retryable: false })],
    ['no error at all', undefined],
  ])('does not try again after %s', async (_, error) => {
    const embedder = failing(error);
    expect(await failure(embedder, ['a'])).toMatchObject({ code: 'MV015', details: { attempts: 1 } });
    expect(embedder.calls).toHaveLength(1);
  });

  it('gives up after the last try and says how many there were, and what the service said', async () => {
    const embedder = failing(...Array.from({ length: 9 }, () => answered(503)));
    const error = await failure(embedder, ['a'], { maxRetries: 2 });
    expect(embedder.calls).toHaveLength(3);
    expect(error).toMatchObject({
      name: 'EmbeddingFailedError',
      message: 'acme lengths answered 503: status 503 (after 3 tries)',
      details: {
        provider: 'acme',
        model: 'lengths',
        status: 503,
        attempts: 3,
        retryable: true,
        reason: 'http',
      },
      suggestion: expect.stringContaining('later'),
    });
  });

  it('a call that hangs is ended after timeoutMs, told so by its signal, and tried again', async () => {
    const reasons: unknown[] = [];
    const embedder = lengths({
      timeoutMs: 20,
      maxRetries: 1,
      embed: (_, { signal }) =>
        new Promise(() => signal?.addEventListener('abort', () => reasons.push(signal.reason))),
    });
    const error = await failure(embedder, ['a']);
    expect(embedder.calls).toHaveLength(2);
    expect(reasons).toHaveLength(2);
    expect(error).toMatchObject({
      message: 'acme lengths gave no answer within 20 ms (after 2 tries)',
      details: { reason: 'timeout', attempts: 2 },
    });
  });
});

describe('the signal', () => {
  it('ends calls in flight, even of an embedder that does not listen', async () => {
    const stop = new AbortController();
    const embedder = lengths({
      embed: () => {
        stop.abort(new Error('enough'));
        return new Promise(() => undefined);
      },
    });
    const error = await failure(embedder, numbered(7), { signal: stop.signal });
    expect(error).toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted' },
      cause: { message: 'enough' },
    });
    expect(embedder.calls).toHaveLength(1);
  });

  it('ends a wait between two tries', async () => {
    const stop = new AbortController();
    const embedder = lengths({
      embed: async () => {
        setImmediate(() => stop.abort());
        throw Object.assign(new Error('busy'), BUSY);
      },
    });
    await expect(embedAll(embedder, ['a'], { kind: 'document', signal: stop.signal })).rejects.toMatchObject({
      code: 'MV018',
    });
    expect(embedder.calls).toHaveLength(1);
  });

  it('aborted before: nothing is called', async () => {
    const embedder = lengths();
    expect(await failure(embedder, ['a'], { signal: AbortSignal.abort() })).toMatchObject({ code: 'MV018' });
    expect(embedder.calls).toEqual([]);
  });
});

describe('answers that cannot be used', () => {
  const giving = (vectors: unknown, changes: Partial<Embedder> = {}): Embedder =>
    lengths({ ...changes, embed: async () => ({ vectors: vectors as Float32Array[] }) });

  it.each([
    ['too few', [[1, 0]], 'MV015', 'gave 1 vectors for 2 texts'],
    ['too many', [[1], [1], [1]], 'MV015', 'gave 3 vectors for 2 texts'],
    ['no list', undefined, 'MV015', 'gave no list of vectors'],
    ['a hole', [[1, 0], undefined], 'MV015', 'instead of a vector for texts[1]'],
    [
      'two sizes',
      [
        [1, 0],
        [1, 0, 0],
      ],
      'MV014',
      'expected 2 numbers, but acme lengths gave 3 for texts[1]',
    ],
    ['an empty one', [[1, 0], []], 'MV015', 'empty vector for texts[1]'],
    [
      'NaN',
      [
        [1, 0],
        [1, NaN],
      ],
      'MV015',
      'texts[1] that is not finite: number 1 is NaN',
    ],
    [
      'no number',
      [
        [1, 0],
        [1, '2'],
      ],
      'MV015',
      'number 1 is "2"',
    ],
    [
      'more than 32 bits hold',
      [
        [1, 0],
        [1, 1e39],
      ],
      'MV015',
      'number 1 is 1e+39',
    ],
    [
      'nothing but zeros',
      [
        [1, 0],
        [0, 0],
      ],
      'MV015',
      'nothing but zeros for texts[1]',
    ],
  ])('%s', async (_, vectors, code, message) => {
    const error = await failure(giving(vectors), ['a', 'b']);
    expect(error).toMatchObject({ code, message: expect.stringContaining(message) });
    // Where one input is at fault it is named alone.
    const index = error.details?.['index'];
    const failed_inputs = index === undefined ? [0, 1] : [index];
    expect(error.message.includes('texts[')).toBe(index !== undefined);
    expect(error.details).toMatchObject({
      embedded: 0,
      total: 2,
      failed: failed_inputs.length,
      failed_inputs,
    });
    expect(error.suggestion).toEqual(expect.any(String));
  });

  it('another size than declared, and than asked for', async () => {
    const declared = await failure(giving([[1, 0]], { dimensions: 3 }), ['a']);
    expect(declared).toMatchObject({ code: 'MV014', details: { expected: 3, actual: 2, index: 0 } });
    expect(declared.suggestion).toContain('correct its `dimensions`');
    const asked = await failure(giving([[1, 0]]), ['a'], { dimension: 4 });
    expect(asked).toMatchObject({ code: 'MV014', details: { expected: 4, actual: 2 } });
    expect(asked.suggestion).toContain('reembed');
  });

  it('a size that drifts from call to call', async () => {
    const error = await failure(
      lengths({
        maxBatch: 1,
        embed: async ([text]) => ({ vectors: [new Float32Array(text?.length ?? 0).fill(1)] }),
      }),
      ['a', 'bb'],
    );
    expect(error).toMatchObject({ code: 'MV014', details: { expected: 1, actual: 2, index: 1 } });
  });

  it('an empty text is refused before anything is sent, by its name', async () => {
    const embedder = lengths();
    const error = await failure(embedder, ['a', ' \n'], { nameOf: (index) => `docs[${index}].text` });
    expect(error).toMatchObject({ code: 'MV015', message: expect.stringContaining('docs[1].text is empty') });
    expect(embedder.calls).toEqual([]);
  });

  it('says which texts had a vector when a later call failed', async () => {
    const embedder = lengths({
      embed: async (texts) => {
        if (texts.includes('xxxx')) throw Object.assign(new Error('no'), { status: 400 });
        return { vectors: texts.map(() => Float32Array.of(1)) };
      },
    });
    const error = await failure(embedder, numbered(8));
    expect(error.details).toMatchObject({ embedded: 3, total: 8, failed_inputs: [3, 4, 5, 6, 7] });
    expect(embedder.calls).toHaveLength(2);
  });
});

describe('what would do no work, or never end, is refused', () => {
  it.each([
    ['concurrency', 0],
    ['concurrency', NaN],
    ['concurrency', 1.5],
    ['maxRetries', NaN],
    ['maxRetries', -1],
    ['timeoutMs', NaN],
    ['timeoutMs', 0],
  ])('%s: %s, of the call and of the embedder', async (name, value) => {
    const embedder = lengths();
    expect(await failure(embedder, ['a'], { [name]: value })).toMatchObject({
      code: 'MV019',
      details: { argument: name },
    });
    const details = { argument: `embedder.${name}` };
    expect(await failure(lengths({ [name]: value }), ['a'])).toMatchObject({ code: 'MV019', details });
    expect(embedder.calls).toEqual([]);
  });

  it.each([
    ['dimensions', NaN],
    ['dimensions', -2],
    ['maxBatch', 0],
    ['maxTokens', NaN],
    ['maxBatchTokens', 0],
    ['provider', ' '],
    ['model', 5],
    ['embed', undefined],
    ['spec', 'embedder/v2'],
  ])('%s of the embedder: %s', async (name, value) => {
    const embedder = { ...lengths(), [name]: value } as Embedder;
    const details = { argument: `embedder.${name}` };
    expect(await failure(embedder, ['a'])).toMatchObject({ code: 'MV019', details });
  });

  it('no texts, no options, no embedder', async () => {
    const refused = (call: Promise<unknown>, argument: string): Promise<void> =>
      expect(call).rejects.toMatchObject({ code: 'MV019', details: { argument } });
    await refused(embedAll(lengths(), [1] as never, { kind: 'document' }), 'texts[0]');
    await refused(embedAll(lengths(), 'text' as never, { kind: 'document' }), 'texts');
    await refused(embedAll(lengths(), ['a'], undefined as never), 'options');
    await refused(embedAll(lengths(), ['a'], {} as never), 'kind');
    await refused(embedAll(undefined as never, ['a'], { kind: 'document' }), 'embedder');
    await refused(embedEach(lengths(), ['a'], { kind: 'document', dimension: 0 }), 'dimension');
  });

  it('what means no limit is taken: Infinity, what no timer counts, and a size of 0 that the first answer tells', async () => {
    for (const timeoutMs of [Infinity, 3e9]) {
      const embedder = lengths({
        timeoutMs,
        maxRetries: 0,
        dimensions: 0,
        embed: async (texts) => {
          await new Promise((resolve) => {
            setTimeout(resolve, 20);
          });
          return { vectors: texts.map(() => Float32Array.of(1, 0)) };
        },
      });
      expect((await embedAll(embedder, ['a'], { kind: 'document' })).identity?.dimension).toBe(2);
    }
  });
});

describe('what ends the work ends all of it', () => {
  const nothing = new Promise<never>(() => undefined);

  it.each([
    ['embedAll', embedAll],
    ['embedEach', embedEach],
  ])('%s: a refused key ends the calls in flight and the waits', async (_, embed) => {
    const ended: string[] = [];
    const embedder = lengths({
      maxBatch: 1,
      concurrency: 3,
      embed: async ([text = ''], { signal }) => {
        signal?.addEventListener('abort', () => ended.push(text));
        if (text === 'x') {
          await new Promise(setImmediate);
          throw Object.assign(new Error('no such key'), { status: 401 });
        }
        // One waits before its second try, one does not answer.
        return text === 'xx' ? Promise.reject(Object.assign(new Error('busy'), BUSY)) : nothing;
      },
    });
    const outcome = await embed(embedder, numbered(6), { kind: 'document' }).catch((error: unknown) => error);
    expect(ended).toEqual(['xxx']);
    expect(embedder.calls).toHaveLength(3);
    if (embed === embedAll) {
      const details = { status: 401, embedded: 0, failed_inputs: [0, 1, 2, 3, 4, 5] };
      expect(outcome).toMatchObject({ code: 'MV015', details });
    } else {
      const { failures } = outcome as Awaited<ReturnType<typeof embedEach>>;
      expect(failures.map(({ indexes, error }) => [indexes, error.details?.['status']])).toEqual([
        [[0], 401],
        [[1, 2, 3, 4, 5], 401],
      ]);
    }
  });

  it('so does an onProgress that throws', async () => {
    const embedder = lengths({
      maxBatch: 1,
      concurrency: 2,
      embed: async ([text]) => (text === 'x' ? { vectors: [Float32Array.of(1)] } : nothing),
    });
    const error = await failure(embedder, numbered(2), {
      onProgress() {
        throw new Error('no');
      },
    });
    expect(error).toMatchObject({ code: 'MV019', details: { argument: 'onProgress' } });
  });
});

it('lists the first hundred inputs without a vector, and says how many there are', async () => {
  const embedder = lengths({
    embed: async () => Promise.reject(Object.assign(new Error('x'), { status: 401 })),
  });
  const { details } = await failure(
    embedder,
    Array.from({ length: 20_000 }, (_, n) => `t${n}`),
  );
  expect(details).toMatchObject({ embedded: 0, total: 20_000, failed: 20_000 });
  expect(details?.['failed_inputs']).toEqual(Array.from({ length: 100 }, (_, n) => n));
});

it('says how many texts lost their end, as far as the embedder does', async () => {
  const embedder = lengths({
    embed: async (texts) => ({
      vectors: texts.map(() => Float32Array.of(1)),
      usage: { truncated: texts.filter(({ length }) => length > 3).length },
    }),
  });
  const onProgress = vi.fn();
  const { truncated } = await embedAll(embedder, numbered(5), { kind: 'document', onProgress });
  expect(truncated).toBe(2);
  expect(onProgress.mock.calls.map(([{ truncated: count }]) => count)).toEqual([0, 2]);
  expect((await embedAll(lengths(), ['a'], { kind: 'document' })).truncated).toBeUndefined();
});

it('an answer whose counts cannot be read, or are none, is a failure of the embedder', async () => {
  const vectors = [Float32Array.of(1)];
  const boom = new Error('boom');
  const answer = (texts: readonly string[]) => ({
    vectors: texts.map(() => Float32Array.of(1)),
    get usage(): never {
      throw boom;
    },
  });
  expect(
    await failure(lengths({ embed: async (texts) => answer(texts) }), ['a', 'b', 'c', 'd']),
  ).toMatchObject({
    code: 'MV015',
    details: { reason: 'provider', provider: 'acme', embedded: 0, failed: 4 },
    cause: boom,
  });
  for (const truncated of [-5, 1.5, NaN, '1']) {
    const embed = async () => ({ vectors, usage: { truncated: truncated as number } });
    expect(await failure(lengths({ embed }), ['a'])).toMatchObject({
      code: 'MV015',
      details: { reason: 'malformed' },
    });
  }
  for (const tokens of [-5, NaN, '1']) {
    const embed = async () => ({ vectors, usage: { tokens: tokens as number } });
    const { tokens: counted } = await embedAll(lengths({ embed }), ['a'], { kind: 'document' });
    expect(counted).toBeUndefined();
  }
});

describe('embedEach', () => {
  it('a refusal that is about no text costs three calls and ends the work', async () => {
    const refused = Object.assign(new Error('dimensions not supported by this model'), { status: 400 });
    const embedder = lengths({ maxBatch: 2048, embed: async () => Promise.reject(refused) });
    const { failures, stoppedBy } = await embedEach(embedder, numbered(1000), { kind: 'document' });
    expect(embedder.calls.map((texts) => texts.length)).toEqual([1000, 1, 1]);
    expect(stoppedBy?.message).toContain('dimensions not supported');
    expect(failures.flatMap(({ indexes }) => indexes)).toHaveLength(1000);
  });

  it('is not taken for one when the shortest text, or most of the long ones, are refused by themselves', async () => {
    for (const isBad of [(text: string) => text === 'x', (text: string) => text.length > 4]) {
      const embedder = lengths({
        maxBatch: 100,
        embed: async (texts) => {
          if (texts.some(isBad)) throw Object.assign(new Error('no'), { status: 400 });
          return { vectors: texts.map(({ length }) => Float32Array.of(length)) };
        },
      });
      const texts = numbered(20);
      const { vectors, failures, stoppedBy } = await embedEach(embedder, texts, { kind: 'document' });
      expect(stoppedBy).toBeUndefined();
      expect(vectors.map((vector) => vector === undefined)).toEqual(texts.map(isBad));
      expect(failures.every(({ indexes }) => indexes.length === 1)).toBe(true);
    }
  });

  it('finds the texts a service refuses by halves, and gives the others their vectors', async () => {
    const embedder = lengths({
      maxBatch: 8,
      embed: async (texts) => {
        if (texts.includes('xxx')) throw Object.assign(new Error('too long'), { status: 400 });
        return { vectors: texts.map((text) => Float32Array.of(text.length, 1)) };
      },
    });
    const { vectors, failures } = await embedEach(embedder, ['', ...numbered(8)], { kind: 'document' });
    expect(vectors.map((vector) => vector !== undefined)).toEqual([
      false,
      true,
      true,
      false,
      true,
      true,
      true,
      true,
      true,
    ]);
    expect(failures.map(({ indexes, error }) => [indexes, error.details?.['reason']])).toEqual([
      [[0], 'empty_text'],
      [[3], 'http'],
    ]);
    expect(embedder.calls.map((texts) => texts.length)).toEqual([8, 4, 2, 2, 1, 1, 4]);
  });

  it('stops when the failure is not about a text', async () => {
    const embedder = lengths({
      maxBatch: 1,
      embed: async () => {
        throw Object.assign(new Error('no such key'), { status: 401 });
      },
    });
    const { failures } = await embedEach(embedder, numbered(4), { kind: 'document' });
    expect(embedder.calls).toHaveLength(1);
    expect(failures.map(({ indexes }) => indexes)).toEqual([[0], [1, 2, 3]]);
    expect(failures[1]?.error).toBe(failures[0]?.error);
  });
});

describe('secrets', () => {
  it('what a client threw is kept as the cause, without what looks like a key', async () => {
    const key = 'sk-abcdefghijklmnopqrstuvwxyz123456';
    const thrown = Object.assign(new Error(`Incorrect key ${key}`), {
      status: 401,
      request: { headers: { authorization: `Bearer ${key}` } },
    });
    const error = await failure(lengths({ embed: async () => Promise.reject(thrown) }), ['a']);
    expect(inspect(error, { depth: 20, showHidden: true })).not.toContain(key);
    expect(error.cause).toMatchObject({ message: 'Incorrect key [secret]', status: 401 });

    const harmless = new RangeError('no key in here');
    expect((await failure(lengths({ embed: async () => Promise.reject(harmless) }), ['a'])).cause).toBe(
      harmless,
    );
  });
});
