import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { embedAll, type Embedder, type EmbedOptions } from '@memvid/core';
import { assertNoKey, failureOf, KEY } from './failures.js';
import type { Runner } from './runner.js';
import type { ServiceReply, ServiceRequest } from './service.js';
import { type ServiceClient, withService } from './with-service.js';

/** An entry of an answer: which text it belongs to, and its vector as it travels. */
export interface ServiceVector {
  readonly index: number;
  readonly embedding: readonly number[] | string;
}

export interface EmbeddingServiceContract extends ServiceClient<Embedder> {
  /** The path the vendor documents, from the root. */
  path: string;
  /** Headers a request must have, with the values the vendor documents. */
  headers: (apiKey: string) => Readonly<Record<string, string>>;
  /** The exact body the vendor documents. */
  body: (texts: readonly string[], kind: EmbedOptions['kind']) => unknown;
  /** The body of an answer as the vendor documents it. */
  reply: (vectors: readonly ServiceVector[]) => unknown;
  /** The body of a refusal as the vendor documents it. */
  refusal: (message: string) => unknown;
  /** Whether entries bear the number of their text. Default `true`. */
  isIndexed?: boolean | undefined;
  /** Whether vectors may travel in base64. Default `false`. */
  takesBase64?: boolean | undefined;
  name?: string | undefined;
}

const TEXTS = ['first', 'the second', 'number three'] as const;

/** A vector for a text that tells it from others. */
function vectorFor(text: string): number[] {
  return [text.length / 16, 1, text.charCodeAt(0) / 128, -0.5];
}

