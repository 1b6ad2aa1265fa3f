import { generateText, streamText } from '@memvid/core/language-model';
import {
  languageModelContract,
  languageModelServiceContract,
  pluginContract,
  type ServiceUsage,
  startService,
} from '@memvid/plugin-kit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { nvidia, nvidiaPlugin } from '../src/index.ts';

// A busy machine is no reason to fail.
vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.unstubAllEnvs());

/** As the reference of NIM for language models shows it (POST /v1/chat/completions). */
const completion = (text: string, usage = { prompt_tokens: 5, total_tokens: 7, completion_tokens: 2 }) => ({
  id: 'chat-2aaefebc0963475d862f1fd202f172b2',
  object: 'chat.completion',
  created: 1_743_540_105,
  model: 'test-model',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: text },
      logprobs: null,
      finish_reason: 'stop',
      stop_reason: null,
    },
  ],
  usage,
  prompt_logprobs: null,
});
const chunk = (choices: unknown[], usage?: object) =>
  JSON.stringify({
    id: 'chat-2aaefebc0963475d862f1fd202f172b2',
    object: 'chat.completion.chunk',
    created: 1_743_540_105,
    model: 'test-model',
    choices,
    ...(usage === undefined ? {} : { usage }),
  });
const tokens = (usage: ServiceUsage) => ({
  prompt_tokens: usage.promptTokens,
  total_tokens: usage.totalTokens,
  completion_tokens: usage.completionTokens,
});

languageModelServiceContract(
  { describe, it },
  {
    create: (options) => nvidia('test-model', options),
    path: '/v1/chat/completions',
    headers: (key) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' }),
    body: ({ messages }, isStreamed) => ({
      model: 'test-model',
      messages,
      ...(isStreamed ? { stream: true, stream_options: { include_usage: true } } : {}),
    }),
    reply: (text, usage) => completion(text, tokens(usage)),
    events: (pieces, usage) => [
      chunk([{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }]),
      ...pieces.map((content) =>
        chunk([{ index: 0, delta: { content }, logprobs: null, finish_reason: null }]),
      ),
      chunk([{ index: 0, delta: { content: '' }, logprobs: null, finish_reason: 'stop', stop_reason: null }]),
      chunk([], tokens(usage)),
      '[DONE]',
    ],
    refusal: (message) => ({ status: 400, title: 'Bad Request', detail: message }),
    variables: ['NVIDIA_API_KEY'],
    settings: ['NVIDIA_BASE_URL', 'NVIDIA_LLM_MODEL'],
  },
);
languageModelContract(
  { describe, it },
  {
    create: () =>
      nvidia('test-model', {
        apiKey: 'k-0123456789',
        fetch: async (_, init) => {
          init?.signal?.throwIfAborted();
          await new Promise((resolve) => setTimeout(resolve, 5));
          init?.signal?.throwIfAborted();
          return Response.json(completion('Paris'));
        },
      }),
  },
);
pluginContract({ describe, it }, { create: nvidiaPlugin, options: { model: 'm' } });

const REQUEST = { messages: [{ role: 'user', content: 'Hello?' }] } as const;

