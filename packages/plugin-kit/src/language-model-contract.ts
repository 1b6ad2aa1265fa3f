import assert from 'node:assert/strict';
import type { GenerateRequest, GenerateResult, LanguageModel, TokenUsage } from '@memvid/core';
import { assertEndsWhenAborted, assertNames, assertRefusesAborted, leavingUnchanged } from './calls.js';
import type { Runner } from './runner.js';

export interface LanguageModelContract {
  /** Makes the model; called once a test. */
  create: () => LanguageModel | Promise<LanguageModel>;
  /** What it is asked. */
  request?: GenerateRequest | undefined;
  name?: string | undefined;
}

const REQUEST: GenerateRequest = {
  messages: [
    { role: 'system', content: 'Answer in one word.' },
    { role: 'user', content: 'What is the capital of France?' },
  ],
  temperature: 0,
  maxTokens: 20,
};
const REASONS: ReadonlySet<unknown> = /* @__PURE__ */ new Set([
  undefined,
  'stop',
  'length',
  'filtered',
  'other',
]);

/** What every language model has to do. */
export function languageModelContract({ describe, it }: Runner, contract: LanguageModelContract): void {
  const request = contract.request ?? REQUEST;
  describe(contract.name ?? 'language model contract', () => {
    it('says what it is: spec, provider, model, and how it wants to be called', async () => {
      const model = await contract.create();
      assert.equal(model.spec, 'language-model/v1');
      assertNames(model);
      assert.ok(model.timeoutMs === undefined || model.timeoutMs > 0, '`timeoutMs` must be more than 0');
      const { maxRetries } = model;
      assert.ok(
        maxRetries === undefined || (Number.isSafeInteger(maxRetries) && maxRetries >= 0),
        '`maxRetries` must be a whole number',
      );
      await model.assertReady?.();
    });

    it('answers with text, and leaves the request as it is', async () => {
      const model = await contract.create();
      const result = await leavingUnchanged(structuredClone(request), (own) => model.generate(own));
      assertResult(result);
    });

    it('streams an answer in parts of text and one that ends it, where it streams', async () => {
      const model = await contract.create();
      if (model.stream === undefined) return;
      let text = '';
      const types: string[] = [];
      await leavingUnchanged(structuredClone(request), async (own) => {
        for await (const part of model.stream?.(own) ?? []) {
          types.push(part.type);
          if (part.type === 'finish') {
            assertReason(part.finishReason);
            assertUsage(part.usage);
            continue;
          }
          assert.equal(part.type, 'text', 'a part is a text, or the finish');
          assert.equal(typeof part.text, 'string', 'a part of text must have one');
          text += part.text;
        }
      });
      assert.ok(text.trim() !== '', 'the parts together must be an answer');
      assert.deepEqual(
        types.filter((type) => type === 'finish'),
        ['finish'],
        'a stream must end with one `finish`',
      );
      assert.equal(types.at(-1), 'finish', '`finish` must be the last part');
    });

    it('can be left in the middle of a stream, and asked again', async () => {
      const model = await contract.create();
      if (model.stream === undefined) return;
      for await (const part of model.stream(structuredClone(request))) {
        void part;
        break;
      }
      assertResult(await model.generate(structuredClone(request)));
    });

    it('answers calls at the same time', async () => {
      const model = await contract.create();
      const results = await Promise.all([1, 2, 3].map(async () => model.generate(structuredClone(request))));
      for (const result of results) assertResult(result);
    });

    it('rejects when its signal is aborted before', async () => {
      const model = await contract.create();
      await assertRefusesAborted((signal) => model.generate(structuredClone(request), { signal }));
      const { stream } = model;
      if (stream === undefined) return;
      await assertRefusesAborted(async (signal) => {
        for await (const part of stream.call(model, structuredClone(request), { signal })) void part;
      });
    });

    it('rejects when its signal is aborted under way', async () => {
      const model = await contract.create();
      await assertEndsWhenAborted((signal) => model.generate(structuredClone(request), { signal }));
    });
  });
}

function assertResult(result: GenerateResult): void {
  assert.ok(typeof result.text === 'string' && result.text.trim() !== '', '`text` must be an answer');
  assertReason(result.finishReason);
  assertUsage(result.usage);
}

function assertReason(reason: unknown): void {
  assert.ok(REASONS.has(reason), `\`finishReason\` is ${String(reason)}`);
}

function assertUsage(usage: TokenUsage | undefined): void {
  for (const [name, count] of Object.entries(usage ?? {}) as [string, unknown][]) {
    assert.ok(
      count === undefined || (Number.isFinite(count) && Number(count) >= 0),
      `\`usage.${name}\` must be a count`,
    );
  }
}
