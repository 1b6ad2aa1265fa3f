import { describe, expect, it, vi } from 'vitest';
import { EmbeddingFailedError, type MemvidError, ModelUnsupportedError } from '../src/index.ts';
import {
  checkLanguageModel,
  failureOfModel,
  generateText,
  type GeneratePart,
  type GenerateRequest,
  type LanguageModel,
  streamText,
} from '../src/language-model.ts';
import { EventDecoder } from '../src/plugin/server-sent-events.ts';

// A busy machine is no reason to fail.
vi.setConfig({ testTimeout: 60_000 });

const REQUEST: GenerateRequest = { messages: [{ role: 'user', content: 'Hello?' }] };
const WHOSE = { provider: 'acme', model: 'words' };
const wait = async (): Promise<void> => undefined;

function modelOf(own: Partial<LanguageModel>): LanguageModel {
  return { spec: 'language-model/v1', ...WHOSE, generate: async () => ({ text: 'Hello.' }), ...own };
}

/** A model whose answers come one behind the other: an error is thrown, an `Infinity` never comes. */
function streaming(...answers: (GeneratePart | Error | typeof Infinity | 'end')[][]): LanguageModel & {
  ended: number;
} {
  const model = {
    ...modelOf({}),
    ended: 0,
    async *stream(): AsyncGenerator<GeneratePart> {
      try {
        for (const part of answers.shift() ?? []) {
          if (part instanceof Error) throw part;
          if (part === 'end') return;
          if (part === Infinity) await new Promise(() => undefined);
          else yield part as GeneratePart;
        }
      } finally {
        model.ended += 1;
      }
    },
  };
  return model;
}

async function all(stream: AsyncIterable<GeneratePart>, parts: GeneratePart[] = []): Promise<GeneratePart[]> {
  for await (const part of stream) parts.push(part);
  return parts;
}

const text = (piece: string): GeneratePart => ({ type: 'text', text: piece });
const finish: GeneratePart = { type: 'finish', finishReason: 'stop', usage: { totalTokens: 3 } };
const busy = (): Error => Object.assign(new Error('busy'), { status: 503 });

describe('generateText', () => {
  it('gives text, end and tokens, and hands out a copy of the request for each try', async () => {
    const seen: GenerateRequest[] = [];
    const model = modelOf({
      async generate(request) {
        seen.push(request);
        (request.messages as unknown[]).push('mine');
        if (seen.length === 1) throw busy();
        return { text: 'Hello.', finishReason: 'length', usage: { promptTokens: 1 } };
      },
    });
    expect(await generateText(model, REQUEST, { wait })).toEqual({
      text: 'Hello.',
      finishReason: 'length',
      usage: { promptTokens: 1 },
    });
    expect(REQUEST.messages).toHaveLength(1);
    expect(seen.map(({ messages }) => messages.length)).toEqual([2, 2]);
  });

  it.each<[what: string, own: Partial<LanguageModel>, message: RegExp]>([
    ['no answer at all', { generate: async () => undefined as never }, /without a text/],
    ['no text', { generate: async () => ({ text: 7 as never }) }, /without a text/],
    [
      'an end that is none',
      { generate: async () => ({ text: '', finishReason: 'done' as never }) },
      /finishReason/,
    ],
    [
      'tokens that are no count',
      { generate: async () => ({ text: '', usage: { totalTokens: NaN } }) },
      /count of tokens/,
    ],
  ])('%s is MV018, and not asked for again', async (_, own, message) => {
    await expect(generateText(modelOf(own), REQUEST, { wait })).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringMatching(message),
      details: { ...WHOSE, reason: 'malformed', attempts: 1 },
    });
  });

  it('an answer longer than any that is one is MV018, whole and streamed', async () => {
    const long = 'a'.repeat(2 ** 20);
    const failure = { code: 'MV018', details: { ...WHOSE, reason: 'too_large', retryable: false } };
    expect((await generateText(modelOf({ generate: async () => ({ text: long }) }), REQUEST)).text).toBe(
      long,
    );
    const model = modelOf({ generate: async () => ({ text: `${long}b` }) });
    await expect(generateText(model, REQUEST, { wait })).rejects.toMatchObject(failure);
    const parts = streamText(streaming([text(long), text('b'), finish]), REQUEST, { wait });
    await parts.next();
    await expect(parts.next()).rejects.toMatchObject({
      ...failure,
      details: { ...failure.details, received: long.length },
    });
  });

  it('is ended by its signal though the model does not listen, and by the time it has', async () => {
    const stop = new AbortController();
    const deaf = modelOf({ generate: () => new Promise(() => undefined), timeoutMs: 20, maxRetries: 1 });
    await expect(generateText(deaf, REQUEST, { wait })).rejects.toMatchObject({
      message: 'acme words gave no answer within 20 ms (after 2 tries)',
      details: { reason: 'timeout', attempts: 2 },
    });
    setTimeout(() => stop.abort('enough'), 5);
    await expect(
      generateText(deaf, REQUEST, { signal: stop.signal, timeoutMs: Infinity }),
    ).rejects.toMatchObject({ code: 'MV018', details: { reason: 'aborted' }, cause: 'enough' });
  });

  it('a service that asks for more than a minute is not waited for', async () => {
    const model = modelOf({
      generate: () => Promise.reject(Object.assign(busy(), { retryAfterMs: 61_000 })),
    });
    await expect(generateText(model, REQUEST)).rejects.toMatchObject({
      details: { status: 503, attempts: 1, retryAfterMs: 61_000 },
    });
  });
});

