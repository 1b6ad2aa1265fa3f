import type { NativeMemory } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { ask } from '../src/ask.ts';
import { find } from '../src/find.ts';
import { Handle, type HandleSettings } from '../src/handle.ts';
import * as sdk from '../src/index.ts';
import { freshMemory } from './support/memory.ts';
import { expectRefused, wrong } from './support/refusals.ts';

describe('what the engine warns of', () => {
  const settings: HandleSettings = {
    readOnly: false,
    enableVec: true,
    lockTimeoutMs: 1000,
    fusion: 'weighted',
    apiKeys: new Map(),
  };
  const warning = 'pre* stands for more words than are searched for';
  const head = {
    count: 0,
    numbers: [],
    total_hits: 0,
    total_is_exact: false,
    next_cursor: null,
    warnings: [warning],
    took_ms: 0,
  };
  const native = {
    find: () => ({ head: JSON.stringify(head), ascii: '', wide: '' }),
    timeline: () => '[]',
    stats: () => '{"effective_vec_dimension":null}',
  };
  const handle = new Handle('notes.mv2', native as unknown as NativeMemory, settings);

  it('comes through find, behind what the call itself has to say', async () => {
    expect(await find(handle, 'pre*')).toMatchObject({ warnings: [warning], total_is_exact: false });
    expect((await find(handle, 'pre*', { adaptive: true })).warnings).toEqual([warning]);
    const both = (await find(handle, 'pre*', { mode: 'auto' })).warnings;
    expect(both).toHaveLength(2);
    expect(both?.[1]).toBe(warning);
  });

  it('comes through ask', async () => {
    expect((await ask(handle, 'pre*')).warnings).toEqual([warning]);
  });
});

describe('options that are checked', () => {
  it('open with salvage takes nothing that writes', async () => {
    const memory = await freshMemory();
    await memory.close();
    await expectRefused(() => sdk.open(memory.file, wrong({ salvage: 'yes' })), 'salvage');
    await expectRefused(() => sdk.open(memory.file, { salvage: true, mode: 'auto' }), 'salvage');
    await expectRefused(() => sdk.create(memory.file, { salvage: true }), 'salvage');
    await expectRefused(() => sdk.open(memory.file, { salvage: true, readOnly: false }), 'readOnly');
    await expectRefused(() => sdk.open(memory.file, { salvage: true, forceWritable: true }), 'forceWritable');
    await (await sdk.open(memory.file, { salvage: false })).close();
  });

  it('are checked also where nothing comes of them', async () => {
    await using memory = await freshMemory();
    const docs = [{ title: 'a', text: 'b' }];
    for (const options of [
      { batchSize: NaN },
      { batchSize: 'x' },
      { startAt: -5 },
      { embeddingIdentity: 5 },
    ]) {
      const [name = ''] = Object.keys(options);
      await expectRefused(() => memory.putMany(docs, wrong(options)), name);
      await expectRefused(() => memory.putMany(new Set(docs), wrong(options)), name);
      await expectRefused(() => memory.putMany(docs, wrong({ ...options, onError: 'report' })), name);
    }
    for (const embeddingIdentity of [Symbol('x'), 5, { provider: ' ' }, { dimension: 1.5 }]) {
      const own = wrong({ title: 'a', text: 'b', embeddingIdentity });
      await expectRefused(() => memory.put(own), 'embeddingIdentity');
      await expectRefused(() => memory.putMany([own]), 'docs[0].embeddingIdentity');
      await expectRefused(() => memory.putMany(new Set([own])), 'docs[0].embeddingIdentity');
      await expectRefused(() => memory.putMany(docs, wrong({ embeddingIdentity })), 'embeddingIdentity');
    }
    const imageEmbedder = wrong(5);
    for (const call of [
      () => memory.find('x', { imageEmbedder }),
      () => memory.put({ text: 'x', imageEmbedder }),
      () => memory.putMany(docs, { imageEmbedder }),
      () => memory.putFile(import.meta.filename, { imageEmbedder }),
    ]) {
      await expectRefused(call, 'imageEmbedder');
    }
    expect((await memory.stats()).frame_count).toBe(0);
    await memory.put({ text: 'x', embeddingIdentity: { provider: 'p', model: 'm', dimension: 2 } });
  });

  it('that are nearly one are told, where the answer would be another one without a word', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'apple', uri: 'mv2://one/a' });
    await memory.seal();
    for (const [given, meant] of [
      [{ scopes: 'mv2://two/' }, 'scope'],
      [{ as_of_frame: 0 }, 'asOfFrame'],
      [{ asOfTS: 5 }, 'asOfTs'],
      [{ minRelevance: 0.9 }, 'minRelevancy'],
    ] as const) {
      const vector = [1, 0];
      for (const call of [
        () => memory.find('apple', wrong(given)),
        () => memory.ask('apple', wrong(given)),
        () => memory.askStream('apple', wrong(given)),
        () => memory.vecSearch('apple', vector, wrong(given)),
      ]) {
        expect((await expectRefused(call, meant)).details).toMatchObject({ expected: meant });
      }
    }
    await expectRefused(() => memory.timeline(wrong({ untill: 5 })), 'until');
    await expectRefused(
      () => memory.putMany([{ title: 'b', text: 'pear' }], wrong({ de_dupe: 'skip' })),
      'dedupe',
    );
    expect((await memory.stats()).frame_count).toBe(1);
    // Names that mean nothing here are passed over.
    expect((await memory.find('apple', wrong({ topK: 5, rerank: true }))).total_hits).toBe(1);
  });

  it('llmContextChars bounds the context, headings included', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 6 }, (_, index) => ({
        title: `Title ${index}`,
        text: `apple pie of number ${index} 🦜 `.repeat(10),
      })),
    );
    for (const llmContextChars of [1, 2, 10, 20, 40, 41, 42, 60, 100, 333, 1000]) {
      const result = await memory.ask('apple?', { llmContextChars });
      expect(result.context.length).toBeLessThanOrEqual(llmContextChars);
      const texts = result.context_fragments.map((fragment) => fragment.text);
      expect(texts.join('').length).toBeLessThanOrEqual(llmContextChars);
      for (const text of texts) expect(result.context).toContain(text);
      expect(result.hits).toHaveLength(6);
      if (result.context === '') expect(result.answer).toBeNull();
      else expect(result.answer).toMatch(/\[1\]$/);
    }
  });

  it('fractions of seconds are allowed and floored', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'apple', timestamp: 100.9 });
    expect((await memory.find('apple', { asOfTs: 100.5 })).total_hits).toBe(1);
    expect((await memory.find('apple', { since: 100.5, until: 100.5 })).total_hits).toBe(1);
    expect(await memory.timeline({ since: 100.2, until: 100.7, asOfTs: 100.1 })).toHaveLength(1);
    expect((await memory.ask('apple', { asOfTs: 99.9 })).hits).toEqual([]);
  });
});
