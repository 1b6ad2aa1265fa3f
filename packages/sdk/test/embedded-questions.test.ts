import type { Plugin } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { ask } from '../src/ask.ts';
import { correct } from '../src/correct.ts';
import { find } from '../src/find.ts';
import { MemvidError } from '../src/index.ts';
import { put } from '../src/put.ts';
import { putMany } from '../src/put-many.ts';
import { update } from '../src/update.ts';
import { vecSearch } from '../src/vec-search.ts';
import { A, B, IDENTITY, letters } from './support/noting-embedder.ts';
import { vectorMemory } from './support/vector-memory.ts';

describe('questions get vectors', () => {
  const stored = { dimension: 8, identity: IDENTITY };

  it('from the call', async () => {
    const { handle, found } = vectorMemory({}, stored);
    const embedder = letters();
    await find(handle, 'A?', { mode: 'sem', embedder, k: 3 });
    await find(handle, 'A?', { mode: 'auto', embedder });
    await find(handle, 'B?', { mode: 'sem', queryEmbedding: B });
    const asked = await ask(handle, 'A?', { embedder, contextOnly: true });
    await vecSearch(handle, 'words', B);
    expect(embedder.calls.every(({ kind }) => kind === 'query')).toBe(true);
    expect(found.map(({ vector, request }) => [vector, request['mode']])).toEqual([
      [A, 'sem'],
      [A, 'auto'],
      [B, 'sem'],
      [A, 'auto'],
      [B, 'sem'],
    ]);
    expect(found[0]?.request).toMatchObject({ query: 'A?', k: 3 });
    expect(asked.mode).toBe('hybrid');
  });

  it('from the embedder of the memory, which makes auto the usual mode', async () => {
    const { handle, found } = vectorMemory({ embedder: letters() }, stored);
    await find(handle, 'A?');
    await ask(handle, 'A?', { contextOnly: true });
    await find(handle, 'A?', { mode: 'lex' });
    expect(found.map(({ vector, request }) => [vector, request['mode']])).toEqual([
      [A, 'auto'],
      [A, 'auto'],
      [undefined, undefined],
    ]);
  });

  it('from the plugin that makes the vectors of the file, by its identity', async () => {
    const made: unknown[] = [];
    const plugins: Plugin[] = [
      {
        spec: 'plugin/v1',
        name: 'p',
        embedders: {
          openai: (options) => {
            made.push(options);
            return letters({ provider: 'openai', model: 'text-embedding-3-small' });
          },
        },
      },
    ];
    const identity = { ...IDENTITY, provider: 'OpenAI', model: 'text-embedding-3-small' };
    const { handle, found } = vectorMemory({ plugins }, { dimension: 8, identity });
    await find(handle, 'A?', { mode: 'sem' });
    expect(made).toEqual([{ model: 'text-embedding-3-small' }]);
    expect(found[0]?.vector).toEqual(A);
    // The memory's own embedder is another: the vectors of the file decide.
    const other = vectorMemory(
      { plugins, embedder: letters({ model: 'other' }) },
      { dimension: 8, identity },
    );
    await find(other.handle, 'A?', { mode: 'sem' });
    expect(made).toHaveLength(2);
  });

  it('a file of the reference made by fastembed is asked with the model that pools as it does, and no other', async () => {
    const reference = letters({ provider: 'fastembed', model: 'BAAI/bge-small-en-v1.5' });
    const own = letters({ provider: 'local', model: 'BAAI/bge-small-en-v1.5' });
    const embedders = { 'fastembed:BAAI/bge-small-en-v1.5': () => reference, 'bge-small': () => own };
    const plugins: Plugin[] = [{ spec: 'plugin/v1', name: 'p', embedders }];
    for (const model of ['BAAI/bge-small-en-v1.5', 'bge-small']) {
      const identity = { ...IDENTITY, provider: 'fastembed', model };
      const { handle, found } = vectorMemory({ plugins }, { dimension: 8, identity });
      await find(handle, 'A?', { mode: 'sem' });
      expect(found).toHaveLength(1);
    }
    expect([reference.calls.length, own.calls.length]).toEqual([2, 0]);
    const identity = { ...IDENTITY, provider: 'fastembed', model: 'nomic' };
    plugins.push({ spec: 'plugin/v1', name: 'q', embedders: { nomic: () => own, local: () => own } });
    for (const [embedder, details] of [
      [undefined, { package: '@memvid/embed-local' }],
      [own, { reason: 'other_model', expected: 'fastembed nomic' }],
    ] as const) {
      const without = vectorMemory({ plugins, embedder }, { dimension: 8, identity });
      await expect(find(without.handle, 'A?', { mode: 'sem' })).rejects.toMatchObject({
        code: 'MV015',
        details,
      });
    }
    expect(own.calls).toEqual([]);
  });

  it('by the size of the vectors when the file says nothing', async () => {
    const plugins: Plugin[] = [
      { spec: 'plugin/v1', name: 'p', embedders: { 'bge-small': () => letters({ size: 384 }) } },
    ];
    const { handle, found } = vectorMemory({ plugins }, { dimension: 384 });
    await find(handle, 'A?', { mode: 'sem' });
    expect(found[0]?.vector).toHaveLength(384);
  });

  it('without a way: sem is MV015, auto goes by words and says why', async () => {
    for (const identity of [null, { mixed: [IDENTITY, { ...IDENTITY, model: 'other' }] }, IDENTITY]) {
      const { handle, found } = vectorMemory({}, { dimension: 5, identity });
      await expect(find(handle, 'q', { mode: 'sem' })).rejects.toMatchObject({ code: 'MV015' });
      const { warnings } = await find(handle, 'q', { mode: 'auto' });
      expect(warnings).toEqual([expect.stringMatching(/words only\.$/)]);
      expect(found.map(({ vector }) => vector)).toEqual([undefined]);
    }
  });

  it('what the call itself asks for fails loudly, in auto too', async () => {
    const { handle } = vectorMemory(
      { embedder: letters({ embed: async () => Promise.reject(new Error('down')) }) },
      stored,
    );
    for (const options of [
      { embedder: letters({ embed: async () => Promise.reject(new Error('down')) }) },
      { queryEmbeddingModel: 'no-such' },
      { embedder: letters({ size: 2 }) },
    ]) {
      await expect(find(handle, 'q', { mode: 'auto', ...options })).rejects.toBeInstanceOf(MemvidError);
    }
    // The memory's own: words still answer.
    expect((await find(handle, 'q')).warnings).toEqual([expect.stringContaining('down')]);
    await expect(find(handle, 'q', { mode: 'sem' })).rejects.toMatchObject({ code: 'MV015' });
  });

  it('a question in another model than the documents is told', async () => {
    const { handle } = vectorMemory({}, stored);
    const { warnings } = await find(handle, 'A?', { mode: 'sem', embedder: letters({ model: 'other' }) });
    expect(warnings).toEqual([expect.stringContaining('acme other')]);
    expect((await find(handle, 'A?', { mode: 'sem', embedder: letters() })).warnings).toBeUndefined();
  });
});

