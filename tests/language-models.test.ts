import { join } from 'node:path';
import type { Plugin } from '@memvid/core';
import { nvidiaPlugin } from '@memvid/llm-nvidia';
import { openai, openaiPlugin } from '@memvid/llm-openai';
import { type ServiceReply, type ServiceRequest, startService } from '@memvid/plugin-kit';
import { create, type Memvid } from '@memvid/sdk';
import { discoverPlugins, WELL_KNOWN_PLUGINS } from '@memvid/sdk/discover';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { LANGUAGE_MODEL_PLUGINS } from '../packages/sdk/src/ask/language-model-plugins.ts';
import { runIn } from './support/child.ts';
import { linkedInstallation } from './support/install.ts';
import { root } from './support/places.ts';
import { scratch } from './support/workspace.ts';

// A busy machine is no reason to fail.
vi.setConfig({ testTimeout: 60_000 });
afterEach(() => vi.unstubAllEnvs());

const KEY = 'nvapi-0123456789-abcdefghij';
const QUESTION = 'When does the team have lunch?';

interface ChatBody {
  readonly model: string;
  readonly stream?: boolean;
  readonly messages: readonly { readonly role: string; readonly content: string }[];
}

const usage = { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107 };
const event = (content: string): string =>
  `data: ${JSON.stringify({ choices: [{ index: 0, delta: { content }, finish_reason: null }] })}\n\n`;
const END = `data: ${JSON.stringify({ choices: [{ index: 0, delta: {}, finish_reason: 'stop' }] })}\n\ndata: ${JSON.stringify({ choices: [], usage })}\n\ndata: [DONE]\n\n`;

/** Answers a chat, whole or streamed as it was asked for. */
function answering(...pieces: string[]): (request: ServiceRequest) => ServiceReply {
  return ({ body }) =>
    (body as ChatBody).stream === true
      ? { pieces: [...pieces.map(event), END] }
      : {
          body: {
            choices: [
              { index: 0, message: { role: 'assistant', content: pieces.join('') }, finish_reason: 'stop' },
            ],
            usage,
          },
        };
}

/** Runs a test with a service, the environment that leads to it, and a memory of two notes. */
async function withService(
  reply: (request: ServiceRequest, count: number) => ServiceReply,
  test: (memory: Memvid, requests: readonly ServiceRequest[]) => Promise<void>,
  plugins: Plugin[] = [nvidiaPlugin(), openaiPlugin()],
): Promise<void> {
  const service = await startService(reply);
  for (const name of ['NVIDIA', 'OPENAI']) {
    vi.stubEnv(`${name}_API_KEY`, KEY);
    vi.stubEnv(`${name}_BASE_URL`, service.url);
  }
  for (const name of ['NVIDIA_LLM_MODEL', 'MEMVID_OFFLINE', 'OPENAI_ORG_ID', 'OPENAI_PROJECT_ID']) {
    vi.stubEnv(name, undefined);
  }
  const memory = await create(join(scratch(), 'notes.mv2'), { plugins });
  try {
    await memory.putMany([
      { title: 'Database', text: 'We moved from MySQL to PostgreSQL in March.' },
      { title: 'Lunch', text: 'The team meets for lunch every Tuesday at noon. Mail ann@example.com.' },
    ]);
    await test(memory, service.requests);
  } finally {
    await memory.close();
    await service.close();
  }
}

