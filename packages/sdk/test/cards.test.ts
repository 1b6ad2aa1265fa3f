import { describe, expect, it } from 'vitest';
import { open, type MemoryCardInput } from '../src/index.ts';
import { freshMemory } from './support/memory.ts';

describe('memory cards', () => {
  it('are known of every document, and last of what was said last', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'I work at Acme Corp and my wife is Maria.', timestamp: 100 });
    await memory.putMany([
      { title: 'a', text: 'Alice: I live in Berlin.', timestamp: 200 },
      { title: 'b', text: 'I started working at Globex last month.', timestamp: 300 },
    ]);
    expect(await memory.memoryEntities()).toEqual(['alice', 'user']);
    expect(await memory.state('User', 'employer')).toEqual({
      entity: 'user',
      found: true,
      slots: {
        employer: {
          value: 'Globex',
          kind: 'fact',
          polarity: null,
          sourceFrameId: 2,
          documentDate: 300,
          engine: 'rules',
        },
      },
    });
    expect(await memory.state('nobody')).toEqual({ entity: 'nobody', found: false, slots: {} });
    const { cards, count } = await memory.memories('user');
    expect(count).toBe(3);
    expect(cards.map(({ slot, value }) => `${slot}=${value}`)).toEqual([
      'employer=Globex',
      'wife=Maria',
      'employer=Acme Corp',
    ]);
    expect(await memory.memoriesStats()).toMatchObject({
      entityCount: 2,
      cardCount: 4,
      slotCount: 3,
      cardsByKind: { fact: 3, relationship: 1 },
      lastEnrichment: null,
    });
  });

  it('are not made of documents that say so until they are asked for', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'I live in Berlin.', enableEnrichment: false });
    await memory.putMany([{ title: 'a', text: 'I work at Acme.' }], { enableEnrichment: false });
    await memory.put({ text: 'My name is Ann Lee.' });
    expect((await memory.memories()).cards.map(({ slot }) => slot)).toEqual(['name']);
    expect(await memory.enrich()).toEqual({
      engine: 'rules',
      version: '2.0.0',
      framesProcessed: 3,
      cardsExtracted: 3,
      newCards: 3,
      totalCards: 3,
      totalEntities: 1,
    });
    expect(await memory.enrich('rules')).toMatchObject({ framesProcessed: 0, newCards: 0, totalCards: 3 });
    await using again = await open(memory.file);
    expect((await again.memories()).count).toBe(3);
    expect((await again.memoriesStats()).lastEnrichment).toBeGreaterThan(1_700_000_000);
  });

  it('can be given, and come back as they were given', async () => {
    await using memory = await freshMemory();
    const id = await memory.put({ text: 'A source.', uri: 'mv2://source', timestamp: 50 });
    const added = await memory.addMemoryCards([
      { entity: 'Alice', slot: 'employer', value: 'Acme' },
      {
        entity: 'Alice',
        slot: 'Role',
        value: 'Engineer',
        kind: 'Profile',
        polarity: 'Positive',
        sourceFrameId: id,
        engine: 'x',
        engineVersion: '1',
        confidence: 0.5,
      },
    ]);
    expect(added).toEqual({ added: 2, ids: [0, 1] });
    const { cards } = await memory.memories('alice', 'role');
    expect(cards).toEqual([
      {
        id: 1,
        kind: 'profile',
        entity: 'Alice',
        slot: 'Role',
        value: 'Engineer',
        polarity: 'positive',
        versionRelation: 'sets',
        confidence: 0.5,
        sourceFrameId: 0,
        sourceUri: 'mv2://source',
        documentDate: 50,
        eventDate: null,
        engine: 'x',
        engineVersion: '1',
      },
    ]);
    expect((await memory.memories('alice', 'employer')).cards[0]).toMatchObject({
      kind: 'fact',
      polarity: 'neutral',
      sourceFrameId: null,
      engine: 'sdk',
      engineVersion: '1.0.0',
    });
    // Cards that are given stay when the rules start anew, and go with the document they come from.
    await memory.enrich('rules', true);
    expect((await memory.memories()).count).toBe(2);
    await memory.remove(id);
    expect((await memory.memories()).cards.map(({ slot }) => slot)).toEqual(['employer']);
    await memory.addMemoryCards([
      { entity: 'Alice', slot: 'employer', value: 'Acme', versionRelation: 'retracts' },
    ]);
    expect(await memory.state('Alice')).toEqual({ entity: 'alice', found: true, slots: {} });
  });

  it.each<[string, unknown, string, string]>([
    ['no array', 'x', 'MV019', 'cards'],
    ['no entity', [{ slot: 'a', value: 'b' }], 'MV019', 'cards[0].entity'],
    ['no slot', [{ entity: 'a', value: 'b' }], 'MV019', 'cards[0].slot'],
    ['a blank value', [{ entity: 'a', slot: 'b', value: ' ' }], 'MV019', 'cards[0].value'],
    ['a value that is none', [{ entity: 'a', slot: 'b', value: 5 }], 'MV019', 'cards[0].value'],
    ['another kind', [{ entity: 'a', slot: 'b', value: 'c', kind: 'Idea' }], 'MV019', 'cards[0].kind'],
    ['a far date', [{ entity: 'a', slot: 'b', value: 'c', eventDate: 1e300 }], 'MV019', 'cards[0].eventDate'],
    [
      'milliseconds',
      [{ entity: 'a', slot: 'b', value: 'c', eventDate: 1e12 }],
      'MV019',
      'cards[0].eventDate',
    ],
    ['a second card', [{ entity: 'a', slot: 'b', value: 'c' }, null], 'MV019', 'cards[1]'],
  ])('are refused whole with %s', async (_, cards, code, argument) => {
    await using memory = await freshMemory();
    await expect(memory.addMemoryCards(cards as MemoryCardInput[])).rejects.toMatchObject({
      code,
      details: { argument },
    });
    await expect(
      memory.addMemoryCards([{ entity: 'a', slot: 'b', value: 'c', sourceFrameId: 9 }]),
    ).rejects.toMatchObject({ code: 'MV010' });
    expect((await memory.memories()).count).toBe(0);
  });

  it('take dates as documents do, and names without the blanks around them', async () => {
    await using memory = await freshMemory();
    await memory.addMemoryCards([
      { entity: ' Ann ', slot: 'city', value: 'Bern', eventDate: '2024-01-01' },
      { entity: 'Ann', slot: 'city', value: 'Rome', documentDate: new Date('2023-01-01T00:00:00Z') },
    ]);
    const { cards } = await memory.memories(' ann');
    expect(cards.map(({ eventDate, documentDate }) => [eventDate, documentDate])).toEqual([
      [1_704_067_200, null],
      [null, 1_672_531_200],
    ]);
    expect(await memory.state('  ANN  ')).toMatchObject({
      entity: 'ann',
      slots: { city: { value: 'Bern' } },
    });
  });

  it('are refused before they are more than can be read again', async () => {
    await using memory = await freshMemory();
    await memory.addMemoryCards([{ entity: 'a', slot: 'b', value: 'c' }]);
    const half = 'x'.repeat(2 ** 27);
    const refused = memory.addMemoryCards(
      [1, 2].map((slot) => ({ entity: 'a', slot: `${slot}`, value: half })),
    );
    await expect(refused).rejects.toMatchObject({
      code: 'MV001',
      details: { reason: 'cards', limit: 2 ** 28, required: 2 ** 28 + 4 },
    });
    expect((await memory.memories()).count).toBe(1);
  });

  it('refuse what they do not know, and parts of a memory', async () => {
    await using memory = await freshMemory();
    const wrong = (value: string): never => value as never;
    await expect(memory.enrich(wrong('gpt'))).rejects.toMatchObject({ code: 'MV019' });
    await expect(memory.exportFacts(wrong('xml'))).rejects.toMatchObject({ code: 'MV019' });
    await expect(memory.state(wrong(''))).rejects.toMatchObject({ code: 'MV019' });
    const part = memory.scope({ user: 'ann' });
    for (const call of [
      () => part.memories(),
      () => part.state('a'),
      () => part.enrich(),
      () => part.exportFacts(),
      () => part.addMemoryCards([]),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'MV018' });
    }
    await using reader = await open(memory.file, { readOnly: true });
    await expect(reader.enrich()).rejects.toMatchObject({ code: 'MV018' });
    expect(await reader.memories()).toEqual({ cards: [], count: 0 });
  });

  it('are exported as triples', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'Alice works at Acme Corp.', timestamp: 7 });
    expect(JSON.parse(await memory.exportFacts())).toEqual([
      { subject: 'Alice', predicate: 'employer', object: 'Acme Corp' },
    ]);
    expect(await memory.exportFacts('csv', 'ALICE')).toBe(
      'subject,predicate,object\nAlice,employer,Acme Corp\n',
    );
    expect(await memory.exportFacts('csv', undefined, true)).toBe(
      'subject,predicate,object,sourceFrameId,timestamp,engine\nAlice,employer,Acme Corp,0,7,rules\n',
    );
    expect(await memory.exportFacts('ntriples')).toBe(
      '<mv2://entity/alice> <mv2://slot/employer> "Acme Corp" .\n',
    );
  });
});
