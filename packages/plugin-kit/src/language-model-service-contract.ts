import assert from 'node:assert/strict';
import type { GenerateRequest, LanguageModel, TokenUsage } from '@memvid/core';
import { generateText, type GenerateTextOptions, streamText } from '@memvid/core/language-model';
import { assertNoKey, failureOf, KEY } from './failures.js';
import type { Runner } from './runner.js';
import type { ServiceReply, ServiceRequest } from './service.js';
import { type ServiceClient, withService } from './with-service.js';

/** Tokens that an answer cost. */
export type ServiceUsage = Readonly<Record<keyof TokenUsage, number>>;

export interface LanguageModelServiceContract extends ServiceClient<LanguageModel> {
  /** The path the vendor documents, from the root. */
  path: string;
  /** Headers a request must have, with the values the vendor documents. */
  headers: (apiKey: string) => Readonly<Record<string, string>>;
  /** The exact body the vendor documents, of a whole and of a streamed answer. */
  body: (request: GenerateRequest, isStreamed: boolean) => unknown;
  /** The body of a whole answer as the vendor documents it. */
  reply: (text: string, usage: ServiceUsage) => unknown;
  /**
   * The events of a streamed answer as the vendor documents them, one of them a text (`text`) in the order of `pieces`,
   * the data of each as it stands behind `data: `.
   */
  events: (pieces: readonly string[], usage: ServiceUsage) => readonly string[];
  /** The body of a refusal as the vendor documents it. */
  refusal: (message: string) => unknown;
  name?: string | undefined;
}

const REQUEST: GenerateRequest = {
  messages: [
    { role: 'system', content: 'Answer in one word.' },
    { role: 'user', content: 'What is the capital of France? "Paris" & <more>\n漢字 👩‍👩‍👧' },
  ],
};
const PIECES = ['Par', 'is, la', ' Ville Lumière: ', '巴黎', ' 👩‍👩‍👧', '.'] as const;
const ANSWER = PIECES.join('');
const USAGE = { promptTokens: 21, completionTokens: 9, totalTokens: 30 } as const;

