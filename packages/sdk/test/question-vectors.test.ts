import { HashEmbeddings } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import type { EmbeddingIdentity } from '@memvid/core';
import type { Memvid, OpenOptions } from '../src/index.ts';
import { A, B, letters } from './support/letters.ts';
import { freshMemory } from './support/memory.ts';
import { expectFailure, expectRefused, wrong } from './support/refusals.ts';

/** A memory with a document of each identity. */
async function holding(identities: readonly EmbeddingIdentity[], options?: OpenOptions): Promise<Memvid> {
  const memory = await freshMemory(options as never);
  for (const [n, embeddingIdentity] of identities.entries()) {
    await memory.put({ title: `${n}`, text: `word ${n}`, embedding: n === 0 ? A : B, embeddingIdentity });
  }
  return memory;
}

const LETTERS = { provider: 'acme', model: 'letters' };

describe('one model is one, however it is written', () => {
  it.each([
    ['lengths that are known and not', [LETTERS, { ...LETTERS, normalized: true }], letters()],
    [
      'lengths that differ',
      [
        { ...LETTERS, normalized: false },
        { ...LETTERS, normalized: true },
      ],
      letters(),
    ],
    ['case', [LETTERS, { provider: 'acme', model: 'Letters' }], letters()],
    [
      'a short name and the model’s own',
      [
        { provider: 'local', model: 'bge-small' },
        { provider: 'local', model: 'BAAI/bge-small-en-v1.5' },
      ],
      letters({ provider: 'local', model: 'BAAI/bge-small-en-v1.5' }),
    ],
  ])('%s', async (_, identities, embedder) => {
    const names = { [embedder.model]: () => embedder, acme: () => embedder };
    await using memory = await holding(identities, {
      plugins: [{ spec: 'plugin/v1', name: 'p', embedders: names }],
    });
    const found = await memory.find('a question', { mode: 'sem', k: 1 });
    expect(found).toMatchObject({ engine: 'vec', hits: [{ title: '0' }] });
    expect(found.warnings).toBeUndefined();
    // And so does the memory's own.
    await using own = await holding(identities, { embedder });
    expect(await own.find('a question', { k: 1 })).toMatchObject({ engine: 'hybrid' });
  });

  it('a local provider of the reference’s shape is stored under the model’s own name', async () => {
    await using memory = await freshMemory();
    const provider = {
      provider: 'local',
      modelName: 'bge-small',
      dimension: 4,
      embedDocuments: async (texts: string[]) => texts.map(() => [...A]),
      embedQuery: async () => [...A],
    };
    await memory.put({ text: 'x', embedder: provider });
    const identity = { provider: 'local', model: 'BAAI/bge-small-en-v1.5' };
    expect((await memory.stats()).embedding_identity).toMatchObject(identity);
  });

  it('of several models the memory’s own serves when it is one of them, with a warning about the others', async () => {
    const identities = [LETTERS, { provider: 'acme', model: 'other' }];
    await using memory = await holding(identities, { embedder: letters() });
    const { engine, hits, warnings } = await memory.find('a question', { mode: 'sem', k: 1 });
    expect([engine, hits[0]?.title]).toEqual(['vec', '0']);
    expect(warnings).toEqual([expect.stringMatching(/some vectors of the memory were made by acme other/)]);
    await using stranger = await holding(identities, { embedder: letters({ model: 'third' }) });
    expect(await expectFailure(() => stranger.find('q', { mode: 'sem' }))).toMatchObject({
      code: 'MV015',
      details: { reason: 'mixed_identity' },
    });
  });
});