describe('an embedder of another model than the vectors of the file', () => {
  const identity = { ...IDENTITY, provider: 'local', model: 'BAAI/bge-small-en-v1.5' };
  const file = { dimension: 8, identity };
  const said =
    'The vectors of the memory are of local BAAI/bge-small-en-v1.5, and it was opened with acme letters: open it with an embedder of local BAAI/bge-small-en-v1.5, or make all vectors anew with `reembed`';

  it('of a question: both models are named, and what to do', async () => {
    const { handle } = vectorMemory({ embedder: letters() }, file);
    expect((await find(handle, 'A?')).warnings).toEqual([`${said}. The memory was searched by words only.`]);
    await expect(find(handle, 'A?', { mode: 'sem' })).rejects.toMatchObject({
      code: 'MV015',
      message: said,
      details: { reason: 'other_model', provider: 'acme', model: 'letters' },
      suggestion: expect.stringMatching(
        /npm install @memvid\/embed-local.* and open\(path, .*`reembed\(\{ embedder \}\)`/,
      ),
    });
    // Whose package is there needs no other.
    const same = vectorMemory({ embedder: letters({ provider: 'local', model: 'gte-large' }) }, file);
    await expect(find(same.handle, 'A?', { mode: 'sem' })).rejects.toMatchObject({
      suggestion: expect.stringMatching(
        /^Open the memory with an embedder of local BAAI\/bge-small-en-v1.5\. Or /,
      ),
    });
  });

  it('of a document: nothing is stored, unless the call names the embedder', async () => {
    const { handle, stored } = vectorMemory({ embedder: letters() }, file);
    for (const write of [
      () => put(handle, { text: 'A' }),
      () => put(handle, { text: 'A', enableEmbedding: true }),
      () => putMany(handle, [{ title: 'A', text: 'A' }]),
      () => putMany(handle, [{ title: 'A', text: 'A' }], { onError: 'report' }),
      () => update(handle, 0, { text: 'A' }),
      () => correct(handle, 'A'),
    ]) {
      await expect(write()).rejects.toMatchObject({ code: 'MV015', message: said });
    }
    expect(stored).toEqual([]);
    // Vectors of both models are what this asks for; text without a vector is no harm.
    await put(handle, { text: 'A', embedder: letters() });
    await put(handle, { text: 'A', embedding: A });
    await put(handle, { text: 'A', enableEmbedding: false });
    expect(stored.map(({ vector }) => vector)).toEqual([A, A, undefined]);
  });

  it.each([
    ['by another name', identity, letters({ provider: 'local', model: 'bge-small' })],
    ['without a model', { ...identity, provider: null, model: null }, letters()],
    ['one of several', { mixed: [identity, IDENTITY] }, letters()],
    ['that nobody knows', null, letters()],
  ])('not: %s', async (_, known, embedder) => {
    const { handle, stored } = vectorMemory({ embedder }, { dimension: 8, identity: known });
    await put(handle, { text: 'A' });
    expect(stored).toHaveLength(1);
  });
});
