import { generateText } from '@memvid/core/language-model';
import {
  languageModelContract,
  languageModelServiceContract,
  pluginContract,
  type ServiceUsage,
  startService,
} from '@memvid/plugin-kit';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { openai, openaiPlugin } from '../src/index.ts';

// A busy machine is no reason to fail.
vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.unstubAllEnvs());

/** As the API reference shows it (Create chat completion). */
const completion = (
  text: string,
  usage = { prompt_tokens: 19, completion_tokens: 10, total_tokens: 29 },
) => ({
  id: 'chatcmpl-B9MBs8CjcvOU2jLn4n570S5qMJKcT',
  object: 'chat.completion',
  created: 1_741_569_952,
  model: 'test-model',
  choices: [
    {
      index: 0,
      message: { role: 'assistant', content: text, refusal: null, annotations: [] },
      logprobs: null,
      finish_reason: 'stop',
    },
  ],
  usage: { ...usage, prompt_tokens_details: { cached_tokens: 0, audio_tokens: 0 } },
  service_tier: 'default',
});
const chunk = (choices: unknown[], usage: object | null) =>
  JSON.stringify({
    id: 'chatcmpl-123',
    object: 'chat.completion.chunk',
    created: 1_694_268_190,
    model: 'test-model',
    system_fingerprint: 'fp_44709d6fcb',
    choices,
    usage,
  });
const tokens = (usage: ServiceUsage) => ({
  prompt_tokens: usage.promptTokens,
  completion_tokens: usage.completionTokens,
  total_tokens: usage.totalTokens,
});

languageModelServiceContract(
  { describe, it },
  {
    create: (options) => openai('test-model', options),
    path: '/v1/chat/completions',
    headers: (key) => ({ authorization: `Bearer ${key}`, 'content-type': 'application/json' }),
    body: ({ messages }, isStreamed) => ({
      model: 'test-model',
      messages,
      ...(isStreamed ? { stream: true, stream_options: { include_usage: true } } : {}),
    }),
    reply: (text, usage) => completion(text, tokens(usage)),
    events: (pieces, usage) => [
      chunk(
        [{ index: 0, delta: { role: 'assistant', content: '' }, logprobs: null, finish_reason: null }],
        null,
      ),
      ...pieces.map((content) =>
        chunk([{ index: 0, delta: { content }, logprobs: null, finish_reason: null }], null),
      ),
      chunk([{ index: 0, delta: {}, logprobs: null, finish_reason: 'stop' }], null),
      chunk([], tokens(usage)),
      '[DONE]',
    ],
    refusal: (message) => ({
      error: { message, type: 'invalid_request_error', param: null, code: null },
    }),
    variables: ['OPENAI_API_KEY'],
    settings: ['OPENAI_BASE_URL', 'OPENAI_ORG_ID', 'OPENAI_PROJECT_ID'],
  },
);
languageModelContract(
  { describe, it },
  {
    create: () =>
      openai('test-model', {
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
pluginContract({ describe, it }, { create: openaiPlugin, options: { model: 'm' } });

const REQUEST = { messages: [{ role: 'user', content: 'Hello?' }] } as const;

describe('openai', () => {
  it('is not made without the name of a model', () => {
    for (const make of [() => openai(' '), () => openaiPlugin().languageModels?.['openai']?.()]) {
      expect(make).toThrow(
        expect.objectContaining({
          code: 'MV018',
          message: expect.stringMatching(/model name required/i),
        }),
      );
    }
  });

  it('sends organization, project and the most tokens by the name the service knows', async () => {
    const service = await startService(() => ({ body: completion('Hello.') }));
    vi.stubEnv('OPENAI_BASE_URL', service.url);
    vi.stubEnv('OPENAI_ORG_ID', 'org-of-environment');
    const options = { apiKey: 'k-0123456789', project: 'project-1', maxTokens: 100 };
    await generateText(openai('m', options), REQUEST);
    await generateText(openai('m', { ...options, maxTokensField: 'max_tokens' }), REQUEST);
    expect(service.requests[0]?.headers).toMatchObject({
      'openai-organization': 'org-of-environment',
      'openai-project': 'project-1',
    });
    expect(service.requests.map(({ body }) => body)).toEqual([
      { model: 'm', messages: REQUEST.messages, max_completion_tokens: 100 },
      { model: 'm', messages: REQUEST.messages, max_tokens: 100 },
    ]);
    await service.close();
  });

  it('does not wait for an account without money', async () => {
    const service = await startService(() => ({
      status: 429,
      body: { error: { message: 'You exceeded your current quota.', code: 'insufficient_quota' } },
    }));
    const model = openai('m', { apiKey: 'k-0123456789', baseURL: service.url });
    await expect(generateText(model, REQUEST)).rejects.toMatchObject({
      code: 'MV018',
      details: { status: 429, retryable: false, attempts: 1 },
    });
    expect(service.requests).toHaveLength(1);
    await service.close();
  });

  it('a refusal of the model is told as withheld', async () => {
    const answer = completion('');
    Object.assign(answer.choices[0]?.message ?? {}, { content: null, refusal: 'I cannot help with that.' });
    const model = openai('m', { apiKey: 'k', fetch: async () => Response.json(answer) });
    expect(await generateText(model, REQUEST)).toMatchObject({ text: '', finishReason: 'filtered' });
  });
});
