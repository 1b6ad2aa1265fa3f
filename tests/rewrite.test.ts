import { chmodSync, lstatSync, mkdirSync, readdirSync, statSync, symlinkSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create, open, type Memvid, type StatsResult } from '@memvid/sdk';
import { startProgram } from './support/child.ts';
import { reference, referenceFinds } from './support/reference.ts';
import { referenceProgram } from './support/places.ts';
import { expectAlone, leftOut, scratch } from './support/workspace.ts';

const noProgram = leftOut('the reference reads a rewritten file', referenceProgram().missing);

/** 140 kB of words that compress little enough to fill a file. */
function longText(name: string): string {
  return Array.from({ length: 20_000 }, (_, index) => `${name}${index}`).join(' ');
}

/** Stores 20 long documents and removes what was there before, again and again: most of the file is dead each time. */
async function churn(memory: Memvid, rounds: number, name = 'words'): Promise<string[]> {
  let kept: string[] = [];
  for (let round = 0; round < rounds; round += 1) {
    const ids = await memory.putMany(
      Array.from({ length: 20 }, (_, index) => ({
        title: `${name} ${index}`,
        text: longText(name),
        tags: [name],
      })),
    );
    await memory.removeMany({ where: { tags: name, frame_id: { $lt: Number(ids[0]) } } });
    await memory.seal();
    kept = ids;
  }
  return kept;
}

describe('a file of which too much is dead is rewritten', () => {
  it('and never holds more than 30 % of dead bytes', async () => {
    const file = join(scratch(), 'notes.mv2');
    const memory = await create(file);
    let kept: string[] = [];
    for (let round = 0; round < 8; round += 1) {
      kept = await churn(memory, 1);
      const stats = (await memory.stats()) as StatsResult & { dead_bytes: number };
      const { dead_bytes: dead, size_bytes: size } = stats;
      expect(size).toBe(statSync(file).size);
      expect(dead).toBeLessThanOrEqual(Math.max(0.3 * size, 96 << 10));
    }
    expect(await memory.view(kept[0] ?? '')).toBe(longText('words'));
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
    await memory.close();
    expectAlone(file);
  });

  it('and opened, written and closed by short-lived handles it does not grow without end', async () => {
    const file = join(scratch(), 'notes.mv2');
    const filled = await create(file);
    await filled.putMany(
      Array.from({ length: 5000 }, (_, index) => ({ title: `T ${index}`, text: `row ${index} of a table` })),
    );
    await filled.close();
    const full = statSync(file).size;
    for (let round = 0; round < 60; round += 1) {
      const memory = await open(file);
      await memory.put({ text: `one more ${round}` });
      await memory.close();
    }
    expect(statSync(file).size).toBeLessThan(3 * full + (8 << 20));
    const memory = await open(file, { readOnly: true });
    expect((await memory.stats()).frame_count).toBe(5060);
    expect((await memory.find('more', { k: 1 })).total_hits).toBe(60);
    await memory.close();
  });

  it('and a long stream of batches does not blow it up while it runs', async () => {
    const file = join(scratch(), 'notes.mv2');
    const memory = await create(file);
    let largest = 0;
    await memory.putMany(
      Array.from({ length: 20_000 }, (_, index) => ({
        title: `T ${index}`,
        text: `row ${index} of a long table`,
      })),
      {
        onError: 'report',
        batchSize: 200,
        onProgress: () => (largest = Math.max(largest, statSync(file).size)),
      },
    );
    await memory.close();
    const full = statSync(file).size;
    process.stdout.write(`streamed: ${largest} bytes at most, ${full} in the end\n`);
    expect(largest).toBeLessThan(3 * full + (8 << 20));
  });

  it.skipIf(process.platform === 'win32')('and keeps its permissions', async () => {
    const file = join(scratch(), 'notes.mv2');
    const memory = await create(file);
    chmodSync(file, 0o664);
    const before = statSync(file);
    await churn(memory, 4);
    await memory.close();
    const after = statSync(file);
    expect(after.mode & 0o777).toBe(0o664);
    expect([after.uid, after.gid]).toEqual([before.uid, before.gid]);
  });

  it.skipIf(process.platform === 'win32')('and a symbolic link to it stays one', async () => {
    const folder = scratch();
    mkdirSync(join(folder, 'real'));
    const file = join(folder, 'real/notes.mv2');
    const link = join(folder, 'link.mv2');
    await (await create(file)).close();
    symlinkSync(file, link);
    const memory = await open(link);
    const kept = await churn(memory, 4);
    await memory.close();
    expect(lstatSync(link).isSymbolicLink()).toBe(true);
    expect(readdirSync(join(folder, 'real'))).toEqual(['notes.mv2']);
    const real = await open(file, { readOnly: true });
    expect(await real.view(kept[0] ?? '')).toBe(longText('words'));
    await real.close();
  });

  it('while other handles and processes write and read: nothing is lost', async () => {
    const file = join(scratch(), 'notes.mv2');
    await (await create(file)).close();
    await using idle = await open(file);
    await idle.put({ text: 'quillwort before' });
    const others = ['b', 'c'].map((name) =>
      startProgram(
        `const memory = await sdk.open(file, { lockTimeoutMs: 600_000 });
         const text = Array.from({ length: 20_000 }, (_, index) => input + index).join(' ');
         const ids = [];
         for (let round = 0; round < 8; round += 1) {
           const id = await memory.put({ text, tags: [input] });
           await memory.removeMany({ where: { tags: input, frame_id: { $lt: Number(id) } } });
           ids.push(await memory.put({ text: 'quillwort ' + input + ' ' + round }));
           await memory.seal();
         }
         await memory.close();
         console.log(JSON.stringify(ids));`,
        file,
        name,
      ),
    );
    await churn(idle, 6, 'a');
    expect(await Promise.all(others.map((other) => other.ended))).toEqual([0, 0]);
    const ids = others.flatMap((other) => JSON.parse(other.printed()) as string[]);
    expect(new Set(ids).size).toBe(16);
    expect((await idle.find('quillwort', { k: 50 })).total_hits).toBe(17);
    await idle.put({ text: 'quillwort after' });
    await using fresh = await open(file);
    expect((await fresh.find('quillwort', { k: 50 })).total_hits).toBe(18);
    for (const id of ids) expect(await fresh.view(id)).toMatch(/^quillwort [bc] \d$/);
    expect((await fresh.verify({ deep: true })).overall_status).toBe('passed');
    expectAlone(file);
  }, 120_000);

  it.skipIf(noProgram)('and the reference verifies it, finds in it, and writes to it', async () => {
    const file = join(scratch(), 'notes.mv2');
    const memory = await create(file);
    await memory.put({ text: 'The quillwort grows in ponds.', uri: 'mv2://plants/quillwort' });
    await churn(memory, 3);
    await memory.close();
    const home = scratch();
    const report = reference(home, 'verify', file, '--deep', '--json');
    expect((JSON.parse(report.output) as { overall_status: string }).overall_status).toBe('passed');
    expect(referenceFinds(home, file, 'quillwort')).toEqual(['mv2://plants/quillwort']);
    const removed = reference(home, 'delete', file, '--uri', 'mv2://plants/quillwort', '--yes');
    expect(removed.status).toBe(0);
    await using again = await open(file);
    expect((await again.find('quillwort')).hits).toEqual([]);
    expect((await again.find('words7', { k: 50 })).total_hits).toBeGreaterThanOrEqual(20);
    expect((await again.verify({ deep: true })).overall_status).toBe('passed');
  });
});
