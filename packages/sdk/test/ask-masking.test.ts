import type { LanguageModel } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { freshMemory } from './support/memory.ts';

/** A model that takes down what it is told. */
function listener(): LanguageModel & { heard: string[] } {
  const heard: string[] = [];
  return {
    spec: 'language-model/v1',
    provider: 'acme',
    model: 'ear',
    heard,
    generate: async ({ messages }) => {
      heard.push(messages.map(({ content }) => content).join('\n'));
      return { text: 'Yes [1].' };
    },
  };
}

/** All that is said of a question: to the caller, and to a language model. */
async function told(memory: Awaited<ReturnType<typeof freshMemory>>, question: string, options: object = {}) {
  const model = listener();
  const asked = { ...options, maskPii: true, showChunks: true, returnSources: true };
  const results = [await memory.ask(question, asked), await memory.ask(question, { ...asked, model })];
  const stream = await memory.askStream(question, asked);
  return JSON.stringify([results, stream.sources, model.heard]);
}

describe('maskPii of ask', () => {
  it('masks everything that comes back: the question, uris, kinds, tracks, and names and numbers in metadata', async () => {
    await using memory = await freshMemory();
    const [mail, phone, card] = ['john.doe@example.com', '555-123-4567', 4_111_111_111_111_111];
    await memory.put({
      title: `Card ${mail}`,
      uri: `mv2://people/${mail}`,
      text: `Zebra contact ${mail} phone ${phone}.`,
      tags: [mail],
      labels: [phone],
      kind: mail,
      track: mail,
      metadata: {
        [mail]: phone,
        'ann@example.com': 2,
        nested: { a: [card, { b: mail }] },
        at: 1_700_000_000_000,
      },
    });
    for (const options of [{}, { contextOnly: true }, { llmContextChars: 60 }]) {
      const shown = await told(memory, `Zebra ${mail}?`, options);
      expect(shown).not.toMatch(/john|ann@|555-|4111/);
    }
    const { hits, question } = await memory.ask('Zebra bob@example.com?', { maskPii: true });
    expect(question).toBe('Zebra [EMAIL]?');
    expect(hits[0]).toMatchObject({
      frame_id: 0,
      uri: 'mv2://people/[EMAIL]',
      kind: '[EMAIL]',
      track: '[EMAIL]',
    });
    expect(hits[0]?.metadata).toEqual({
      '[EMAIL]': 2,
      '[EMAIL] 2': '[PHONE]',
      nested: { a: ['[CREDIT_CARD]', { b: '[EMAIL]' }] },
      at: 1_700_000_000_000,
    });
  });

  it('finds a quote by an address in the question', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'The office of ann@example.com is in room twelve of the old building.' });
    const { answer } = await memory.ask('Where is ann@example.com?', { maskPii: true });
    expect(answer).toBe('The office of [EMAIL] is in room twelve of the old building. [1]');
  });

  it('a number that is cut by the end of a chunk, a snippet, the context or a quote is masked as a whole', async () => {
    await using memory = await freshMemory();
    const line = (word: string): string =>
      `${word} number 555-123-4567 mail someone.long.name@example-company.org card 4111 1111 1111 1111 or +49 30 1234567`;
    const cut = /\d{3}-\d|-\d{4}\b|\d{4} \d|someone|company|\+49|\b1234567/;
    for (const shift of [0, 7, 19, 31, 44, 58, 71, 95]) {
      const word = `walrus${shift}`;
      await memory.put({
        text: `${'p'.repeat(shift)} ${Array.from({ length: 60 }, () => line(word)).join('; ')}`,
      });
      for (const options of [{}, { snippetChars: 31 + shift }, { llmContextChars: 90 + shift }, { k: 20 }]) {
        const shown = await told(memory, word, options);
        expect(shown).toContain('[CREDIT_CARD]');
        expect(shown.replaceAll(/"(?:created_at|uri)":"[^"]*"/g, '')).not.toMatch(cut);
      }
    }
    // Nothing matches: the newest documents come with the beginning of their texts.
    for (const snippetChars of [40, 55, 70, 85, 100]) {
      expect(
        (await told(memory, 'Nothing?', { snippetChars })).replaceAll(/"(?:created_at|uri)":"[^"]*"/g, ''),
      ).not.toMatch(cut);
    }
  });
});
