import {
  type Embedder,
  type EntityExtractor,
  type ExtractedEntity,
  type GenerateRequest,
  isWellFormed,
  type LanguageModel,
  type NativeMemory,
  type Plugin,
} from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { enrich } from '../src/cards.ts';
import { MOST_PLACES, statementsOfNames } from '../src/enrich/engine.ts';
import { windowsOf } from '../src/enrich/model.ts';
import { Searched } from '../src/enrich/mentions.ts';
import { outside, rangesOf } from '../src/enrich/ranges.ts';
import { Handle } from '../src/handle.ts';
import { type EnrichProgress, type Memvid, open } from '../src/index.ts';
import { freshMemory } from './support/memory.ts';

/** Takes every word with a capital letter for a name. */
function capitals(
  options: { calls?: string[][]; fail?: (text: string) => void; type?: string } = {},
): EntityExtractor {
  return {
    spec: 'entity-extractor/v1',
    provider: 'Test',
    model: 'capitals',
    entityTypes: ['PERSON', 'DATE'],
    async extract(texts, { signal, minConfidence = 0.5 } = {}) {
      signal?.throwIfAborted();
      options.calls?.push([...texts]);
      return texts.map((text) => {
        options.fail?.(text);
        return [...text.matchAll(/\p{Lu}\p{L}+/gu)].map(({ 0: name, index: start }): ExtractedEntity => ({
          name,
          type: options.type ?? (name.endsWith('day') ? 'DATE' : 'PERSON'),
          confidence: Math.max(0.75, minConfidence),
          start,
          end: start + name.length,
        }));
      });
    },
  };
}

/** Answers with what a function makes of the text. */
function saying(
  answer: (text: string, request: GenerateRequest) => unknown,
  asked: GenerateRequest[] = [],
): LanguageModel {
  return {
    spec: 'language-model/v1',
    provider: 'test',
    model: 'sayer',
    maxRetries: 0,
    async generate(request, { signal } = {}) {
      signal?.throwIfAborted();
      asked.push(request);
      const text = request.messages.at(-1)?.content.replace('Text:\n\n', '') ?? '';
      const said = answer(text, request);
      return {
        text: typeof said === 'string' ? said : JSON.stringify(said),
        finishReason: 'stop',
        usage: { promptTokens: 10, completionTokens: 2, totalTokens: 12 },
      };
    },
  };
}

async function typesOf(memory: Memvid): Promise<[string, string, number | null][]> {
  const { cards } = await memory.memories(undefined, 'type');
  return cards.map(({ entity, value, sourceFrameId }) => [entity, value, sourceFrameId]);
}