/** What an embedder that asks a service has to do, shown with a service on this machine. */
export function embeddingServiceContract({ describe, it }: Runner, contract: EmbeddingServiceContract): void {
  const { isIndexed = true, takesBase64 = false } = contract;

  const textsOf = ({ body }: ServiceRequest): string[] => {
    const { input, texts } = body as { input?: string[]; texts?: string[] };
    return input ?? texts ?? [];
  };
  const entriesOf = (request: ServiceRequest): { index: number; embedding: number[] }[] =>
    textsOf(request).map((text, index) => ({ index, embedding: vectorFor(text) }));
  const right = (request: ServiceRequest): ServiceReply => ({ body: contract.reply(entriesOf(request)) });
  const embed = (embedder: Embedder, options: { maxRetries?: number; kind?: EmbedOptions['kind'] } = {}) =>
    embedAll(embedder, TEXTS, {
      kind: 'document',
      normalize: false,
      wait: async () => undefined,
      ...options,
    });

  describe(contract.name ?? 'embedding service contract', () => {
    for (const kind of ['document', 'query'] as const) {
      it(`asks as the vendor documents it, for a ${kind}`, async () => {
        await withService(contract, right, async (service, embedder) => {
          const { vectors } = await embed(embedder, { kind });
          assert.deepEqual(
            vectors.map((vector) => Array.from(vector)),
            TEXTS.map((text) => Array.from(Float32Array.from(vectorFor(text)))),
          );
          assert.equal(service.requests.length, 1);
          const [request] = service.requests;
          assert.equal(request?.method, 'POST');
          assert.equal(request.path, contract.path);
          assert.deepEqual(request.body, contract.body(TEXTS, kind));
          for (const [name, value] of Object.entries(contract.headers(KEY))) {
            assert.equal(request.headers[name.toLowerCase()], value, name);
          }
        });
      });
    }

    it('cuts texts into requests of at most maxBatch', async () => {
      await withService(contract, right, async (service, embedder) => {
        const texts = Array.from({ length: embedder.maxBatch + 1 }, (_, index) => `text ${index}`);
        const { vectors } = await embedAll(embedder, texts, { kind: 'document', normalize: false });
        assert.deepEqual(
          service.requests.map((request) => textsOf(request).length).toSorted((a, b) => b - a),
          [embedder.maxBatch, 1],
        );
        assert.deepEqual([...(vectors.at(-1) ?? [])], [...Float32Array.from(vectorFor(texts.at(-1) ?? ''))]);
      });
    });

    it('takes answers by index, in whatever order they come', async () => {
      if (!isIndexed) return;
      await withService(
        contract,
        (request) => ({ body: contract.reply(entriesOf(request).toReversed()) }),
        async (_, embedder) => {
          const { vectors } = await embed(embedder);
          assert.deepEqual(
            vectors.map(([first]) => first),
            TEXTS.map((text) => Math.fround(text.length / 16)),
          );
        },
      );
    });

    it('takes vectors in base64 too', async () => {
      if (!takesBase64) return;
      await withService(
        contract,
        (request) => ({
          body: contract.reply(
            entriesOf(request).map(({ index, embedding }) => ({
              index,
              embedding: Buffer.from(Float32Array.from(embedding).buffer).toString('base64'),
            })),
          ),
        }),
        async (_, embedder) => {
          const { vectors } = await embed(embedder);
          assert.deepEqual([...(vectors[2] ?? [])], [...Float32Array.from(vectorFor(TEXTS[2]))]);
        },
      );
    });

    it('a refused key: MV015 with status and variable, after one request, and no key in the error', async () => {
      await withService(
        contract,
        () => ({ status: 401, body: contract.refusal(`Incorrect API key provided: ${KEY}.`) }),
        async (service, embedder) => {
          const error = await failureOf(embed(embedder));
          assert.equal(service.requests.length, 1);
          assert.equal(error.code, 'MV015');
          assert.equal(error.details?.['status'], 401);
          assert.match(error.message, /Incorrect API key provided: \[secret\]/);
          assert.ok(
            error.suggestion?.includes(contract.variables[0] ?? ''),
            `a suggestion that names the variable, not: ${error.suggestion}`,
          );
          assertNoKey(error);
        },
      );
    });

    it('what stands in further headers is kept out of errors, with its scheme and without', async () => {
      const secret = 'gateway-key.0123456789';
      const headers = { 'x-gateway-authorization': `Token ${secret}` };
      await withService(
        contract,
        (request) => {
          const repeated = String(request.headers['x-gateway-authorization']);
          return { status: 400, body: contract.refusal(`${repeated} (${repeated.slice('Token '.length)})`) };
        },
        async (_, embedder) => {
          const error = await failureOf(embed(embedder));
          assert.match(error.message, /400/);
          assertNoKey(error, secret);
        },
        { apiKey: KEY, headers },
      );
    });

    it('a key that comes back beside the message is kept out of errors, and nothing prints it', async () => {
      const printed: string[] = [];
      const methods = ['log', 'info', 'warn', 'error', 'debug'] as const;
      const own = methods.map((method) => console[method]);
      for (const method of methods) console[method] = (...given) => void printed.push(inspect(given));
      try {
        const deep = { error: { a: { b: { c: { d: { e: { f: { g: KEY } } } } } } } };
        for (const [status, body] of [
          [400, deep],
          [422, deep],
          [200, contract.reply([{ index: 0, embedding: [KEY as never] }])],
          [200, contract.reply([{ index: KEY as never, embedding: KEY }])],
        ] as const) {
          await withService(
            contract,
            () => ({ status, headers: { 'x-request-id': KEY }, body }),
            async (_, embedder) => assertNoKey(await failureOf(embed(embedder, { maxRetries: 0 }))),
          );
        }
      } finally {
        methods.forEach((method, at) => (console[method] = own[at] ?? console[method]));
      }
      assert.ok(!printed.join('\n').includes(KEY), `nothing is printed, not: ${printed.join('\n')}`);
    });

    it('a redirect gets neither the texts nor the key', async () => {
      await withService(
        contract,
        () => ({ status: 307, headers: { location: '/elsewhere' }, body: '' }),
        async (service, embedder) => {
          const error = await failureOf(embed(embedder, { maxRetries: 0 }));
          assert.equal(error.code, 'MV015');
          assert.deepEqual(
            service.requests.map(({ path }) => path),
            [contract.path],
          );
        },
      );
    });

    it('429 with Retry-After: waits as long as asked, and goes on', async () => {
      await withService(
        contract,
        (request, count) =>
          count === 0
            ? { status: 429, headers: { 'retry-after': '7' }, body: contract.refusal('slow down') }
            : right(request),
        async (service, embedder) => {
          const waits: number[] = [];
          await embedAll(embedder, TEXTS, {
            kind: 'document',
            wait: async (milliseconds) => void waits.push(milliseconds),
          });
          assert.deepEqual(waits, [7000]);
          assert.equal(service.requests.length, 2);
          assert.deepEqual(service.requests[1]?.body, service.requests[0]?.body);
        },
      );
    });

    it('500 and then 200: tries again, and the client does not on its own', async () => {
      await withService(
        contract,
        (request, count) => (count === 0 ? { status: 500, body: contract.refusal('oops') } : right(request)),
        async (service, embedder) => {
          await embed(embedder);
          assert.equal(service.requests.length, 2);
        },
      );
      await withService(
        contract,
        () => ({ status: 500, body: contract.refusal('out of order') }),
        async (service, embedder) => {
          const error = await failureOf(embed(embedder, { maxRetries: 2 }));
          assert.equal(service.requests.length, 3);
          assert.match(error.message, /500.*out of order.*after 3 tries/);
        },
      );
    });

    it('a bad request is told at once, with what the service says', async () => {
      await withService(
        contract,
        () => ({ status: 400, body: contract.refusal('no such model') }),
        async (service, embedder) => {
          const error = await failureOf(embed(embedder));
          assert.equal(service.requests.length, 1);
          assert.match(error.message, /400.*no such model/);
        },
      );
    });

    it('a service that hangs: the call is ended after timeoutMs and tried again', async () => {
      await withService(
        contract,
        () => 'hang',
        async (service, embedder) => {
          assert.equal(embedder.timeoutMs, 1000);
          const error = await failureOf(embed(embedder, { maxRetries: 1 }));
          assert.equal(error.details?.['reason'], 'timeout');
          assert.equal(service.requests.length, 2);
        },
        { apiKey: KEY, timeoutMs: 1000 },
      );
    });

    it('a broken connection is tried again, and told as one', async () => {
      await withService(
        contract,
        (request, count) => (count === 0 ? 'reset' : right(request)),
        async (service, embedder) => {
          await embed(embedder);
          assert.equal(service.requests.length, 2);
        },
      );
      await withService(
        contract,
        () => 'reset',
        async (_, embedder) => {
          const error = await failureOf(embed(embedder, { maxRetries: 0 }));
          assert.equal(error.details?.['reason'], 'connection');
          assertNoKey(error);
        },
      );
    });

    it('an answer that was cut is asked for again', async () => {
      await withService(
        contract,
        (request, count) => {
          const whole = JSON.stringify(contract.reply(entriesOf(request)));
          return { body: count === 0 ? whole.slice(0, -20) : whole };
        },
        async (service, embedder) => {
          await embed(embedder);
          assert.equal(service.requests.length, 2);
        },
      );
      await withService(
        contract,
        () => ({ body: '{"data": [' }),
        async (_, embedder) => {
          const error = await failureOf(embed(embedder, { maxRetries: 0 }));
          assert.equal(error.code, 'MV015');
        },
      );
    });

    it('too few vectors, two sizes, and numbers that are none: an error, and no vector', async () => {
      const broken: readonly [(entries: ServiceVector[]) => ServiceVector[], string][] = [
        [(entries) => entries.slice(0, 2), 'MV015'],
        [
          (entries) => entries.map((entry, at) => (at === 1 ? { ...entry, embedding: [1, 2] } : entry)),
          'MV014',
        ],
        [(entries) => entries.map((entry) => ({ ...entry, embedding: [1, null as never, 0, 0] })), 'MV015'],
        [(entries) => entries.map((entry) => ({ ...entry, embedding: [] })), 'MV015'],
      ];
      for (const [change, code] of broken) {
        await withService(
          contract,
          (request) => ({ body: contract.reply(change(entriesOf(request))) }),
          async (service, embedder) => {
            assert.equal((await failureOf(embed(embedder))).code, code);
            assert.equal(service.requests.length, 1);
          },
        );
      }
    });

    it('without a key: MV015 that names the variable, and no request', async () => {
      await withService(
        contract,
        right,
        async (service, embedder) => {
          const error = await failureOf(embed(embedder));
          assert.equal(error.code, 'MV015');
          assert.equal(error.details?.['reason'], 'missing_key');
          for (const variable of contract.variables) {
            assert.ok(error.message.includes(variable), error.message);
          }
          assert.equal(service.requests.length, 0);
        },
        {},
      );
    });

    it('reads its key from the environment with each request', async () => {
      await withService(
        contract,
        right,
        async (service, embedder) => {
          const [variable = ''] = contract.variables;
          for (const key of ['key-one-of-two', 'key-two-of-two']) {
            process.env[variable] = key;
            await embed(embedder);
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

    it('MEMVID_OFFLINE: MV015 at once, and no request', async () => {
      await withService(contract, right, async (service, embedder) => {
        process.env['MEMVID_OFFLINE'] = '1';
        const error = await failureOf(embed(embedder));
        assert.equal(error.details?.['reason'], 'offline');
        assert.equal(service.requests.length, 0);
      });
    });

    it('ends a request when its signal is aborted', async () => {
      const stop = new AbortController();
      await withService(
        contract,
        () => {
          stop.abort();
          return 'hang';
        },
        async (service, embedder) => {
          await assert.rejects(async () =>
            embedder.embed([...TEXTS], { kind: 'document', signal: stop.signal }),
          );
          assert.equal(service.requests.length, 1);
        },
      );
    });

    it('uses the fetch it is given', async () => {
      await withService(contract, right, async (service) => {
        let calls = 0;
        const embedder = contract.create({
          baseURL: service.url,
          apiKey: KEY,
          fetch: (input, init) => {
            calls += 1;
            return fetch(input, init);
          },
        });
        await embed(embedder);
        assert.equal(calls, 1);
      });
    });
  });
}