describe('streamText', () => {
  it('passes texts on, leaves empty ones out, and ends with the finish', async () => {
    const model = streaming([text('Hel'), text(''), text('lo.'), finish, text('more')]);
    expect(await all(streamText(model, REQUEST))).toEqual([text('Hel'), text('lo.'), finish]);
    expect(model.ended).toBe(1);
  });

  it('gives a whole answer as one text where the model does not stream', async () => {
    const model = modelOf({ generate: async () => ({ text: 'Hello.', usage: { totalTokens: 3 } }) });
    expect(await all(streamText(model, REQUEST))).toEqual([
      text('Hello.'),
      { type: 'finish', usage: { totalTokens: 3 } },
    ]);
  });

  it('is tried again as long as nothing was given, and not any more behind that', async () => {
    const model = streaming([busy()], ['end'], [text('Hel'), busy()]);
    const parts: GeneratePart[] = [];
    await expect(all(streamText(model, REQUEST, { wait, maxRetries: 9 }), parts)).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringMatching(/503.*after 3 characters/),
      details: { status: 503, received: 3 },
    });
    expect(parts).toEqual([text('Hel')]);
    expect(model.ended).toBe(3);
  });

  it('counts a silence, and not how long whoever reads takes for a part', async () => {
    const model = streaming([text('Hel'), Infinity]);
    const parts: GeneratePart[] = [];
    const reading = (async () => {
      for await (const part of streamText(model, REQUEST, { timeoutMs: 30 })) {
        parts.push(part);
        await new Promise((resolve) => setTimeout(resolve, 60));
      }
    })();
    await expect(reading).rejects.toMatchObject({
      message: 'acme words sent no part of an answer within 30 ms (after 3 characters)',
      details: { reason: 'timeout', received: 3 },
    });
    expect(parts).toEqual([text('Hel')]);
  });

  it.each<[string, () => AsyncIterable<GeneratePart>]>([
    [
      'with a pause',
      async function* () {
        for (;;) {
          yield { type: 'text', text: '' };
          await new Promise((resolve) => setTimeout(resolve, 1));
        }
      },
    ],
    [
      'without a pause',
      () => ({
        [Symbol.asyncIterator]: () => ({
          next: async () => ({ value: { type: 'text', text: '' }, done: false }),
        }),
      }),
    ],
  ])('parts without a text end no silence, however many come, %s', async (_, stream) => {
    const model = { ...modelOf({}), stream, timeoutMs: 50, maxRetries: 0 };
    await expect(all(streamText(model, REQUEST))).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'timeout' },
    });
    const signal = AbortSignal.timeout(50);
    await expect(all(streamText({ ...model, timeoutMs: 60_000 }, REQUEST, { signal }))).rejects.toMatchObject(
      {
        details: { reason: 'aborted' },
      },
    );
  });

  it('asks for nothing before it is read, and for no part before the one before was taken', async () => {
    let asked = 0;
    const model = modelOf({
      async *stream() {
        for (const part of [text('a'), text('b'), finish]) {
          asked += 1;
          yield part;
        }
      },
    });
    const stream = streamText(model, REQUEST);
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(0);
    await stream.next();
    await new Promise((resolve) => setImmediate(resolve));
    expect(asked).toBe(1);
    await stream.return();
  });

  it('aborts the signal of the model when it is left, and when its own is aborted while nobody reads', async () => {
    const signals: AbortSignal[] = [];
    const model = modelOf({
      async *stream(_, { signal } = {}) {
        if (signal !== undefined) signals.push(signal);
        yield text('a');
        yield text('b');
        yield finish;
      },
    });
    for await (const part of streamText(model, REQUEST)) if (part.type === 'text') break;
    expect(signals[0]?.aborted).toBe(true);
    const stop = new AbortController();
    const stream = streamText(model, REQUEST, { signal: stop.signal });
    await stream.next();
    stop.abort();
    expect(signals[1]?.aborted).toBe(true);
    await expect(stream.next()).rejects.toMatchObject({ code: 'MV018', details: { reason: 'aborted' } });
  });

  it.each<[what: string, part: unknown]>([
    ['nothing', undefined],
    ['a part of no type', {}],
    ['a text without one', { type: 'text' }],
    ['an end that is none', { type: 'finish', finishReason: 'done' }],
  ])('%s is MV018', async (_, part) => {
    await expect(all(streamText(streaming([part as GeneratePart]), REQUEST))).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'malformed' },
    });
  });
});