describe('enrich with an extractor of names', () => {
  it('makes cards with type, place, frame, certainty and engine', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'yes: Ann met Bob on Monday. ann and Ann', timestamp: 7 });
    const result = await memory.enrich(capitals());
    expect(result).toEqual({
      engine: 'test:capitals',
      version: '1.0.0',
      framesProcessed: 1,
      cardsExtracted: 4,
      newCards: 4,
      totalCards: 4,
      totalEntities: 2,
      failed: [],
      rejected: [],
      rejectedCount: 0,
    });
    expect(await memory.memoryEntities()).toEqual(['ann', 'bob']);
    expect((await memory.memories('ANN')).cards).toMatchObject([
      { slot: 'mentioned_at', value: '5-8 36-39', kind: 'other', sourceFrameId: 0 },
      {
        entity: 'Ann',
        slot: 'type',
        value: 'person',
        kind: 'fact',
        confidence: 0.75,
        documentDate: 7,
        sourceUri: 'mv2://frames/0',
        engine: 'test:capitals',
        engineVersion: '1.0.0',
      },
    ]);
    expect((await memory.state('bob')).slots['type']?.value).toBe('person');
    const text = await memory.view(0);
    expect(text.slice(5, 8)).toBe('Ann');
  });

  it('does nothing new for documents that are done, those without names included', async () => {
    await using memory = await freshMemory();
    const calls: string[][] = [];
    const extractor = capitals({ calls });
    await memory.putMany([
      { title: 'a', text: 'Ann is here' },
      { title: 'b', text: 'nobody is here' },
    ]);
    await memory.enrich(extractor);
    expect(await memory.enrich(extractor)).toMatchObject({ framesProcessed: 0, newCards: 0, totalCards: 2 });
    await memory.put({ text: 'Bob is here' });
    await using again = await open(memory.file);
    expect(await again.enrich(extractor)).toMatchObject({ framesProcessed: 1, newCards: 2, totalCards: 4 });
    expect(calls).toEqual([['Ann is here', 'nobody is here'], ['Bob is here']]);
    // A new version of a document is a document that nobody looked at.
    await again.update(2, { text: 'Bob and Cid are here' });
    expect(await again.enrich(extractor)).toMatchObject({ framesProcessed: 1, newCards: 4, totalCards: 6 });
    expect(await typesOf(again)).toEqual(
      expect.arrayContaining([
        ['Cid', 'person', 3],
        ['Bob', 'person', 3],
        ['Ann', 'person', 0],
      ]),
    );
    expect((await again.memories('bob')).cards.every(({ sourceFrameId }) => sourceFrameId === 3)).toBe(true);
  });

  it('looks again with force or for another version, and adds only what is new', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'Ann is here. I work at Acme Corp.' });
    await memory.addMemoryCards([{ entity: 'ann', slot: 'age', value: '42' }]);
    await memory.enrich(capitals());
    const before = (await memory.memories()).cards;
    expect(await memory.enrich(capitals(), true)).toMatchObject({
      framesProcessed: 1,
      cardsExtracted: 6,
      newCards: 0,
    });
    expect((await memory.memories()).cards).toEqual(before);
    const next = { engine: capitals(), engineVersion: '2' };
    expect(await memory.enrich(next)).toMatchObject({ version: '2', framesProcessed: 1, newCards: 0 });
    expect(await memory.enrich(next)).toMatchObject({ framesProcessed: 0 });
    expect(await memory.enrich({ engine: capitals({ type: 'ORG' }), force: true })).toMatchObject({
      newCards: 3,
    });
    expect((await memory.state('ann', 'age')).slots['age']?.value).toBe('42');
    expect((await memory.state('user')).slots['employer']?.value).toBe('Acme Corp');
  });

  it('keeps its book out of the answers', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'nothing of that kind' });
    await memory.enrich(capitals());
    expect(await memory.memories()).toEqual({ cards: [], count: 0 });
    expect(await memory.memoryEntities()).toEqual([]);
    expect(await memory.memoriesStats()).toMatchObject({
      entityCount: 0,
      cardCount: 0,
      slotCount: 0,
      cardsByKind: {},
    });
    expect(await memory.exportFacts()).toBe('[]');
    expect(await memory.exportFacts('csv')).toBe('subject,predicate,object\n');
    expect(await memory.exportFacts('ntriples')).toBe('');
    expect(await memory.exportFacts('ntriples', undefined, true)).toBe('');
    expect((await memory.memories('memvid.enrichment')).cards).toMatchObject([
      { slot: 'test:capitals@1.0.0', value: '0', sourceFrameId: null },
    ]);
    await memory.put({ text: 'Ann is here' });
    await memory.enrich(capitals());
    const stats = await memory.memoriesStats();
    expect(stats).toMatchObject({ entityCount: 1, cardCount: 2, slotCount: 2 });
    expect(stats.cardsByKind).toEqual({ fact: 1, other: 1 });
    expect(JSON.parse(await memory.exportFacts())).toHaveLength(2);
    expect((await memory.exportFacts('csv')).split('\n')).toHaveLength(4);
    expect((await memory.exportFacts('ntriples')).split('\n')).toHaveLength(3);
    for (const format of ['json', 'csv', 'ntriples'] as const) {
      const facts = await memory.exportFacts(format);
      expect(await memory.exportFacts(format, null as never, null as never)).toBe(facts);
      expect(facts).not.toContain('memvid.enrichment');
    }
    const value = 'one\nmemvid.enrichment,two\n<mv2://entity/memvid.enrichment> three';
    await memory.addMemoryCards([{ entity: 'Ann', slot: 'note', value }]);
    expect(await memory.exportFacts('csv')).toContain(`Ann,note,"${value}"\n`);
  });

  it('takes the types that are asked for, and the documents', async () => {
    await using memory = await freshMemory();
    await memory.putMany([
      { title: 'a', text: 'Ann on Monday', metadata: { part: 1 } },
      { title: 'b', text: 'Bob on Friday', metadata: { part: 2 } },
    ]);
    const options = { engine: capitals(), entityTypes: ['date'], where: { part: 2 } };
    expect(await memory.enrich(options)).toMatchObject({ framesProcessed: 1, newCards: 2 });
    expect(await typesOf(memory)).toEqual([['Friday', 'date', 1]]);
    expect(await memory.enrich(capitals())).toMatchObject({ framesProcessed: 1 });
    expect(await typesOf(memory)).toHaveLength(2);
  });

  it('leaves out what is no name of the text', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'ann moved to New\n  York, says Ann' });
    const names = [
      { name: 'new york', type: 'LOCATION', confidence: 1 },
      { name: 'Ann', type: 'PERSON', confidence: 0.9, start: 2, end: 5 },
      { name: 'York City', type: 'LOCATION', confidence: 1 },
      { name: 'An', type: 'PERSON', confidence: 1 },
      { name: 'Ann', type: 'PERSON' },
      null,
    ];
    const extractor = { ...capitals(), extract: async () => [names as ExtractedEntity[]] };
    const result = await memory.enrich(extractor);
    expect(result.rejected).toMatchObject([
      { frameId: 0, reason: 'not_in_text', statement: expect.stringContaining('York City') },
      { reason: 'not_in_text', statement: expect.stringContaining('"An"') },
      { reason: 'malformed', statement: '{"name":"Ann","type":"PERSON"}' },
      { reason: 'malformed', statement: 'null' },
    ]);
    expect(await memory.memories(undefined, 'mentioned_at')).toMatchObject({
      cards: [
        { entity: 'ann', value: '0-3 30-33' },
        { entity: 'New York', value: '13-23' },
      ],
    });
    expect((await memory.state('new york')).slots['type']?.value).toBe('place');
  });

  it('tells how far it is, is ended by its signal, and goes on from there', async () => {
    await using memory = await freshMemory();
    await memory.putMany(Array.from({ length: 70 }, (_, n) => ({ title: `${n}`, text: `Ann saw ${n}` })));
    const steps: EnrichProgress[] = [];
    const stop = new AbortController();
    const onProgress = (progress: EnrichProgress): void => {
      steps.push(progress);
      stop.abort();
    };
    const call = memory.enrich({ engine: capitals(), onProgress, signal: stop.signal });
    await expect(call).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted', processed: 32, total: 70 },
    });
    expect(steps).toEqual([{ processed: 32, total: 70, newCards: 0, failed: 0, rejected: 0 }]);
    expect((await memory.memories()).count).toBe(64);
    expect(await memory.enrich(capitals())).toMatchObject({ framesProcessed: 38, newCards: 76 });
    const throwing = { engine: capitals(), force: true, onProgress: () => Promise.reject(new Error('no')) };
    await expect(memory.enrich(throwing)).rejects.toMatchObject({ code: 'MV019' });
  });

  it('goes on when one document fails, and stops when all do', async () => {
    await using memory = await freshMemory();
    await memory.putMany(['Ann', 'Bad', 'Cid'].map((text) => ({ title: text, text })));
    const fail = (text: string): void => {
      if (text === 'Bad') throw new Error('cannot read that');
    };
    const result = await memory.enrich(capitals({ fail }));
    expect(result).toMatchObject({
      framesProcessed: 2,
      newCards: 4,
      failed: [
        { frameId: 1, error: { code: 'MV018', message: expect.stringContaining('cannot read that') } },
      ],
    });
    expect(await memory.enrich(capitals())).toMatchObject({ framesProcessed: 1, newCards: 2, failed: [] });
    const broken = capitals({
      fail: () => {
        throw new Error('no memory left');
      },
    });
    await expect(memory.enrich(broken, true)).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'extractor', engine: 'test:capitals' },
    });
    await expect(memory.enrich({ ...capitals(), extract: async () => [] }, true)).rejects.toMatchObject({
      code: 'MV018',
    });
  });

  it('puts a document that fails alone into `failed`, in its piece and in its call', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 33 }, (_, n) => ({ title: `${n}`, text: n === 32 ? 'Bad' : 'Ann' })),
    );
    const calls: string[][] = [];
    const fail = (text: string): void => {
      if (text === 'Bad') throw new Error('cannot read that');
    };
    const failed = [{ frameId: 32, error: { code: 'MV018' } }];
    const extractor = capitals({ fail, calls });
    expect(await memory.enrich(extractor)).toMatchObject({ framesProcessed: 32, newCards: 64, failed });
    expect(await memory.enrich(extractor)).toMatchObject({ framesProcessed: 0, newCards: 0, failed });
    expect(calls.slice(-1)).toEqual([['Bad']]);
    expect(calls).toHaveLength(3);
    expect(await memory.enrich(capitals())).toMatchObject({ framesProcessed: 1, newCards: 2, failed: [] });
  });

  it('gives its result when the memory is closed meanwhile', async () => {
    const memory = await freshMemory();
    await memory.put({ text: 'Ann is here' });
    let closing: Promise<void> | undefined;
    const fail = (): void => {
      closing ??= memory.close();
    };
    expect(await memory.enrich(capitals({ fail }))).toMatchObject({
      newCards: 2,
      totalCards: 2,
      totalEntities: 1,
    });
    await closing;
    await using again = await open(memory.file);
    expect((await again.memories('ann')).count).toBe(2);
  });

  it('stores each card once when two forced calls run at the same time', async () => {
    await using memory = await freshMemory();
    await memory.putMany(['Ann', 'Bob'].map((text) => ({ title: text, text })));
    const both = await Promise.all([memory.enrich(capitals(), true), memory.enrich(capitals(), true)]);
    expect(both.map(({ newCards }) => newCards).toSorted((a, b) => a - b)).toEqual([0, 4]);
    expect((await memory.memories()).count).toBe(4);
    expect(await memory.enrich(capitals(), true)).toMatchObject({ newCards: 0, totalCards: 4 });
  });

  it('leaves out what is blank for the engine, and keeps the rest of the document', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'Ann \u0085 Bob' });
    const names = [
      { name: 'Ann', type: 'PERSON', confidence: 1 },
      { name: '\u0085', type: 'PERSON', confidence: 1 },
      { name: 'Bob', type: '__', confidence: 1 },
      { name: '\u0085 Bob', type: 'PERSON', confidence: 1, start: 4, end: 9 },
    ];
    const result = await memory.enrich({ ...capitals(), extract: async () => [names] });
    expect(result).toMatchObject({ framesProcessed: 1, newCards: 4, rejectedCount: 2 });
    expect(result.rejected).toMatchObject([{ reason: 'malformed' }, { reason: 'malformed' }]);
    expect(await memory.memoryEntities()).toEqual(['ann', 'bob']);
    const facts = [
      { entity: 'Ann', slot: 'likes', value: '\u0085' },
      { entity: '\u0085', slot: 'likes', value: 'Bob' },
      { entity: 'Ann', slot: 'likes', value: 'Bob' },
    ];
    expect(await memory.enrich(saying(() => ({ facts })))).toMatchObject({ newCards: 1, rejectedCount: 2 });
  });

  it('writes the others when the engine refuses a card', async () => {
    const added: { entity: string; value: string }[] = [];
    const native: Partial<NativeMemory> = {
      selectWhere: () => '[0]',
      frame: () => '{}',
      text: () => 'Ann and Bob',
      cards: async () => '{"cards":[],"cardsByKind":{},"cardCount":3,"entityCount":2}',
      async addMemoryCards(json) {
        const cards = JSON.parse(json) as typeof added;
        const at = cards.findIndex(({ entity, value }) => entity === 'Ann' && value === 'person');
        if (at >= 0) {
          const details = { argument: `cards[${at}].value`, received: 'nothing', expected: 'another' };
          throw new Error(JSON.stringify({ code: 'MV019', message: 'no', details }));
        }
        added.push(...cards);
        return '[]';
      },
    };
    const settings = {
      readOnly: false,
      enableVec: true,
      lockTimeoutMs: 1000,
      fusion: 'weighted',
      apiKeys: new Map(),
    } as const;
    const result = await enrich(new Handle('x.mv2', native as NativeMemory, settings), capitals());
    expect(result).toMatchObject({
      framesProcessed: 1,
      cardsExtracted: 3,
      newCards: 3,
      rejected: [
        { frameId: 0, reason: 'malformed', statement: '{"entity":"Ann","slot":"type","value":"person"}' },
      ],
    });
    expect(added.map(({ entity, value }) => `${entity} ${value}`)).toEqual([
      'Ann 0-3',
      'Bob person',
      'Bob 8-11',
      'memvid.enrichment 0',
    ]);
  });

  it('looks at documents that come and go meanwhile, and at no rows of tables', async () => {
    await using memory = await freshMemory();
    await memory.putMany([
      { title: 'a', text: 'Ann is here' },
      { title: 'b', text: 'Bob is here' },
      { title: 'c', text: '{"cells":{"Name":"Cid"}}', track: 'tables' },
      { title: 'd', text: '' },
    ]);
    const inner = capitals();
    const extractor: EntityExtractor = {
      ...inner,
      async extract(texts, options) {
        await memory.remove(1);
        return inner.extract(texts, options);
      },
    };
    expect(await memory.enrich(extractor)).toMatchObject({ framesProcessed: 4, newCards: 2 });
    expect(await typesOf(memory)).toEqual([['Ann', 'person', 0]]);
    expect((await memory.memories('memvid.enrichment')).cards[0]?.value).toBe('0 2-3');
  });

  it('is found by the name a plugin gives it, alone or before a model', async () => {
    const given: unknown[] = [];
    const plugin: Plugin = {
      spec: 'plugin/v1',
      name: 'test',
      entityExtractors: {
        names: (options) => {
          given.push(options);
          return capitals();
        },
      },
      languageModels: { sayer: () => saying(() => ({ entities: [], facts: [] })) },
    };
    await using memory = await freshMemory({ plugins: [plugin] });
    await memory.put({ text: 'Ann' });
    expect(await memory.enrich('Names')).toMatchObject({ engine: 'test:capitals', newCards: 2 });
    expect(await memory.enrich({ engine: 'names:large' })).toMatchObject({ newCards: 0 });
    expect(given).toEqual([{}, { model: 'large' }]);
    expect(await memory.enrich('sayer:x')).toMatchObject({ engine: 'test:sayer' });
    await expect(memory.enrich('other')).rejects.toMatchObject({
      code: 'MV019',
      message: expect.stringContaining('registered: names, sayer:<model>'),
    });
    await expect(memory.enrich('nvidia:m')).rejects.toMatchObject({
      code: 'MV018',
      details: { operation: 'enrich' },
    });
    for (const name of ['ner:en-core-web-sm', 'en-core-web-sm', 'ner']) {
      await expect(memory.enrich(name)).rejects.toMatchObject({
        code: 'MV018',
        details: { package: '@memvid/ner' },
      });
    }
  });

  it('makes the extractor of a name once, and closes it with the memory', async () => {
    const made: string[] = [];
    const closed: string[] = [];
    const factory = ({ model = 'none' } = {}): EntityExtractor => {
      made.push(model);
      if (made.length === 1) throw new Error('not yet');
      return {
        ...capitals(),
        model,
        async close() {
          closed.push(model);
          throw new Error('cannot be closed');
        },
      };
    };
    const plugins: Plugin[] = [{ spec: 'plugin/v1', name: 'test', entityExtractors: { names: factory } }];
    const memory = await freshMemory({ plugins });
    await memory.put({ text: 'Ann' });
    await expect(memory.enrich('names')).rejects.toMatchObject({ code: 'MV018' });
    await Promise.all([memory.enrich('names'), memory.enrich('Names')]);
    await memory.enrich('names:large');
    await memory.enrich({ ...capitals(), close: async () => void closed.push('given') });
    expect({ made, closed }).toEqual({ made: ['none', 'none', 'large'], closed: [] });
    await memory.close();
    expect(closed.toSorted()).toEqual(['large', 'none']);
    await using again = await open(memory.file, { plugins });
    await again.enrich('names');
    expect(made).toHaveLength(4);
  });

  it('takes an extractor of the reference', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'Ann is here, and Ann is there' });
    const asked: unknown[] = [];
    class Extractor {
      readonly name = 'Local:some:model';
      async extractBatch(texts: string[], minConfidence?: number) {
        asked.push(texts, minConfidence);
        return texts.map(() => [{ name: 'Ann', type: 'PERSON', confidence: 0.9 }]);
      }
    }
    const options = { engine: new Extractor(), minConfidence: 0.7 };
    expect(await memory.enrich(options)).toMatchObject({ engine: 'local:some:model', newCards: 2 });
    expect(asked).toEqual([['Ann is here, and Ann is there'], 0.7]);
    expect(await memory.enrich(new Extractor())).toMatchObject({ framesProcessed: 0 });
    expect((await memory.memories('ann', 'mentioned_at')).cards[0]?.value).toBe('0-3 17-20');
    const nameless = Object.assign(new Extractor(), { name: 'nameless' });
    await expect(memory.enrich(nameless)).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'engine.model' },
    });
  });

  it('holds no half of a character', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'Ann 🙂 Bob' });
    const name = '🙂'.slice(0, 1);
    const names = [
      { name, type: 'PERSON', confidence: 1, start: 4, end: 5 },
      { name: 'Bob', type: `X${name}`, confidence: 1 },
    ];
    const result = await memory.enrich({ ...capitals(), extract: async () => [names] });
    expect(result).toMatchObject({ framesProcessed: 1, newCards: 0, rejectedCount: 2 });
  });

  it.each([
    ['a number', 7, undefined],
    ['an extractor without a spec', { extract: async () => [] }, undefined],
    ['a model without a spec', { generate: async () => ({ text: '' }) }, undefined],
    ['an object of no known kind', { spec: 'embedder/v1' }, undefined],
    ['no provider', { ...capitals(), provider: ' ' }, undefined],
    ['no method', { ...capitals(), extract: 1 }, undefined],
    ['an engine that is none', { engine: 3 }, undefined],
    ['a certainty above 1', { engine: capitals(), minConfidence: 2 }, undefined],
    ['types that are none', { engine: capitals(), entityTypes: 'PERSON' }, undefined],
    ['a signal that is none', { engine: capitals(), signal: {} }, undefined],
    ['a function that is none', { engine: capitals(), onProgress: 1 }, undefined],
    ['a filter that is none', { engine: capitals(), where: 1 }, undefined],
    ['a filter for the rules', { where: { a: 1 } }, undefined],
    ['force that is none', capitals(), 'yes'],
  ])('refuses %s', async (_, engine, force) => {
    await using memory = await freshMemory();
    await expect(memory.enrich(engine as never, force as never)).rejects.toMatchObject({ code: 'MV019' });
  });

  it('takes options for the rules, too', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'I work at Acme Corp.' });
    expect(await memory.enrich({ force: true })).toMatchObject({ engine: 'rules', newCards: 1 });
    expect(await memory.enrich({ engine: 'rules' })).toMatchObject({ engine: 'rules', newCards: 0 });
  });

  it('ends the rules by a signal, too, as long as their turn has not come', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'I work at Acme Corp.' });
    const ended = { code: 'MV018', details: { operation: 'enrich', reason: 'aborted' } };
    await expect(memory.enrich({ signal: AbortSignal.abort() })).rejects.toMatchObject(ended);
    let release = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      release = resolve;
    });
    const embedder: Embedder = {
      spec: 'embedder/v1',
      provider: 'test',
      model: 'waits',
      dimensions: 2,
      maxBatch: 8,
      async embed(texts) {
        await gate;
        return { vectors: texts.map(() => Float32Array.of(1, 0)) };
      },
    };
    const before = memory.put({ text: 'Others wait for this.', embedder });
    const stop = new AbortController();
    const call = memory.enrich({ engine: 'rules', signal: stop.signal });
    const refused = call.catch((error: unknown) => error);
    stop.abort();
    release();
    await before;
    expect(await refused).toMatchObject(ended);
    expect((await memory.memoriesStats()).lastEnrichment).toBeNull();
    expect(await memory.enrich({ signal: new AbortController().signal })).toMatchObject({ newCards: 1 });
  });
});

