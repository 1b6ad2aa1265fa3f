import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create, open } from '@memvid/sdk';
import { reference, referenceFinds } from './support/reference.ts';
import { referenceProgram } from './support/places.ts';
import { leftOut, scratch } from './support/workspace.ts';

const noProgram = leftOut('the reference reads a file with a large log', referenceProgram().missing);

/** Sixty words that hardly compress. */
function passage(number: number): string {
  const word = (index: number): string => (Math.imul(index, 2_654_435_761) >>> 0).toString(36);
  return Array.from({ length: 60 }, (_, index) => word(number * 60 + index)).join(' ');
}

/** The size of the log as the header tells it. */
function logSize(file: string): number {
  return Number(readFileSync(file).readBigUInt64LE(24));
}

describe('a memory that was closed without moving the log into the file', () => {
  it.skipIf(noProgram)(
    'is read whole by a program of the reference that writes, and by one that reads once it was sealed',
    async () => {
      const home = scratch();
      const paths = ['written', 'sealed'].map((name) => join(scratch(), `${name}.mv2`));
      for (const file of paths) {
        const memory = await create(file);
        await memory.put({ text: 'A pelican at the pier.', uri: 'mv2://birds/pelican' });
        await memory.close();
        const later = await open(file);
        await later.put({ text: 'A heron at the pier.', uri: 'mv2://birds/heron' });
        await later.close({ seal: false });
        // Its programs that only read pass over records in the log.
        expect(referenceFinds(home, file, 'heron')).toEqual([]);
        expect(referenceFinds(home, file, 'pelican')).toEqual(['mv2://birds/pelican']);
      }
      const [written = '', sealed = ''] = paths;
      const removed = reference(home, 'delete', written, '--uri', 'mv2://birds/pelican', '--yes');
      expect(removed.status).toBe(0);
      await (await open(sealed)).close();
      for (const file of paths) {
        expect(referenceFinds(home, file, 'heron')).toEqual(['mv2://birds/heron']);
        await using again = await open(file);
        expect((await again.find('heron')).hits.map((hit) => hit.uri)).toEqual(['mv2://birds/heron']);
        expect((await again.verify({ deep: true })).overall_status).toBe('passed');
      }
    },
    60_000,
  );
});

describe('a memory whose first commit is large', () => {
  it.skipIf(noProgram)(
    'has a large log that the reference verifies, reads and writes to',
    async () => {
      const file = join(scratch(), 'notes.mv2');
      const home = scratch();
      const memory = await create(file);
      await memory.putMany(
        Array.from({ length: 9000 }, (_, index) => ({ title: `T ${index}`, text: passage(index) })),
      );
      expect(logSize(file)).toBeGreaterThan(256 << 10);
      // Behind these records, inside the log, still stands the table of contents of the empty memory.
      for (let index = 0; index < 100; index += 1) await memory.put({ text: passage(index) });
      await memory.put({ text: 'A pelican at the pier.', uri: 'mv2://birds/pelican' });
      await memory.close();
      const verify = (): string => {
        const report = reference(home, 'verify', file, '--deep', '--json');
        return (JSON.parse(report.output) as { overall_status: string }).overall_status;
      };
      expect(verify()).toBe('passed');
      expect(referenceFinds(home, file, 'pelican')).toEqual(['mv2://birds/pelican']);
      const removed = reference(home, 'delete', file, '--uri', 'mv2://birds/pelican', '--yes');
      expect(removed.status).toBe(0);
      await using again = await open(file);
      expect((await again.find('pelican')).hits).toEqual([]);
      expect((await again.stats()).frame_count).toBe(9101);
      await again.put({ text: 'A heron at the pier.', uri: 'mv2://birds/heron' });
      await again.seal();
      expect(verify()).toBe('passed');
      expect(referenceFinds(home, file, 'heron')).toEqual(['mv2://birds/heron']);
      expect((await again.verify({ deep: true })).overall_status).toBe('passed');
    },
    300_000,
  );
});