describe('checkLanguageModel', () => {
  it.each<[member: string, own: object]>([
    ['model.spec', { spec: 'language-model/v2' }],
    ['model.provider', { provider: ' ' }],
    ['model.model', { model: undefined }],
    ['model.timeoutMs', { timeoutMs: 0 }],
    ['model.maxRetries', { maxRetries: NaN }],
    ['model.generate', { generate: undefined }],
    ['model.stream', { stream: 'yes' }],
    ['model.assertReady', { assertReady: true }],
  ])('names %s', async (argument, own) => {
    const broken = { ...modelOf({}), ...own };
    expect(() => checkLanguageModel(broken, 'model')).toThrow(
      expect.objectContaining({ code: 'MV019', details: expect.objectContaining({ argument }) }),
    );
    await expect(generateText(broken as LanguageModel, REQUEST)).rejects.toMatchObject({ code: 'MV019' });
  });
});

describe('failureOfModel', () => {
  it('tells what helpers say as MV015 under the code of language models, with its own next step', () => {
    const details = { reason: 'missing_key', variable: 'ACME_KEY' };
    const error = failureOfModel(new EmbeddingFailedError('acme words needs a key', { details }), WHOSE);
    expect(error).toBeInstanceOf(ModelUnsupportedError);
    expect(error).toMatchObject({
      message: 'acme words needs a key',
      suggestion:
        'Set the environment variable ACME_KEY, or pass `apiKey` to the model (of a model that is named: `modelApiKey`).',
      details: { ...WHOSE, ...details },
    });
    const custom = new EmbeddingFailedError('sent elsewhere', { suggestion: 'Pass the address.' });
    expect(failureOfModel(custom, WHOSE)).toMatchObject({
      message: 'acme words: sent elsewhere',
      suggestion: 'Pass the address.',
    });
  });

  it('leaves its own as they are, and makes others the cause', () => {
    const own = new ModelUnsupportedError('it is closed today', { details: WHOSE });
    expect(failureOfModel(own, WHOSE)).toBe(own);
    const other = Object.assign(new Error('no'), { status: 400 });
    expect(failureOfModel(other, WHOSE)).toMatchObject({ message: 'acme words answered 400: no' });
    let missing: MemvidError | undefined;
    try {
      checkLanguageModel(undefined, 'inner');
    } catch (error) {
      missing = error as MemvidError;
    }
    expect(failureOfModel(missing, WHOSE)).toMatchObject({ code: 'MV018', cause: missing });
  });

  it('keeps its class on the way through JSON', async () => {
    const { MemvidError: Base } = await import('../src/index.ts');
    const own = new ModelUnsupportedError('closed', { details: { ...WHOSE, reason: 'http' } });
    expect(Base.fromNative(new Error(JSON.stringify(own)))).toBeInstanceOf(ModelUnsupportedError);
  });
});

describe('EventDecoder', () => {
  const cases: [text: string, events: string[]][] = [
    ['data: a\n\ndata: b\n\n', ['a', 'b']],
    ['data: a\r\n\r\ndata: b\r\r', ['a', 'b']],
    ['data:a\ndata: b\ndata:  c\ndata\n\n', ['a\nb\n c\n']],
    [': comment\n\nevent: x\nid: 1\nretry: 5\ndata: a\n\n\n\n', ['a']],
    ['datum: a\n\ndata : b\n\nDATA: c\n\n', []],
    ['data: cut off', []],
  ];

  it.each(cases)('%j in pieces of every size', (whole, events) => {
    for (let size = 1; size <= whole.length; size += 1) {
      const decoder = new EventDecoder();
      const found: string[] = [];
      for (let at = 0; at < whole.length; at += size) found.push(...decoder.push(whole.slice(at, at + size)));
      const last = decoder.end();
      expect(last === undefined ? found : [...found, last]).toEqual(events);
    }
  });

  it('gives an event with the end of its line, and the last one without a blank line behind it', () => {
    const decoder = new EventDecoder();
    expect(decoder.push('data: a\r\n\r')).toEqual(['a']);
    expect(decoder.push('\ndata: b\n')).toEqual([]);
    expect(decoder.end()).toBe('b');
  });

  it('takes a long line in small pieces in no more than linear time', () => {
    const decoder = new EventDecoder();
    // Of the processor, not of the clock: other programs may keep it busy.
    const started = process.cpuUsage();
    decoder.push('data: ');
    for (let at = 0; at < 200_000; at += 1) decoder.push('0123456789');
    expect(decoder.push('\n\n')[0]).toHaveLength(2_000_000);
    expect(process.cpuUsage(started).user).toBeLessThan(3_000_000);
  });
});