describe('enrich with a language model', () => {
  it('makes cards of names and facts that stand in the text, and reports the others', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'Ann Lee leads Acme\nCorp in Bonn. I like  jazz and I am 42.' });
    const asked: GenerateRequest[] = [];
    const model = saying(
      () => ({
        entities: [
          { name: 'ann lee', type: 'person' },
          { name: 'Acme Corp', type: 'ORG' },
          { name: 'Paris', type: 'LOCATION' },
          { name: 'Bonn', type: 'CITY' },
        ],
        facts: [
          { entity: 'Ann Lee', slot: 'Leads', value: 'acme corp', kind: 'fact' },
          { entity: 'user', slot: 'likes', value: 'jazz', kind: 'preference' },
          { entity: 'User', slot: 'age', value: 42 },
          { entity: 'user', slot: 'employer', value: 'Globex' },
          { entity: 'Bob', slot: 'location', value: 'Bonn' },
          { entity: 'user', slot: 'a b: c', value: 'jazz' },
          { entity: 'user', slot: 'x', value: 'jazz', kind: 'rumour' },
          'Ann leads',
        ],
      }),
      asked,
    );
    const result = await memory.enrich(model);
    expect(result).toMatchObject({
      engine: 'test:sayer',
      framesProcessed: 1,
      newCards: 7,
      rejectedCount: 7,
      usage: { promptTokens: 10, completionTokens: 2, totalTokens: 12 },
    });
    expect(result.rejected?.map(({ reason, statement }) => [reason, statement])).toEqual([
      ['not_in_text', '{"name":"Paris","type":"LOCATION"}'],
      ['malformed', '{"name":"Bonn","type":"CITY"}'],
      ['not_in_text', '{"entity":"user","slot":"employer","value":"Globex"}'],
      ['not_in_text', '{"entity":"Bob","slot":"location","value":"Bonn"}'],
      ['malformed', '{"entity":"user","slot":"a b: c","value":"jazz"}'],
      ['malformed', '{"entity":"user","slot":"x","value":"jazz","kind":"rumour"}'],
      ['malformed', 'Ann leads'],
    ]);
    const { slots } = await memory.state('user');
    expect(slots).toMatchObject({ likes: { value: 'jazz', kind: 'preference' }, age: { value: '42' } });
    expect((await memory.state('ann lee')).slots).toMatchObject({
      type: { value: 'person' },
      leads: { value: 'Acme Corp', engine: 'test:sayer', sourceFrameId: 0 },
      mentioned_at: { value: '0-7' },
    });
    expect(asked).toHaveLength(1);
    expect(asked[0]).toEqual({
      messages: [
        { role: 'system', content: expect.any(String) },
        { role: 'user', content: expect.stringContaining('Ann Lee') },
      ],
    });
    expect(await memory.enrich(model)).toMatchObject({ framesProcessed: 0 });
    expect(asked).toHaveLength(1);
  });

  it('reads JSON between other words, and asks once more for what is none', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'Ann is here' });
    let count = 0;
    const model = saying(() => {
      count += 1;
      const json = '{"entities":[{"name":"Ann","type":"PERSON"}],"facts":[]}';
      return count === 1 ? 'Ann is a person.' : `Here it is:\n\`\`\`json\n${json}\n\`\`\``;
    });
    expect(await memory.enrich(model)).toMatchObject({ newCards: 2, usage: { totalTokens: 24 } });
  });

  it.each([
    ['no JSON', 'I cannot do that.'],
    ['other JSON', '{"answer":[]}'],
    ['lists that are none', '{"entities":{},"facts":[]}'],
    ['JSON without an end', '{"entities":[{"name":"Ann"'],
  ])('leaves a document for which it gives %s to a later call', async (_, answer) => {
    await using memory = await freshMemory();
    await memory.putMany(['Ann is here', 'Bob is here'].map((text) => ({ title: text, text })));
    const good = '{"entities":[{"name":"Bob","type":"PERSON"}]}';
    const result = await memory.enrich(saying((text) => (text.startsWith('Ann') ? answer : good)));
    expect(result).toMatchObject({
      framesProcessed: 1,
      newCards: 2,
      failed: [{ frameId: 0, error: { code: 'MV018', details: { reason: 'malformed', model: 'sayer' } } }],
    });
    expect(await memory.enrich(saying(() => good))).toMatchObject({ framesProcessed: 1, rejectedCount: 1 });
  });

  it('stops when the service refuses, and keeps what was made', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 40 }, (_, n) => ({ title: `${n}`, text: n < 20 ? 'Ann' : 'Stop' })),
    );
    const model = saying((text) => {
      if (text === 'Stop') throw Object.assign(new Error('wrong key'), { status: 401 });
      return { entities: [{ name: 'Ann', type: 'PERSON' }] };
    });
    await expect(memory.enrich(model)).rejects.toMatchObject({ code: 'MV018', details: { status: 401 } });
    expect((await memory.memories('ann', 'type')).count).toBe(20);
    let count = 0;
    const refusing = saying(() => {
      count += 1;
      if (count === 1) return { entities: [] };
      throw Object.assign(new Error('too long'), { status: 413 });
    });
    expect((await memory.enrich(refusing)).failed).toHaveLength(19);
    const useless = saying(() => {
      count += 1;
      throw Object.assign(new Error('no such parameter'), { status: 400 });
    });
    await expect(memory.enrich(useless)).rejects.toMatchObject({ code: 'MV018', details: { status: 400 } });
    expect(count).toBe(20 + 16);
  });

  it('reads long documents piece by piece, and halves what gives too long an answer', async () => {
    await using memory = await freshMemory();
    const text = Array.from({ length: 900 }, (_, n) => `Name${n} was here.`).join(' ');
    await memory.put({ text });
    const asked: GenerateRequest[] = [];
    const names = (part: string): object => ({
      entities: [...part.matchAll(/Name\d+/g)].map(([name]) => ({ name, type: 'PERSON' })),
    });
    const model = saying(names, asked);
    const generate: LanguageModel['generate'] = async (request, options) => {
      const answer = await model.generate(request, options);
      const isTooMuch = (request.messages.at(-1)?.content.length ?? 0) > 2500;
      return isTooMuch ? { text: answer.text.slice(0, 2000), finishReason: 'length' } : answer;
    };
    const result = await memory.enrich({ ...model, generate });
    expect(result).toMatchObject({ failed: [], rejectedCount: 0, newCards: 1800 });
    expect(Math.max(...asked.map(({ messages }) => messages.at(-1)?.content.length ?? 0))).toBeLessThan(6020);
  });

  it('is ended by its signal while it waits', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'Ann' });
    const stop = new AbortController();
    const hanging: LanguageModel = {
      ...saying(() => ''),
      generate: (_, { signal } = {}) =>
        new Promise((_resolve, reject) => {
          signal?.addEventListener('abort', () => reject(signal.reason));
          stop.abort(new Error('enough'));
        }),
    };
    await expect(memory.enrich({ engine: hanging, signal: stop.signal })).rejects.toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted', processed: 0, total: 1 },
    });
  });
});