describe.each(['nvidia', 'openai'])('enrich with %s', (provider) => {
  const said = JSON.stringify({
    entities: [
      { name: 'PostgreSQL', type: 'PRODUCT' },
      { name: 'Oracle', type: 'PRODUCT' },
    ],
    facts: [{ entity: 'PostgreSQL', slot: 'since', value: 'March' }],
  });
  const nothing = '{"entities":[],"facts":[]}';

  it('asks about each document once, makes cards of what stands in it, and counts the tokens', async () => {
    const reply = (request: ServiceRequest): ServiceReply =>
      answering(JSON.stringify(request.body).includes('PostgreSQL in March') ? said : nothing)(request);
    await withService(reply, async (memory, requests) => {
      const model = `${provider}:some/model`;
      const result = await memory.enrich(model);
      expect(result).toMatchObject({
        engine: model,
        framesProcessed: 2,
        newCards: 3,
        failed: [],
        rejected: [{ frameId: 0, reason: 'not_in_text', statement: expect.stringContaining('Oracle') }],
        usage: { promptTokens: 200, completionTokens: 14, totalTokens: 214 },
      });
      expect((await memory.state('postgresql')).slots).toMatchObject({
        since: { value: 'March', sourceFrameId: 0, engine: model },
        type: { value: 'product' },
      });
      const bodies = requests.map(({ body }) => body as ChatBody);
      expect(requests.map(({ path }) => path)).toEqual(['/v1/chat/completions', '/v1/chat/completions']);
      expect(requests[0]?.headers['authorization']).toBe(`Bearer ${KEY}`);
      for (const body of bodies) {
        expect(body).toMatchObject({
          model: 'some/model',
          messages: [{ role: 'system' }, { role: 'user', content: expect.stringMatching(/^Text:\n\n/) }],
        });
      }
      expect(await memory.enrich({ engine: model })).toMatchObject({ framesProcessed: 0, newCards: 0 });
      expect(requests).toHaveLength(2);
    });
  });

  it('tries again what may pass, and leaves to a later call what gets no JSON', async () => {
    const reply = (request: ServiceRequest, count: number): ServiceReply => {
      if (count === 1) {
        return { status: 429, headers: { 'retry-after': '0' }, body: { error: { message: 'busy' } } };
      }
      return answering(JSON.stringify(request.body).includes('lunch') ? 'Lunch!' : said)(request);
    };
    await withService(reply, async (memory) => {
      const result = await memory.enrich(`${provider}:some/model`);
      expect(result).toMatchObject({
        framesProcessed: 1,
        failed: [{ frameId: 1, error: { code: 'MV018', details: { reason: 'malformed' } } }],
      });
    });
  });

  it('stops when the key is refused, and tells it without the key', async () => {
    const reply = (): ServiceReply => ({ status: 401, body: { error: { message: `no key ${KEY}` } } });
    await withService(reply, async (memory) => {
      const error = await memory.enrich(`${provider}:some/model`).catch((thrown: unknown) => thrown);
      expect(error).toMatchObject({ code: 'MV018', details: { status: 401 } });
      expect(JSON.stringify(error) + String(error)).not.toContain(KEY);
      expect(await memory.memories()).toEqual({ cards: [], count: 0 });
    });
  });
});

