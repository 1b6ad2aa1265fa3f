import { spawnSync } from 'node:child_process';
import { readdirSync } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { create, open, verifySingleFile } from '@memvid/sdk';
import { namesBeside } from './support/names-beside.ts';
import { sdkEntry } from './support/places.ts';
import { expectAlone, leftOut, scratch } from './support/workspace.ts';

const TRACER: string = 'strace';
const noTracer = leftOut(
  'kills inside a system call',
  spawnSync(TRACER, ['-o', '/dev/null', 'true']).status === 0
    ? undefined
    : 'the program strace cannot trace here',
);

describe('one file', () => {
  it('no other name ever appears beside the memory while it is written, sealed, verified and closed', async () => {
    const file = join(scratch(), 'notes.mv2');
    const beside = namesBeside(file);
    const memory = await create(file);
    expectAlone(file);
    for (let count = 0; count < 50; count += 1) {
      await memory.put({ text: `note ${count} of a diary`, tags: ['diary'] });
      expectAlone(file);
    }
    const writing = memory.putMany(
      Array.from({ length: 3000 }, (_, index) => ({
        title: `Row ${index}`,
        text: `row ${index} of a long table`,
      })),
    );
    for (let look = 0; look < 20; look += 1) {
      expect(readdirSync(dirname(file))).toEqual([basename(file)]);
      await delay(2);
    }
    expect(await writing).toHaveLength(3000);
    for (const step of [
      () => memory.seal(),
      () => memory.update(0, { text: 'note 0, changed' }),
      () => memory.remove(1),
      () => memory.removeMany({ where: { tags: 'diary' } }),
      () => memory.correct('Row 7 was wrong.'),
      () => memory.find('row'),
      () => memory.ask('Which row was wrong?'),
      () => memory.verify({ deep: true }),
      () => memory.seal(),
      () => verifySingleFile(file),
      () => memory.close(),
    ]) {
      await step();
      expectAlone(file);
    }
    const again = await open(file, { readOnly: true });
    expect((await again.find('table')).total_hits).toBe(3000);
    await again.close();
    await beside.stop();
    expect([...beside.names]).toEqual([basename(file)]);
  });
});

/** Writes much and removes it again, so that every kind of change to the file comes up; prints the newest id. */
const CHURNER = `
  import { writeSync } from 'node:fs';
  const sdk = await import(${JSON.stringify(sdkEntry)});
  const memory = await sdk.open(process.argv[1]);
  const text = Array.from({ length: 20_000 }, (_, n) => 'words' + n).join(' ');
  for (let n = 0; n < 6; n += 1) {
    const [id] = await memory.putMany(Array.from({ length: 20 }, () => ({ title: 't', text })));
    writeSync(1, id + '\\n');
    await memory.seal();
    await memory.removeMany({ where: { frame_id: { $lt: Number(id) } } });
    await memory.seal();
  }
`;

describe.skipIf(noTracer)('kill -9 inside a system call', () => {
  it.each([
    ['rename,renameat,renameat2', 1],
    ['linkat', 1],
    ['linkat', 2],
    ['unlink,unlinkat', 1],
    ['ftruncate', 2],
    ['fdatasync,fsync', 3],
    ['fdatasync,fsync', 9],
    ['pwrite64', 40],
  ])('at %s number %i leaves one file with everything acknowledged', async (call, when) => {
    const file = join(scratch(), 'notes.mv2');
    await (await create(file)).close();
    const kill = ['-e', `trace=${call}`, '-e', `inject=${call}:signal=SIGKILL:when=${when}`];
    const words = ['-f', '-qq', '-o', '/dev/null', ...kill, process.execPath, '--input-type=module'];
    const run = spawnSync(TRACER, [...words, '-e', CHURNER, file], { encoding: 'utf8', timeout: 60_000 });
    expect.soft(readdirSync(dirname(file))).toEqual([basename(file)]);
    const acknowledged = run.stdout.trimEnd().split('\n').filter(Boolean);
    await using memory = await open(file);
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
    const last = acknowledged.at(-1);
    if (last !== undefined) expect(await memory.view(last)).toMatch(/^words0 words1 /);
    await memory.put({ text: 'goes on' });
  });
});
