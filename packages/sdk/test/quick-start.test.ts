import { expect, it } from 'vitest';
import { create, open } from '../src/index.ts';
import { expectAlone, freshPath } from './support/memory.ts';

it('§17.1 quick start: create, put twice, find, ask for context right away, reopen', async () => {
  const file = freshPath();
  const memory = await create(file);
  expect(await memory.path()).toBe(file);
  expect(
    await memory.put({
      title: 'Technical Decision',
      label: 'architecture',
      text: 'Decided to use PostgreSQL for the main database. Redis for caching.',
      metadata: { date: '2024-01-15' },
    }),
  ).toBe('0');
  expect(
    await memory.put({ title: 'Meeting', label: 'notes', text: 'The launch is planned for March.' }),
  ).toBe('1');

  const found = await memory.find('What database are we using?', { k: 3 });
  expect(found.hits[0]).toMatchObject({
    rank: 1,
    frame_id: 0,
    title: 'Technical Decision',
    metadata: { date: '2024-01-15' },
  });

  // Words the text lacks: the reference fails here with MV004.
  const asked = await memory.ask('Which database engine did the architects choose?', { contextOnly: true });
  expect(asked).toMatchObject({
    answer: null,
    text: null,
    context_only: true,
    mode: 'lex',
    retriever: 'lex',
  });
  expect(asked.context).toContain('PostgreSQL');
  expect(asked.stats.latency_ms).toBeGreaterThanOrEqual(asked.stats.retrieval_ms);

  const answered = await memory.ask('What database are we using?');
  expect(answered.answer).toMatch(/PostgreSQL.* \[1\]$/);
  expect(answered.text).toBe(answered.answer);
  expect(await memory.timeline()).toHaveLength(2);
  expectAlone(file);
  await memory.close();

  await using again = await open(file);
  expect((await again.find('What database are we using?', { k: 3 })).hits).toEqual(found.hits);
  expectAlone(file);
});