describe('the memory’s own embedder', () => {
  it.each([
    ['says another size', new HashEmbeddings({ dimension: 64 })],
    [
      'gives another size',
      letters({ dimensions: undefined, embed: async () => ({ vectors: [Float32Array.of(1)] }) }),
    ],
  ])('that %s: words answer with a warning, and sem is MV014', async (_, embedder) => {
    await using memory = await holding([{}], { embedder });
    const found = await memory.find('word');
    expect(found).toMatchObject({ engine: 'tantivy', hits: [{ title: '0' }] });
    expect(found.warnings).toEqual([expect.stringMatching(/dimension mismatch.*by words only\.$/i)]);
    expect((await memory.ask('word?', { contextOnly: true })).hits).toHaveLength(1);
    expect(await expectFailure(() => memory.find('word', { mode: 'sem' }))).toMatchObject({ code: 'MV014' });
    // What the call itself gives is never passed over.
    expect(await expectFailure(() => memory.find('word', { embedder, mode: 'auto' }))).toMatchObject({
      code: 'MV014',
    });
  });

  it('with a size of 0 has the size that its first answer tells', async () => {
    const embedder = letters({ dimensions: 0 });
    await using memory = await freshMemory({ embedder });
    await memory.put({ text: 'alpha' });
    await memory.put({ text: 'beta' });
    expect((await memory.find('a?', { mode: 'sem', k: 1 })).hits).toMatchObject([{ text: 'alpha' }]);
    expect((await memory.find('a?', { mode: 'sem', k: 1, embedder })).hits).toHaveLength(1);
  });
});

describe('embedders that would do no work, or that no file can keep, are refused where they come in', () => {
  it.each([
    ['concurrency', 0],
    ['concurrency', NaN],
    ['maxRetries', NaN],
    ['timeoutMs', NaN],
    ['dimensions', 4097],
    ['dimensions', 1.5],
    ['maxTokens', 0],
  ])('%s: %s', async (name, value) => {
    const embedder = letters({ [name]: value });
    const argument = `embedder.${name}`;
    await using memory = await freshMemory();
    await expectRefused(() => freshMemory({ embedder }), argument);
    await expectRefused(() => memory.put({ text: 'a', embedder }), argument);
    await expectRefused(() => memory.putMany([{ title: 'a', text: 'a' }], { embedder }), argument);
    await memory.put({ text: 'a', embedding: A });
    await expectRefused(() => memory.find('a', { mode: 'sem', embedder }), argument);
    await expectRefused(() => memory.reembed({ embedder }), argument);
    const plugins = [{ spec: 'plugin/v1', name: 'p', embedders: { bad: () => embedder } } as const];
    await using named = await freshMemory({ plugins });
    await expectRefused(() => named.put({ text: 'a', embedder: 'bad' }), `embedders["bad"]().${name}`);
    expect(embedder.texts).toEqual([]);
  });
});

describe('find', () => {
  it('says when a vector of the call was not used, because the usual mode goes by words', async () => {
    await using memory = await holding([LETTERS]);
    const unused = [expect.stringContaining('mode: "auto"')];
    for (const brought of [{ queryEmbedding: A }, { embedder: letters() }]) {
      expect(await memory.find('word', brought)).toMatchObject({ engine: 'tantivy', warnings: unused });
      expect((await memory.find('word', { ...brought, mode: 'lex' })).warnings).toBeUndefined();
      expect((await memory.find('word', { ...brought, mode: 'auto' })).engine).toBe('hybrid');
      expect((await memory.ask('word?', { ...brought, contextOnly: true })).warnings).toBeUndefined();
    }
    const empty = { queryEmbedding: undefined, embedder: undefined, queryEmbeddingModel: undefined };
    expect((await memory.find('word', empty)).warnings).toBeUndefined();
  });

  it('says when the end of the question was not read', async () => {
    await using memory = await holding([LETTERS]);
    const embedder = letters({
      embed: async () => ({ vectors: [Float32Array.from(A)], usage: { truncated: 1 } }),
    });
    const { warnings } = await memory.find('a long question', { mode: 'sem', embedder });
    expect(warnings).toEqual([expect.stringContaining('its end was not looked for')]);
  });

  it.each(['constructor', '__proto__', 'toString'])('knows no mode %s', async (mode) => {
    await using memory = await holding([LETTERS]);
    await expectRefused(() => memory.find('word', { mode: wrong(mode) }), 'mode');
  });
});
