import type { LanguageModel } from '@memvid/core';
import { chatCompletions } from '@memvid/core/language-model';
import { requireKey } from '@memvid/core/plugin';
import { describe, expect, it, vi } from 'vitest';
import { languageModelServiceContract, type LanguageModelServiceContract } from '../src/index.ts';
import { collect } from './support/collect.ts';

// A busy machine is no reason to fail.
vi.setConfig({ testTimeout: 60_000 });

type Options = Parameters<LanguageModelServiceContract['create']>[0];

const CALL = { provider: 'acme', model: 'acme-1' };

function sound(options: Options): LanguageModel {
  return chatCompletions(
    { ...CALL, variables: ['ACME_API_KEY'], baseURL: 'https://api.acme.example' },
    options,
  );
}

function contract(create: LanguageModelServiceContract['create'] = sound): LanguageModelServiceContract {
  const chunk = (choice: object): string => JSON.stringify({ choices: [{ index: 0, ...choice }] });
  const tokens = (usage: Record<string, number>): object => ({
    prompt_tokens: usage['promptTokens'],
    completion_tokens: usage['completionTokens'],
    total_tokens: usage['totalTokens'],
  });
  return {
    create,
    path: '/v1/chat/completions',
    headers: (key) => ({ authorization: `Bearer ${key}` }),
    body: ({ messages }, isStreamed) => ({
      model: 'acme-1',
      messages,
      ...(isStreamed ? { stream: true, stream_options: { include_usage: true } } : {}),
    }),
    reply: (content, usage) => ({
      choices: [{ index: 0, message: { role: 'assistant', content }, finish_reason: 'stop' }],
      usage: tokens(usage),
    }),
    events: (pieces, usage) => [
      ...pieces.map((content) => chunk({ delta: { content }, finish_reason: null })),
      chunk({ delta: {}, finish_reason: 'stop' }),
      JSON.stringify({ choices: [], usage: tokens(usage) }),
      '[DONE]',
    ],
    refusal: (message) => ({ error: { message } }),
    variables: ['ACME_API_KEY'],
  };
}

languageModelServiceContract({ describe, it }, contract());

/** A model that does one thing in its own way. */
const broken: [what: string, create: (options: Options) => LanguageModel, test: RegExp][] = [
  [
    'a message of its own',
    (options) => {
      const model = sound(options);
      return {
        ...model,
        generate: (request, own) =>
          model.generate(
            { ...request, messages: [...request.messages, { role: 'system', content: 'Be brief.' }] },
            own,
          ),
      };
    },
    /whole answer: asks as the vendor/,
  ],
  [
    'tries of its own',
    (options) => {
      const model = sound(options);
      return {
        ...model,
        generate: (...given) => model.generate(...given).catch(() => model.generate(...given)),
      };
    },
    /whole answer: 500 and then 200/,
  ],
  [
    'a stream that is given when it is whole',
    (options) => {
      const model = sound(options);
      return {
        ...model,
        async *stream(...given) {
          const parts = [];
          for await (const part of model.stream?.(...given) ?? []) parts.push(part);
          yield* parts;
        },
      };
    },
    /before the next is there/,
  ],
  [
    'a cut stream taken for a whole one',
    (options) => {
      const model = sound(options);
      return {
        ...model,
        async *stream(...given) {
          for await (const part of model.stream?.(...given) ?? []) if (part.type === 'text') yield part;
          yield { type: 'finish' };
        },
      };
    },
    /ends before it is whole/,
  ],
  [
    'a signal that is not passed on',
    (options) => {
      const model = sound(options);
      return { ...model, generate: (request) => model.generate(request) };
    },
    /whole answer: ends a request/,
  ],
  ['another fetch than it was given', (options) => sound({ ...options, fetch: undefined }), /uses the fetch/],
  [
    'a key in the error',
    (options) => {
      const model = sound(options);
      return {
        ...model,
        generate: async (...given) =>
          model.generate(...given).catch((error: Error) => {
            const key = requireKey(CALL, options.apiKey, ['ACME_API_KEY']);
            throw Object.assign(new Error(`request with ${key} failed`), { cause: error });
          }),
      };
    },
    /whole answer: a refused key/,
  ],
];

describe('the service contract of language models finds', () => {
  it.each(broken)('%s', async (_, create, test) => {
    const { failures } = await collect((runner) =>
      languageModelServiceContract(
        {
          describe: runner.describe,
          it: (name, body) => (test.test(name) ? runner.it(name, limited(body)) : undefined),
        },
        contract(create),
      ),
    );
    expect([...failures.keys()]).not.toEqual([]);
  });
});

/** A test that hangs has found something too. */
function limited(body: () => Promise<void>): () => Promise<void> {
  return () =>
    Promise.race([
      body(),
      new Promise<never>((_, reject) => {
        setTimeout(() => reject(new Error('it hangs')), 2000).unref();
      }),
    ]);
}