describe('the parts of enrich', () => {
  it('take a name that stands in a text very often in no more time than that', { timeout: 10_000 }, () => {
    const count = 100_000;
    const places = Array.from({ length: count }, (_, n) => ({ start: n * 4, end: n * 4 + 3 }));
    const names = places.map((place) => ({ type: 'PERSON', places: [place], confidence: 1 }));
    const [, where] = statementsOfNames('Ann '.repeat(count), [...names, ...names]);
    expect(where?.value.split(' ')).toHaveLength(MOST_PLACES);
    expect(where?.value).toMatch(/^0-3 4-7 8-11 /);
  });

  it('find words in a text', () => {
    const places = (words: string, text: string, most = 9): string[] =>
      new Searched(text).placesOf(words, most).map(({ start, end }) => `${start}-${end}`);
    expect(places('al', 'Also Al, al. Alal')).toEqual(['5-7', '9-11']);
    expect(places('C++ (old)', 'in c++\n(OLD)!')).toEqual(['3-12']);
    expect(places('東京', '彼は東京に住む')).toEqual(['2-4']);
    expect(places('🙂', 'a🙂b🙂', 1)).toEqual(['1-3']);
    expect(places(' ', 'a b')).toEqual([]);
    expect(places('e', 'e\u0301 cafe')).toEqual([]);
    // The small form of the first letter is longer.
    expect(places('ankara', 'İ Ankara, ANKARA')).toEqual(['2-8', '10-16']);
    expect(places('𝐀b', 'x𝐀b 𝐀b')).toEqual(['5-8']);
    expect(places('x'.repeat(5000), 'x'.repeat(9000))).toEqual([]);
  });

  it('write frames as ranges, and read them', () => {
    expect(rangesOf([7, 1, 2, 3, 9, 8])).toBe('1-3 7-9');
    expect(rangesOf([])).toBe('');
    expect(outside([5, 1, 2, 9, 8], ['8', '0-1 5'])).toEqual([2, 9]);
    expect(outside([0, 1, 2], ['', 'x', '3-1', '-1', '1-1', '1e9-2e99'])).toEqual([0, 2]);
    expect(outside([3, 900], ['0-99999999999999', '2'])).toEqual([]);
  });

  it('cut a text into windows that are the text, none too long, and cut no character', () => {
    const text = `${'word '.repeat(500)}\n\n${'🙂'.repeat(1000)}${'\n'.repeat(9)}end`;
    const windows = windowsOf(text, 101);
    expect(windows.every((window) => window.length <= 101 && isWellFormed(window))).toBe(true);
    expect(windows.join('').trimEnd()).toBe(text.trimEnd());
    expect(windowsOf('', 10)).toEqual([]);
  });
});
