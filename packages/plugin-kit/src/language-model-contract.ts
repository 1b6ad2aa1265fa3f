import assert from 'node:assert/strict';
import type { GenerateRequest, GenerateResult, LanguageModel, TokenUsage } from '@memvid/core';
import { assertNames, assertRefusesAborted, leavingUnchanged } from './calls.js';
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
    it('says what it is: spec, provider, model', async () => {
      const model = await contract.create();
      assert.equal(model.spec, 'language-model/v1');
      assertNames(model);
    });

    it('answers with text, and leaves the request as it is', async () => {
      const model = await contract.create();
      const result = await leavingUnchanged(structuredClone(request), (own) => model.generate(own));
      assertResult(result);
    });

    it('streams an answer in pieces of text, where it streams', async () => {
      const model = await contract.create();
      if (model.stream === undefined) return;
      let text = '';
      for await (const piece of model.stream(structuredClone(request))) {
        assert.equal(typeof piece.text, 'string', 'a piece must have text');
        assertUsage(piece.usage);
        text += piece.text;
      }
      assert.ok(text.trim() !== '', 'the pieces together must be an answer');
    });

    it('rejects when its signal is aborted before', async () => {
      const model = await contract.create();
      await assertRefusesAborted((signal) => model.generate(structuredClone(request), { signal }));
      const { stream } = model;
      if (stream === undefined) return;
      await assertRefusesAborted(async (signal) => {
        for await (const piece of stream.call(model, structuredClone(request), { signal })) void piece;
      });
    });
  });
}

function assertResult(result: GenerateResult): void {
  assert.ok(typeof result.text === 'string' && result.text.trim() !== '', '`text` must be an answer');
  assert.ok(REASONS.has(result.finishReason), `\`finishReason\` is ${String(result.finishReason)}`);
  assertUsage(result.usage);
}

function assertUsage(usage: TokenUsage | undefined): void {
  for (const [name, count] of Object.entries(usage ?? {}) as [string, unknown][]) {
    assert.ok(
      count === undefined || (Number.isFinite(count) && Number(count) >= 0),
      `\`usage.${name}\` must be a count`,
    );
  }
}