describe.each(['nvidia', 'openai'])('ask with %s', (provider) => {
  it('asks /v1/chat/completions with key, model and context, and gives answer and usage', async () => {
    await withService(answering('On Tuesdays [1].'), async (memory, requests) => {
      const result = await memory.ask(QUESTION, { model: `${provider}:some/model` });
      expect(result).toMatchObject({
        answer: 'On Tuesdays [1].',
        model: `${provider}:some/model`,
        usage: { prompt_tokens: 100, completion_tokens: 7, total_tokens: 107 },
        citations: { cited: [1], removed: [], unsupported: [] },
      });
      expect(requests).toHaveLength(1);
      const [{ method, path, headers, body } = {} as ServiceRequest] = requests;
      expect([method, path, headers['authorization']]).toEqual([
        'POST',
        '/v1/chat/completions',
        `Bearer ${KEY}`,
      ]);
      const { model, messages, stream } = body as ChatBody;
      expect([model, stream]).toEqual(['some/model', undefined]);
      expect(messages.at(-1)?.content.replaceAll('\n> ', '\n')).toContain(result.context);
      // Nothing is kept: the same question is asked again.
      await memory.ask(QUESTION, { model: `${provider}:some/model` });
      expect(requests).toHaveLength(2);
    });
  });

  it.each<[what: string, reply: ServiceReply, reason: string]>([
    ['a web page', { body: '<html>', headers: { 'content-type': 'text/html' } }, 'web_page'],
    ['no message', { body: { choices: [] } }, 'malformed'],
  ])('%s is MV018 that names the address to correct', async (_, reply, reason) => {
    await withService(
      () => reply,
      async (memory) => {
        await expect(memory.ask(QUESTION, { model: `${provider}:some/model` })).rejects.toMatchObject({
          code: 'MV018',
          details: { provider, reason },
          suggestion: expect.stringContaining('baseURL'),
        });
      },
      [nvidiaPlugin({ maxRetries: 0 }), openaiPlugin({ maxRetries: 0 })],
    );
  });

  it('streams, and takes citations of no passage out wherever they are cut', async () => {
    await withService(
      answering('On Tuesdays [', '1', '], at noon', ' [9', ', 8]', '.'),
      async (memory, requests) => {
        const stream = await memory.askStream(QUESTION, { model: `${provider}:m` });
        const texts: string[] = [];
        for await (const part of stream) if (part.type === 'text') texts.push(part.text);
        expect(texts.join('')).toBe('On Tuesdays [1], at noon.');
        expect(await stream.result).toMatchObject({
          answer: 'On Tuesdays [1], at noon.',
          usage: { total_tokens: 107 },
          citations: { cited: [1], removed: [9, 8], unsupported: [] },
        });
        expect(requests[0]?.body).toMatchObject({ stream: true });
      },
    );
  });

  it('with maskPii no address reaches the service', async () => {
    await withService(answering('Write to [EMAIL] [1].'), async (memory, requests) => {
      const options = { model: `${provider}:m`, maskPii: true };
      const question = 'Whom of the team do I mail about lunch? I am bob@example.com';
      const { answer } = await memory.ask(question, options);
      expect(answer).toBe('Write to [EMAIL] [1].');
      await (
        await memory.askStream(question, options)
      ).result;
      expect(requests).toHaveLength(2);
      const wire = JSON.stringify(requests);
      expect(wire).toContain('[EMAIL]');
      expect(wire).not.toMatch(/@example|ann@|bob@/);
    });
  });

  it.each([401, 429, 500])('status %i is MV018 with it, without the key', async (status) => {
    const refusal = { error: { message: `No, says the service to ${KEY}.` } };
    await withService(
      // Waiting as long as asked: not at all.
      () => ({ status, headers: { 'retry-after': '0' }, body: refusal }),
      async (memory, requests) => {
        const error: unknown = await memory
          .ask(QUESTION, { model: `${provider}:m` })
          .catch((thrown: unknown) => thrown);
        expect(error).toMatchObject({
          code: 'MV018',
          name: 'ModelUnsupportedError',
          details: { status, provider, model: 'm' },
        });
        expect(requests).toHaveLength(status === 401 ? 1 : 3);
        expect(JSON.stringify(error) + String((error as Error).stack)).not.toContain(KEY);
      },
    );
  });

  it('the key of the call goes before that of the environment, and one of `use` too', async () => {
    await withService(answering('So [1].'), async (memory, requests) => {
      await memory.ask(QUESTION, { model: `${provider}:m`, modelApiKey: 'key-of-the-call' });
      expect(requests[0]?.headers['authorization']).toBe('Bearer key-of-the-call');
      const path = await memory.path();
      const { open } = await import('@memvid/sdk');
      const plugins = [nvidiaPlugin(), openaiPlugin()];
      await using own = await open(path, 'basic', { [provider]: 'key-of-use' }, { plugins });
      await own.ask(QUESTION, { model: `${provider}:m` });
      expect(requests[1]?.headers['authorization']).toBe('Bearer key-of-use');
    });
  });

  it('without a key, and without a network: MV018 with the next step, and no request', async () => {
    await withService(answering('So.'), async (memory, requests) => {
      const variable = `${provider.toUpperCase()}_API_KEY`;
      vi.stubEnv(variable, '');
      for (const ask of [memory.ask.bind(memory), memory.askStream.bind(memory)]) {
        await expect(ask(QUESTION, { model: `${provider}:m` })).rejects.toMatchObject({
          code: 'MV018',
          message: expect.stringContaining(variable),
          suggestion: expect.stringContaining(variable),
          details: { reason: 'missing_key' },
        });
      }
      vi.stubEnv(variable, KEY);
      vi.stubEnv('MEMVID_OFFLINE', '1');
      await expect(memory.ask(QUESTION, { model: `${provider}:m` })).rejects.toMatchObject({
        code: 'MV018',
        message: expect.stringContaining('offline'),
      });
      expect(requests).toEqual([]);
    });
  });
});

it('`nvidia` alone is the model of NVIDIA_LLM_MODEL, and without it no request is made', async () => {
  await withService(answering('On Tuesdays [1].'), async (memory, requests) => {
    for (const plugins of [[nvidiaPlugin()], []]) {
      await using own = await create(join(scratch(), 'own.mv2'), { plugins });
      await expect(own.ask(QUESTION, { model: 'nvidia' })).rejects.toMatchObject({
        code: 'MV018',
        message: expect.stringMatching(/nvidia model name required/i),
        suggestion: expect.stringContaining('NVIDIA_LLM_MODEL'),
      });
    }
    expect(requests).toEqual([]);
    vi.stubEnv('NVIDIA_LLM_MODEL', 'meta/llama-3.3-70b-instruct');
    expect((await memory.ask(QUESTION, { model: 'nvidia' })).model).toBe(
      'nvidia:meta/llama-3.3-70b-instruct',
    );
  });
});

