import { join } from 'node:path';
import { expect, it } from 'vitest';
import { create, open } from '@memvid/sdk';
import { expectAlone, scratch } from './support/workspace.ts';

it('acceptance one: create, put twice, find, ask for context, and the same after reopening', async () => {
  const file = join(scratch(), 'knowledge.mv2');
  const memory = await create(file);
  await memory.put({
    title: 'Technical Decision',
    label: 'architecture',
    text: 'Decided to use PostgreSQL for the main database. Redis for caching.',
    metadata: { date: '2024-01-15', participants: ['Alice', 'Bob'] },
  });
  await memory.put({
    title: 'Meeting Notes',
    label: 'notes',
    text: 'The quarterly planning meeting moved to Thursday.',
  });

  const found = await memory.find('What database are we using?', { k: 5 });
  expect(found.hits[0]).toMatchObject({
    rank: 1,
    frame_id: 0,
    title: 'Technical Decision',
    text: 'Decided to use PostgreSQL for the main database. Redis for caching.',
    labels: ['architecture'],
    metadata: { date: '2024-01-15', participants: ['Alice', 'Bob'] },
  });
  expect(found.hits[0]?.snippet).toContain('PostgreSQL');

  const asked = await memory.ask('Which database engine did we pick, and why?', { contextOnly: true });
  expect(asked.answer).toBeNull();
  expect(asked.context).toContain('PostgreSQL');
  expect(asked.context_fragments[0]?.title).toBe('Technical Decision');
  expectAlone(file);
  await memory.close();
  expectAlone(file);

  await using again = await open(file);
  const reopened = await again.find('What database are we using?', { k: 5 });
  expect(reopened.hits).toEqual(found.hits);
  expect(
    (await again.ask('Which database engine did we pick, and why?', { contextOnly: true })).context,
  ).toBe(asked.context);
});
