import { describe, expect, it } from 'vitest';
import { freshMemory } from './support/memory.ts';

const DOCUMENTS = [
  {
    uri: 'mv2://a',
    title: 'Plain',
    text: 'The harbour sleeps. "Quoted" \\ and\ttabs\nand lines.',
    tags: ['one', 'zwölf'],
  },
  { uri: 'mv2://café', title: 'Zwölf', text: 'Zwölf Boxkämpfer jagen im harbour. Ende.', labels: ['größe'] },
  {
    uri: 'mv2://c',
    title: '🦜 of the harbour',
    text: `${'🦜 𝔘 '.repeat(90)}harbour ${'漢字 '.repeat(90)}`,
    track: 'notes',
  },
  {
    uri: 'mv2://d',
    title: 'Second plain',
    text: 'A harbour on 2023-01-15.',
    kind: 'mail',
    metadata: { deep: { ü: [1, null] } },
  },
];

describe('hits', () => {
  it('have every field as it was stored, whatever characters stand beside it', async () => {
    await using memory = await freshMemory();
    await memory.putMany(DOCUMENTS.map((document) => ({ timestamp: 1_673_740_800, ...document })));
    const { hits, context } = await memory.find('harbour');
    expect(hits).toHaveLength(DOCUMENTS.length);
    for (const { uri, title, text, labels = [], ...rest } of DOCUMENTS) {
      const hit = hits.find((one) => one.uri === uri);
      expect(hit).toMatchObject({
        title,
        text,
        created_at: '2023-01-15T00:00:00Z',
        timestamp: 1_673_740_800,
        ...rest,
      });
      // The first label is the one that texts have.
      expect(hit?.labels).toEqual(['text', ...labels]);
      expect(hit?.metadata).toEqual(rest.metadata ?? {});
      expect(hit).toMatchObject({ kind: rest.kind ?? null, track: rest.track ?? null, parent_id: null });
      expect(hit?.snippet).toContain('harbour');
      expect(text).toContain(hit?.snippet);
      expect(context).toContain(hit?.snippet);
    }
    expect(hits.map((hit) => hit.rank)).toEqual([1, 2, 3, 4]);
    expect(hits.map((hit) => hit.score)).toEqual(hits.map((hit) => hit.score).toSorted((a, b) => b - a));
    expect(hits[0]).not.toHaveProperty('explain');
  });

  it('tell the parts of their scores when they are asked for', async () => {
    await using memory = await freshMemory();
    await memory.putMany(DOCUMENTS);
    for (const hit of (await memory.find('harbour', { explain: true })).hits) {
      expect(hit.explain).toMatchObject({
        terms: [
          expect.objectContaining({ term: 'harbour' }),
          ...(hit.title.includes('harbour') ? [expect.anything()] : []),
        ],
      });
    }
  });

  it('go on over pages', async () => {
    await using memory = await freshMemory();
    await memory.putMany(DOCUMENTS);
    const first = await memory.find('harbour', { k: 3 });
    const second = await memory.find('harbour', { k: 3, cursor: first.next_cursor ?? '' });
    expect([...first.hits, ...second.hits].map(({ uri }) => uri).toSorted()).toEqual(
      DOCUMENTS.map(({ uri }) => uri).toSorted(),
    );
    expect(second.hits.map(({ rank }) => rank)).toEqual([4]);
  });
});