describe('nvidia', () => {
  it('takes the name of its model from NVIDIA_LLM_MODEL, and is not made without any', () => {
    vi.stubEnv('NVIDIA_LLM_MODEL', 'meta/llama-3.3-70b-instruct');
    expect(nvidia()).toMatchObject({ provider: 'nvidia', model: 'meta/llama-3.3-70b-instruct' });
    expect(nvidia('other/model').model).toBe('other/model');
    vi.stubEnv('NVIDIA_LLM_MODEL', '');
    for (const make of [
      () => nvidia(),
      () => nvidia(' '),
      () => nvidiaPlugin().languageModels?.['nvidia']?.(),
    ]) {
      expect(make).toThrow(
        expect.objectContaining({
          code: 'MV018',
          name: 'ModelUnsupportedError',
          message: expect.stringMatching(/nvidia model name required.*NVIDIA_LLM_MODEL/i),
        }),
      );
    }
  });

  it('sends what the request says, else the options, to NVIDIA_BASE_URL', async () => {
    const service = await startService(() => ({ body: completion('Hello.') }));
    vi.stubEnv('NVIDIA_BASE_URL', `${service.url}/`);
    const model = nvidia('m', {
      apiKey: 'k-0123456789',
      temperature: 0.2,
      topP: 0.7,
      maxTokens: 100,
      headers: { 'x-gateway': 'yes' },
    });
    const request = { ...REQUEST, temperature: 0, stop: ['\n'] };
    expect(await generateText(model, request)).toEqual({
      text: 'Hello.',
      finishReason: 'stop',
      usage: { promptTokens: 5, completionTokens: 2, totalTokens: 7 },
    });
    expect(service.requests[0]?.path).toBe('/v1/chat/completions');
    expect(service.requests[0]?.headers['x-gateway']).toBe('yes');
    expect(service.requests[0]?.body).toEqual({
      model: 'm',
      messages: REQUEST.messages,
      temperature: 0,
      top_p: 0.7,
      max_tokens: 100,
      stop: ['\n'],
    });
    await service.close();
  });

  it('does not ask for the tokens of a stream when told so: some models refuse the question', async () => {
    const service = await startService(() => ({ pieces: ['data: [DONE]\n\n'] }));
    const model = nvidia('m', { apiKey: 'k-0123456789', baseURL: service.url, streamUsage: false });
    for await (const part of streamText(model, REQUEST)) expect(part).toEqual({ type: 'finish' });
    expect(service.requests[0]?.body).toEqual({ model: 'm', messages: REQUEST.messages, stream: true });
    await service.close();
  });

  it('tells why an answer ended, and passes over what a model thinks beside it', async () => {
    for (const [reason, expected] of [
      ['length', 'length'],
      ['content_filter', 'filtered'],
      ['tool_calls', 'other'],
      ['constructor', 'other'],
    ]) {
      const choice = { index: 0, delta: { content: 'Hi', reasoning_content: 'A greeting.' } };
      const fetch = async (): Promise<Response> =>
        new Response(`data: ${chunk([{ ...choice, finish_reason: reason }])}\n\n`, {
          headers: { 'content-type': 'text/event-stream' },
        });
      const parts = [];
      for await (const part of streamText(nvidia('m', { apiKey: 'k', fetch }), REQUEST)) parts.push(part);
      expect(parts).toEqual([
        { type: 'text', text: 'Hi' },
        { type: 'finish', finishReason: expected },
      ]);
    }
  });

  it('an error in the middle of a stream is MV018 with what it says', async () => {
    const error = {
      error: { message: 'CUDA out of memory, key k-0123456789', type: 'server_error', code: 500 },
    };
    const fetch = async (): Promise<Response> =>
      new Response(
        `data: ${chunk([{ index: 0, delta: { content: 'Hi' } }])}\n\ndata: ${JSON.stringify(error)}\n\n`,
        { headers: { 'content-type': 'text/event-stream' } },
      );
    const parts: unknown[] = [];
    const failing = (async () => {
      const model = nvidia('m', { apiKey: 'k-0123456789', fetch });
      for await (const part of streamText(model, REQUEST)) parts.push(part);
    })();
    await expect(failing).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringMatching(/nvidia m answered 500: CUDA out of memory, key \[secret\]/),
      details: { status: 500, received: 2 },
    });
    expect(parts).toEqual([{ type: 'text', text: 'Hi' }]);
  });
});

describe.skipIf(process.env['MEMVID_RUN_NVIDIA_LLM_TESTS'] !== '1')(
  'the live service (MEMVID_RUN_NVIDIA_LLM_TESTS=1)',
  () => {
    languageModelContract({ describe, it }, { create: () => nvidia() });
  },
);
