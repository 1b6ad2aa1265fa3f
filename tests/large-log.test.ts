import { readFileSync, writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create, doctorMemvid, open, verifyMemvid } from '@memvid/sdk';
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

/** A memory with a pelican, and a heron that stands in the log. */
async function storeBirds(file: string): Promise<void> {
  const memory = await create(file);
  await memory.put({ text: 'A pelican at the pier.', uri: 'mv2://birds/pelican' });
  await memory.close();
  const later = await open(file);
  await later.put({ text: 'A heron at the pier.', uri: 'mv2://birds/heron' });
  await later.close({ seal: false });
}

describe('a memory that was closed without moving the log into the file', () => {
  it.skipIf(noProgram)(
    'is read whole by a program of the reference that writes, and by one that reads once it was sealed',
    async () => {
      const home = scratch();
      const paths = ['written', 'sealed'].map((name) => join(scratch(), `${name}.mv2`));
      for (const file of paths) {
        await storeBirds(file);
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

/** Where the log ends in which `records` records stand. */
function endOfLog(bytes: Buffer, records: number): number {
  let at = Number(bytes.readBigUInt64LE(16));
  for (let record = 0; record < records; record += 1) at += 48 + bytes.readUInt32LE(at + 8);
  return at;
}

describe('a header that makes void what stands behind it in the log', () => {
  it.skipIf(noProgram).each([
    ['all of it', 32],
    ['its beginning', 5],
  ])('ends the log for the reference, which writes there (%s)', async (_what, length) => {
    const home = scratch();
    const file = join(scratch(), 'notes.mv2');
    await storeBirds(file);
    const bytes = readFileSync(file);
    const end = endOfLog(bytes, 1);
    bytes.write('what stands behind this is void.'.slice(0, length), end + 16);
    bytes.fill(0x55, end + 48, end + 400);
    writeFileSync(file, bytes);
    await using before = await open(file);
    expect((await before.stats()).frame_count).toBe(2);

    const note = join(home, 'note.txt');
    writeFileSync(note, 'A gull over the pier.');
    const put = reference(home, 'put', file, '--input', note, '--uri', 'mv2://birds/gull');
    expect(put.status).toBe(0);
    const birds = ['gull', 'heron', 'pelican'];
    for (const bird of birds) {
      expect(referenceFinds(home, file, bird)).toEqual([`mv2://birds/${bird}`]);
      expect((await before.find(bird)).hits.map((hit) => hit.uri)).toEqual([`mv2://birds/${bird}`]);
    }
    expect((await verifyMemvid(file, { deep: true })).overall_status).toBe('passed');
  });
});

describe('a program of the reference that was killed when it had applied the log', () => {
  it.skipIf(noProgram)(
    'and had not said so in the header leaves no record to be applied a second time',
    async () => {
      const file = join(scratch(), 'notes.mv2');
      await storeBirds(file);
      const before = readFileSync(file);
      const home = scratch();
      const note = join(home, 'note.txt');
      writeFileSync(note, 'A gull over the pier.');
      const put = reference(home, 'put', file, '--input', note, '--uri', 'mv2://birds/gull');
      expect(put.status).toBe(0);
      // The header as it is written first: the new table, and what was applied before (bytes 32 to 48).
      const bytes = readFileSync(file);
      expect(bytes.readBigUInt64LE(40)).toBeGreaterThan(before.readBigUInt64LE(40));
      before.copy(bytes, 32, 32, 48);
      writeFileSync(file, bytes);
      expect((await verifyMemvid(file, { deep: true })).overall_status).toBe('passed');
      await using rescued = await open(file, { salvage: true });
      expect((await rescued.find('heron')).total_hits).toBe(1);
      const repaired = join(scratch(), 'repaired.mv2');
      writeFileSync(repaired, bytes);
      await doctorMemvid(repaired, { rebuildLexIndex: true, quiet: true });
      await using whole = await open(repaired);
      expect((await whole.stats()).active_frame_count).toBe(3);
      for (const readOnly of [true, false]) {
        await using again = await open(file, { readOnly });
        expect((await again.find('heron')).total_hits).toBe(1);
        expect((await again.stats()).active_frame_count).toBe(3);
        if (readOnly) continue;
        await again.put({ text: 'A tern.' });
        // Where only the log tells what is applied, what comes next stands behind it, not over it.
        const log = (await readFile(file)).subarray(4096);
        expect(log.readBigUInt64LE(0)).toBe(bytes.readBigUInt64LE(4096));
      }
      await using at = await open(file);
      expect((await at.find('heron')).total_hits).toBe(1);
      expect((await at.stats()).active_frame_count).toBe(4);
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
