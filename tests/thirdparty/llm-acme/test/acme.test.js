import { describe, it } from 'node:test';
import { acme, acmePlugin } from '@acme/llm-acme';
import { languageModelContract, languageModelServiceContract, pluginContract } from '@memvid/plugin-kit';

const usageOf = ({ promptTokens, completionTokens, totalTokens }) => ({
  prompt_tokens: promptTokens,
  completion_tokens: completionTokens,
  total_tokens: totalTokens,
});

languageModelServiceContract(
  { describe, it },
  {
    create: (options) => acme('small', options),
    path: '/v1/chat/completions',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: ({ messages }, isStreamed) => ({
      model: 'small',
      messages,
      ...(isStreamed ? { stream: true, stream_options: { include_usage: true } } : {}),
    }),
    reply: (content, usage) => ({
      choices: [{ message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage: usageOf(usage),
    }),
    events: (pieces, usage) => [
      ...pieces.map((content) => JSON.stringify({ choices: [{ delta: { content }, finish_reason: null }] })),
      JSON.stringify({ choices: [{ delta: {}, finish_reason: 'stop' }] }),
      JSON.stringify({ choices: [], usage: usageOf(usage) }),
      '[DONE]',
    ],
    refusal: (message) => ({ error: { message } }),
    variables: ['ACME_API_KEY'],
    settings: ['ACME_BASE_URL'],
  },
);

/** Answers as Acme would, without a socket. */
const fetch = async (_, { signal }) => {
  signal?.throwIfAborted();
  await new Promise((resolve) => setTimeout(resolve, 5));
  signal?.throwIfAborted();
  return Response.json({
    choices: [{ message: { role: 'assistant', content: 'Paris' }, finish_reason: 'stop' }],
  });
};

languageModelContract({ describe, it }, { create: () => acme('small', { apiKey: 'some-key-0123', fetch }) });
pluginContract({ describe, it }, { create: acmePlugin, options: { model: 'small' } });
