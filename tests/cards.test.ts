import { copyFileSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { create, open } from '@memvid/sdk';
import { afterAll, describe, expect, it } from 'vitest';
import { paper, referenceProgram } from './support/places.ts';
import { reference } from './support/reference.ts';
import { leftOut } from './support/workspace.ts';

const folder = mkdtempSync(join(tmpdir(), 'memvid-cards-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const program = referenceProgram();
const fixture = paper('fixtures/mv2-index/foreign_cards_mesh.mv2');

interface ReferenceCard {
  entity: string;
  slot: string;
  value: string;
  source_frame_id: number;
}

/** The reference opens a memory for writing even to show its cards. */
function cardsOfReference(file: string): ReferenceCard[] {
  const run = reference(folder, 'memories', file, '--json');
  expect(run).toMatchObject({ status: 0 });
  return JSON.parse(run.output) as ReferenceCard[];
}

describe.skipIf(leftOut('cards both ways between the SDK and the reference', program.missing))(
  'cards and the reference',
  () => {
    it('reads the cards that we wrote, and leaves them to us when it writes', async () => {
      const file = join(folder, 'ours.mv2');
      const memory = await create(file);
      await memory.put({ text: 'Alice works at Acme Corp.' });
      await memory.addMemoryCards([{ entity: 'Bob', slot: 'city', value: 'Paris' }]);
      await memory.close();
      expect(reference(folder, 'verify', file)).toMatchObject({ status: 0 });
      const seen = cardsOfReference(file).map(({ entity, slot, value }) => `${entity} ${slot} ${value}`);
      expect(seen.toSorted()).toEqual(['Alice employer Acme Corp', 'Bob city Paris']);
      const state = reference(folder, 'state', file, '--entity', 'alice', '--json');
      expect(state.output).toContain('Acme Corp');

      const input = join(folder, 'note.txt');
      writeFileSync(input, 'Carol lives in Rome.');
      expect(reference(folder, 'put', file, '--input', input, '--no-embedding').status).toBe(0);
      const again = await open(file);
      const slots = Object.fromEntries(
        (await again.memories()).cards.map(({ entity, value }) => [entity.toLowerCase(), value]),
      );
      expect(slots).toEqual({ alice: 'Acme Corp', bob: 'Paris', carol: 'Rome' });
      await again.close();
    });

    it('says a fact once that the reference stored three times', async () => {
      const file = join(folder, 'theirs.mv2');
      const input = join(folder, 'fact.txt');
      writeFileSync(input, 'Alice works at Acme Corp.');
      expect(reference(folder, 'create', file).status).toBe(0);
      expect(reference(folder, 'put', file, '--input', input, '--no-embedding').status).toBe(0);
      expect(cardsOfReference(file).length).toBeGreaterThan(1);
      const memory = await open(file);
      expect((await memory.memories('alice')).cards.map(({ slot, value }) => [slot, value])).toEqual([
        ['employer', 'Acme Corp'],
      ]);
      await memory.close();
    });
  },
);

describe.skipIf(leftOut('the cards of a shared file', fixture.missing))('cards of another program', () => {
  it('are read as they are', async () => {
    const file = join(folder, 'fixture.mv2');
    copyFileSync(fixture.path, file);
    const memory = await open(file);
    const { cards } = await memory.memories('ALICE');
    const theirs = cards.filter(({ engine }) => engine === 'mine');
    expect(theirs.map(({ id, value, eventDate, confidence }) => [id, value, eventDate, confidence])).toEqual([
      [1, 'Globex', 2000, 0.75],
      [0, 'Acme', null, null],
    ]);
    expect((await memory.state('Alice')).slots['employer']?.value).toBe('Globex');
    await memory.close();
  });
});