it('the first text of a stream is there at most 5 ms after the service wrote it', async () => {
  let written = 0;
  const slow = (): ServiceReply => ({
    pieces: (async function* pieces() {
      await new Promise((resolve) => setTimeout(resolve, 10));
      written = performance.now();
      yield event('On Tuesdays.');
      // What comes later must not be what it is waited for.
      await new Promise((resolve) => setTimeout(resolve, 20));
      yield END;
    })(),
  });
  await withService(slow, async (memory) => {
    const took: number[] = [];
    const plain: number[] = [];
    for (let round = 0; round < 30; round += 1) {
      const bare = await fetch(`${process.env['OPENAI_BASE_URL']}/chat/completions`, {
        method: 'POST',
        body: '{}',
      });
      for await (const _ of bare.body ?? []) {
        plain.push(performance.now() - written);
        break;
      }
      for await (const part of await memory.askStream(QUESTION, { model: openai('m') })) {
        if (part.type === 'text') took.push(performance.now() - written);
      }
    }
    expect(took).toHaveLength(30);
    expect(plain).toHaveLength(30);
    // On a machine that does other things as well the best says what the code costs, beside what `fetch` alone takes.
    expect(Math.min(...took) - Math.min(...plain)).toBeLessThan(5);
  });
});

describe('the table of packages', () => {
  it.each(Object.entries(LANGUAGE_MODEL_PLUGINS))(
    '%s: its package makes a plugin by the call it gives',
    async (provider, row) => {
      const folder = join(root, row.packageName.replace('@memvid', 'packages'));
      const module = (await import(join(folder, 'dist/index.js'))) as Record<string, unknown>;
      expect(Object.keys(module).toSorted()).toEqual([provider, row.call.replace('()', '')].toSorted());
      const plugin = (module[row.call.replace('()', '')] as () => Plugin)();
      expect(plugin).toMatchObject({ spec: 'plugin/v1', name: row.packageName });
      expect(Object.keys(plugin.languageModels ?? {})).toEqual([provider]);
      expect(await plugin.languageModels?.[provider]?.({ model: 'm' })).toMatchObject({
        provider,
        model: 'm',
      });
      expect(WELL_KNOWN_PLUGINS).toContain(row.packageName);
    },
  );

  it('knows every package of language models that is looked for', () => {
    const known = Object.values(LANGUAGE_MODEL_PLUGINS).map(({ packageName }) => packageName);
    expect(WELL_KNOWN_PLUGINS.filter((name) => name.includes('/llm-'))).toEqual(known);
  });

  it('one that is installed and cannot be loaded says so when it is asked', async () => {
    const [plugin] = await discoverPlugins({
      packages: ['@memvid/llm-nvidia'],
      load: () => Promise.reject(new Error('no such file')),
    });
    await using memory = await create(join(scratch(), 'broken.mv2'), {
      plugins: plugin === undefined ? [] : [plugin],
    });
    await expect(memory.ask('x?', { model: 'nvidia:m' })).rejects.toMatchObject({
      code: 'MV018',
      message: expect.stringMatching(/@memvid\/llm-nvidia is installed, but cannot be loaded: no such file/),
    });
  });
});

it('the compat entry finds an installed package by itself; the SDK loads it, and what asks models, not before', async () => {
  const service = await startService(answering('On Tuesdays [1].'));
  const folder = linkedInstallation('core', 'sdk', 'llm-nvidia');
  const code = `
    import { registerHooks } from 'node:module';
    const loaded = [];
    registerHooks({ resolve(name, context, next) { const found = next(name, context); loaded.push(found.url); return found; } });
    process.env.NVIDIA_BASE_URL = ${JSON.stringify(service.url)};
    process.env.NVIDIA_API_KEY = 'some-key-0123';
    const { create, open } = await import('@memvid/sdk/compat');
    const memory = await create('notes.mv2');
    await memory.put({ title: 'Lunch', text: 'The team meets for lunch every Tuesday.' });
    await memory.ask('When is lunch?');
    const early = loaded.filter((url) => /language-model\\.js|with-model|llm-nvidia/.test(url)).length;
    const { answer, model } = await memory.ask('When is lunch?', { model: 'nvidia:m' });
    await memory.close();
    const plain = await (await import('@memvid/sdk')).open('notes.mv2');
    const missing = await plain.ask('When is lunch?', { model: 'nvidia:m' }).catch((error) => [error.name, error.suggestion]);
    await plain.close();
    console.log(JSON.stringify([early, answer, model, missing]));
  `;
  const { printed, complained } = await runIn(folder, code);
  await service.close();
  expect(complained).toBe('');
  expect(JSON.parse(printed)).toEqual([
    0,
    'On Tuesdays [1].',
    'nvidia:m',
    ['PluginMissingError', expect.stringContaining('npm install @memvid/llm-nvidia')],
  ]);
});