/** What a language model that asks a service has to do, shown with a service on this machine. */
export function languageModelServiceContract(
  { describe, it }: Runner,
  contract: LanguageModelServiceContract,
): void {
  const isStreamed = ({ body }: ServiceRequest): boolean =>
    JSON.stringify(body) === JSON.stringify(contract.body(REQUEST, true));
  const events = (): string => framed(contract.events(PIECES, USAGE), '\n');
  const right = (request: ServiceRequest): ServiceReply =>
    isStreamed(request) ? { pieces: [events()] } : { body: contract.reply(ANSWER, USAGE) };
  const ways = ['a whole answer', 'a streamed answer'] as const;
  const ask = async (
    way: (typeof ways)[number],
    model: LanguageModel,
    options: GenerateTextOptions = {},
  ): Promise<string> => {
    const given = { wait: async () => undefined, ...options };
    if (way === 'a whole answer') return (await generateText(model, REQUEST, given)).text;
    return (await collected(model, given)).text;
  };

  describe(contract.name ?? 'language model service contract', () => {
    for (const way of ways) {
      it(`${way}: asks as the vendor documents it, and takes the answer, its end and its tokens`, async () => {
        await withService(contract, right, async (service, model) => {
          const { text, finishReason, usage } =
            way === 'a whole answer' ? await generateText(model, REQUEST) : await collected(model);
          assert.equal(text, ANSWER);
          assert.equal(finishReason, 'stop');
          assert.deepEqual(usage, USAGE);
          assert.equal(service.requests.length, 1);
          const [request] = service.requests;
          assert.equal(request?.method, 'POST');
          assert.equal(request.path, contract.path);
          assert.deepEqual(request.body, contract.body(REQUEST, way === 'a streamed answer'));
          for (const [name, value] of Object.entries(contract.headers(KEY))) {
            assert.equal(request.headers[name.toLowerCase()], value, name);
          }
        });
      });

      it(`${way}: a refused key is MV018 with status and variable, after one request, and no key in the error`, async () => {
        await withService(
          contract,
          () => ({ status: 401, body: contract.refusal(`Incorrect API key provided: ${KEY}.`) }),
          async (service, model) => {
            const error = await failureOf(ask(way, model));
            assert.equal(service.requests.length, 1);
            assert.deepEqual([error.code, error.name], ['MV018', 'ModelUnsupportedError']);
            assert.equal(error.details?.['status'], 401);
            assert.equal(error.details?.['reason'], 'key_refused');
            assert.equal(error.details?.['provider'], model.provider);
            assert.match(error.message, /Incorrect API key provided: \[secret\]/);
            assert.ok(
              error.suggestion?.includes(contract.variables[0] ?? ''),
              `a suggestion that names the variable, not: ${error.suggestion}`,
            );
            assertNoKey(error);
          },
        );
      });

      it(`${way}: 429 with Retry-After waits as long as asked, and goes on`, async () => {
        await withService(
          contract,
          (request, count) =>
            count === 0
              ? { status: 429, headers: { 'retry-after': '7' }, body: contract.refusal('slow down') }
              : right(request),
          async (service, model) => {
            const waits: number[] = [];
            const wait = async (milliseconds: number): Promise<void> => void waits.push(milliseconds);
            assert.equal(await ask(way, model, { wait }), ANSWER);
            assert.deepEqual(waits, [7000]);
            assert.equal(service.requests.length, 2);
            assert.deepEqual(service.requests[1]?.body, service.requests[0]?.body);
          },
        );
      });

      it(`${way}: 500 and then 200 is tried again, and 500 for good is told`, async () => {
        await withService(
          contract,
          (request, count) =>
            count === 0 ? { status: 500, body: contract.refusal('oops') } : right(request),
          async (service, model) => {
            assert.equal(await ask(way, model), ANSWER);
            assert.equal(service.requests.length, 2);
          },
        );
        await withService(
          contract,
          () => ({ status: 500, body: contract.refusal('out of order') }),
          async (service, model) => {
            const error = await failureOf(ask(way, model, { maxRetries: 2 }));
            assert.equal(service.requests.length, 3);
            assert.equal(error.code, 'MV018');
            assert.equal(error.details?.['attempts'], 3);
            assert.match(error.message, /500.*out of order.*after 3 tries/);
          },
        );
      });

      it(`${way}: a bad request is told at once, with what the service says`, async () => {
        await withService(
          contract,
          () => ({ status: 400, body: contract.refusal('no such model') }),
          async (service, model) => {
            const error = await failureOf(ask(way, model));
            assert.equal(service.requests.length, 1);
            assert.equal(error.code, 'MV018');
            assert.match(error.message, /400.*no such model/);
          },
        );
      });

      it(`${way}: JSON that is cut is asked for again, and told when it stays so`, async () => {
        const cut = (request: ServiceRequest): ServiceReply => {
          if (!isStreamed(request)) {
            return { body: JSON.stringify(contract.reply(ANSWER, USAGE)).slice(0, -20) };
          }
          const [first = ''] = contract.events(PIECES, USAGE);
          return { pieces: [framed([first.slice(0, -5)], '\n')] };
        };
        await withService(
          contract,
          (request, count) => (count === 0 ? cut(request) : right(request)),
          async (service, model) => {
            assert.equal(await ask(way, model), ANSWER);
            assert.equal(service.requests.length, 2);
          },
        );
        await withService(contract, cut, async (_, model) => {
          const error = await failureOf(ask(way, model, { maxRetries: 0 }));
          assert.deepEqual([error.code, error.details?.['reason']], ['MV018', 'malformed']);
        });
      });

      it(`${way}: a service that hangs is ended after timeoutMs and tried again`, async () => {
        await withService(
          contract,
          () => 'hang',
          async (service, model) => {
            assert.equal(model.timeoutMs, 1000);
            const error = await failureOf(ask(way, model, { maxRetries: 1 }));
            assert.deepEqual([error.code, error.details?.['reason']], ['MV018', 'timeout']);
            assert.equal(service.requests.length, 2);
            await service.left(2);
          },
          { apiKey: KEY, timeoutMs: 1000 },
        );
      });

      it(`${way}: a broken connection is tried again, and told as one`, async () => {
        await withService(
          contract,
          (request, count) => (count === 0 ? 'reset' : right(request)),
          async (service, model) => {
            assert.equal(await ask(way, model), ANSWER);
            assert.equal(service.requests.length, 2);
          },
        );
        await withService(
          contract,
          () => 'reset',
          async (_, model) => {
            const error = await failureOf(ask(way, model, { maxRetries: 0 }));
            assert.equal(error.details?.['reason'], 'connection');
            assertNoKey(error);
          },
        );
      });

      it(`${way}: a redirect gets neither the messages nor the key`, async () => {
        await withService(
          contract,
          () => ({ status: 307, headers: { location: '/elsewhere' }, body: '' }),
          async (service, model) => {
            assert.equal((await failureOf(ask(way, model, { maxRetries: 0 }))).code, 'MV018');
            assert.deepEqual(
              service.requests.map(({ path }) => path),
              [contract.path],
            );
          },
        );
      });

      it(`${way}: without a key, and without a network, MV018 and no request`, async () => {
        await withService(
          contract,
          right,
          async (service, model) => {
            for (const call of [async () => ask(way, model), async () => model.assertReady?.()]) {
              const error = await failureOf(call());
              assert.deepEqual([error.code, error.details?.['reason']], ['MV018', 'missing_key']);
              for (const variable of contract.variables) {
                assert.ok(error.message.includes(variable), error.message);
              }
            }
            process.env[contract.variables[0] ?? ''] = KEY;
            process.env['MEMVID_OFFLINE'] = '1';
            const error = await failureOf(ask(way, model));
            assert.deepEqual([error.code, error.details?.['reason']], ['MV018', 'offline']);
            assert.equal(service.requests.length, 0);
          },
          {},
        );
      });

      it(`${way}: reads its key from the environment with each request`, async () => {
        await withService(
          contract,
          right,
          async (service, model) => {
            const [variable = ''] = contract.variables;
            for (const key of ['key-one-of-two', 'key-two-of-two']) {
              process.env[variable] = key;
              await ask(way, model);
            }
            for (const [at, key] of ['key-one-of-two', 'key-two-of-two'].entries()) {
              for (const [name, value] of Object.entries(contract.headers(key))) {
                assert.equal(service.requests[at]?.headers[name.toLowerCase()], value);
              }
            }
          },
          {},
        );
      });

      it(`${way}: what stands in further headers, or beside the message, is kept out of errors`, async () => {
        const secret = 'gateway-key.0123456789';
        await withService(
          contract,
          () => ({
            status: 400,
            headers: { 'x-request-id': KEY },
            body: { ...(contract.refusal(`Token ${secret} (${secret})`) as object), deep: { a: [KEY] } },
          }),
          async (_, model) => {
            const error = await failureOf(ask(way, model));
            assert.match(error.message, /400/);
            assertNoKey(error, secret);
            assertNoKey(error);
          },
          { apiKey: KEY, headers: { 'x-gateway-authorization': `Token ${secret}` } },
        );
      });

      it(`${way}: uses the fetch it is given`, async () => {
        await withService(contract, right, async (service) => {
          let calls = 0;
          const model = contract.create({
            baseURL: service.url,
            apiKey: KEY,
            fetch: (input, init) => {
              calls += 1;
              return fetch(input, init);
            },
          });
          assert.equal(await ask(way, model), ANSWER);
          assert.equal(calls, 1);
        });
      });

      it(`${way}: ends a request when its signal is aborted`, async () => {
        const stop = new AbortController();
        await withService(
          contract,
          () => {
            stop.abort();
            return 'hang';
          },
          async (service, model) => {
            const error = await failureOf(ask(way, model, { signal: stop.signal }));
            assert.deepEqual([error.code, error.details?.['reason']], ['MV018', 'aborted']);
            assert.equal(service.requests.length, 1);
            await service.left(1);
          },
        );
      });
    }

    it('a streamed answer: events in every form of the standard, cut at every byte', async () => {
      const data = contract.events(PIECES, USAGE);
      const forms = [
        framed(data, '\n'),
        framed(data, '\r\n'),
        framed(data, '\r'),
        `\uFEFF: welcome\n\n${framed(data, '\n')}`,
        data.map((line) => `: keep-alive\n\nevent: message\nid: 7\nretry: 10\ndata:${line}\n\n`).join(''),
        // The last blank line is missing.
        framed(data, '\r\n').slice(0, -2),
      ];
      for (const form of forms) {
        const bytes = new TextEncoder().encode(form);
        for (const size of [1, 3, 7, 64, bytes.length]) {
          const pieces = Array.from({ length: Math.ceil(bytes.length / size) }, (_, at) =>
            bytes.subarray(at * size, (at + 1) * size),
          );
          const fetch: typeof globalThis.fetch = async () =>
            new Response(ReadableStream.from(pieces), {
              headers: { 'content-type': 'text/event-stream; charset=utf-8' },
            });
          const model = contract.create({ baseURL: 'http://127.0.0.1:9', apiKey: KEY, fetch });
          const { text, finishReason, usage, parts } = await collected(model);
          assert.deepEqual(
            { text, finishReason, usage },
            { text: ANSWER, finishReason: 'stop', usage: USAGE },
          );
          assert.deepEqual(parts, PIECES);
        }
      }
    });

    it('a streamed answer: each text is given before the next is there', async () => {
      const data = contract.events(PIECES, USAGE);
      let taken = (): void => undefined;
      let count = 0;
      await withService(
        contract,
        () => ({
          pieces: (async function* pieces() {
            for (const line of data) {
              yield framed([line], '\n');
              const { text } = textOf(line);
              // Without it the test hangs here, and is ended.
              if (text) await new Promise<void>((resolve) => (taken = resolve));
            }
          })(),
        }),
        async (_, model) => {
          for await (const part of streamText(model, REQUEST, { timeoutMs: 30_000 })) {
            if (part.type !== 'text') continue;
            count += 1;
            taken();
          }
        },
      );
      assert.ok(count > 1, 'a text of several pieces');

      function textOf(line: string): { text: boolean } {
        return { text: PIECES.some((piece) => line.includes(JSON.stringify(piece))) };
      }
    });

    it('a streamed answer that ends before it is whole, or breaks: what came is given, and then MV018', async () => {
      const data = contract.events(PIECES, USAGE);
      const half = framed(data.slice(0, Math.ceil(data.length / 2)), '\n');
      let heard = (): void => undefined;
      const isHeard = new Promise<void>((resolve) => (heard = resolve));
      const breaking = (async function* pieces() {
        yield half;
        // What is not sent yet is lost with the connection.
        await isHeard;
        throw new Error('broken');
      })();
      for (const [pieces, reason] of [
        [[half], 'cut_off'],
        [[half, 'data: {"choices'], 'cut_off'],
        [breaking, 'connection'],
      ] as const) {
        await withService(
          contract,
          () => ({ pieces }),
          async (service, model) => {
            const parts: string[] = [];
            const isBreaking = reason === 'connection';
            const error = await failureOf(collected(model, {}, parts, isBreaking ? heard : undefined));
            assert.deepEqual([error.code, error.details?.['reason']], ['MV018', reason]);
            assert.ok(parts.length > 0 && ANSWER.startsWith(parts.join('')), 'the beginning is given');
            assert.equal(error.details?.['received'], parts.join('').length);
            // Another answer would not fit behind it.
            assert.equal(service.requests.length, 1);
          },
        );
      }
    });

    it('a streamed answer of nothing is asked for again', async () => {
      await withService(
        contract,
        (request, count) => (count === 0 ? { pieces: [''] } : right(request)),
        async (service, model) => {
          assert.equal((await collected(model, { wait: async () => undefined })).text, ANSWER);
          assert.equal(service.requests.length, 2);
        },
      );
    });

    it('a streamed answer that stops in the middle is ended after timeoutMs', async () => {
      const [first = '', second = ''] = contract.events(PIECES, USAGE);
      await withService(
        contract,
        () => ({
          pieces: (async function* pieces() {
            yield framed([first, second], '\n');
            await new Promise(() => undefined);
          })(),
        }),
        async (service, model) => {
          const error = await failureOf(collected(model));
          assert.equal(error.details?.['reason'], 'timeout');
          await service.left(1);
        },
        { apiKey: KEY, timeoutMs: 1000 },
      );
    });

    it('a streamed answer that is slow, and never silent for long, is taken whole', async () => {
      const data = contract.events(PIECES, USAGE);
      await withService(
        contract,
        () => ({
          pieces: (async function* pieces() {
            for (const line of data) {
              yield framed([line], '\n');
              await new Promise((resolve) => setTimeout(resolve, 250));
            }
          })(),
        }),
        async (_, model) => assert.equal((await collected(model)).text, ANSWER),
        { apiKey: KEY, timeoutMs: 1500 },
      );
    });

    it('a streamed answer that is left in the middle ends the request', async () => {
      const data = contract.events(PIECES, USAGE);
      await withService(
        contract,
        () => ({
          pieces: (async function* pieces() {
            yield framed(data.slice(0, -2), '\n');
            await new Promise(() => undefined);
          })(),
        }),
        async (service, model) => {
          for await (const part of streamText(model, REQUEST)) if (part.type === 'text') break;
          await service.left(1);
        },
      );
    });

    it('a service that answers whole, though it was asked for a stream, is understood', async () => {
      await withService(
        contract,
        () => ({ body: contract.reply(ANSWER, USAGE) }),
        async (_, model) => {
          const { text, usage } = await collected(model);
          assert.deepEqual({ text, usage }, { text: ANSWER, usage: USAGE });
        },
      );
    });
  });
}

/** Data as events, with the ends of lines that are asked for. */
function framed(data: readonly string[], end: string): string {
  return data.map((line) => `data: ${line}${end}${end}`).join('');
}

/** All of a streamed answer; the texts are put into `parts` as they come. */
async function collected(
  model: LanguageModel,
  options: GenerateTextOptions = {},
  parts: string[] = [],
  heard: () => void = () => undefined,
): Promise<{ text: string; parts: string[]; finishReason: unknown; usage: unknown }> {
  let end: { finishReason?: unknown; usage?: unknown } = {};
  for await (const part of streamText(model, REQUEST, options)) {
    if (part.type === 'text') {
      parts.push(part.text);
      heard();
    } else {
      end = part;
    }
  }
  return { text: parts.join(''), parts, finishReason: end.finishReason, usage: end.usage };
}
