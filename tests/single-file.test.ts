import { spawnSync } from 'node:child_process';
import { readdirSync, watch } from 'node:fs';
import { basename, dirname, join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, it } from 'vitest';
import { create, open, verifySingleFile } from '@memvid/sdk';
import { startProgram } from './support/child.ts';
import { randomNumbers, seed } from './support/random.ts';
import { expectAlone, leftOut, scratch, sdkEntry } from './support/workspace.ts';

const TRACER: string = 'strace';
const noTracer = leftOut(
  'kills inside a system call',
  spawnSync(TRACER, ['-o', '/dev/null', 'true']).status === 0
    ? undefined
    : 'the program strace cannot trace here',
);

/** Collects every name that comes up in the folder of a memory, however briefly. */
function namesBeside(file: string): { names: Set<string>; stop: () => Promise<void> } {
  const names = new Set<string>();
  const watcher = watch(dirname(file), (event, name) => {
    // A file without a name (O_TMPFILE), which nobody can see, is reported by its number when it changes.
    if (event === 'change' && /^#\d+$/.test(name ?? '')) return;
    names.add(name ?? '?');
  });
  return {
    names,
    async stop() {
      await delay(50); // The system reports what has happened a little later.
      watcher.close();
    },
  };
}

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

/** Puts documents one by one and in batches without end, and prints what was acknowledged: `id` a line. */
const WRITER = `
  import { writeSync } from 'node:fs';
  const memory = await sdk.open(file);
  writeSync(1, 'ready\\n');
  for (let round = 0; ; round += 1) {
    const name = input + '-' + round;
    if (round % 7 === 6) {
      const docs = Array.from({ length: 40 }, (_, n) => ({ title: name, text: 'batch words ' + name + ' ' + n, uri: 'mv2://' + name + '/' + n }));
      const ids = await memory.putMany(docs);
      writeSync(1, ids.map((id, n) => id + ' mv2://' + name + '/' + n + ' batch words ' + name + ' ' + n + '\\n').join(''));
    } else {
      const id = await memory.put({ text: 'single words ' + name, uri: 'mv2://' + name });
      writeSync(1, id + ' mv2://' + name + ' single words ' + name + '\\n');
    }
    if (round % 20 === 19) await memory.seal();
  }
`;

describe('kill -9', () => {
  it('a writer that is killed again and again, at random moments, loses nothing it acknowledged', async () => {
    const number = seed('MEMVID_KILL_SEED');
    const random = randomNumbers(number);
    const file = join(scratch(), 'notes.mv2');
    await (await create(file)).close();
    const beside = namesBeside(file);
    const acknowledged = new Map<string, { uri: string; text: string }>();
    for (let life = 0; life < 25; life += 1) {
      const writer = startProgram(WRITER, file, `life${life}`);
      await writer.until('ready');
      // Early kills hit the first write after opening, late ones merges of what many rounds left.
      await delay(random() ** 3 * 400);
      writer.process.kill('SIGKILL');
      await writer.ended;
      expectAlone(file);
      const lines = writer.printed().split('\n').slice(1, -1);
      for (const line of lines) {
        const [id = '', uri = '', ...words] = line.split(' ');
        expect(acknowledged.has(id), `id ${id} given twice (seed ${number})`).toBe(false);
        acknowledged.set(id, { uri, text: words.join(' ') });
      }
      await using memory = await open(file, { readOnly: life % 2 === 0 });
      expect((await memory.verify({ deep: true })).overall_status, `life ${life}, seed ${number}`).toBe(
        'passed',
      );
      expect((await memory.stats()).active_frame_count).toBeGreaterThanOrEqual(acknowledged.size);
      for (const line of lines.slice(-50)) {
        const [id = ''] = line.split(' ');
        expect(await memory.view(id), `seed ${number}`).toBe(acknowledged.get(id)?.text);
      }
    }
    await beside.stop();
    expect.soft([...beside.names]).toEqual([basename(file)]);
    expect(acknowledged.size).toBeGreaterThan(100);

    await using memory = await open(file);
    for (const [id, { uri, text }] of acknowledged) {
      expect(await memory.view(id), `seed ${number}`).toBe(text);
      expect((await memory.getFrameInfo(id)).uri).toBe(uri);
    }
    const all = await memory.find('words', { k: 1 });
    expect(all.total_hits).toBe((await memory.stats()).active_frame_count);
    // A batch is there as a whole or not at all.
    const batches = new Map<string, number>();
    for (const { uri } of await memory.timeline({ limit: 1_000_000 })) {
      const [, batch] = /^mv2:\/\/(.*)\/\d+$/.exec(uri) ?? [];
      if (batch !== undefined) batches.set(batch, (batches.get(batch) ?? 0) + 1);
    }
    expect(
      [...batches.values()].filter((count) => count !== 40),
      `seed ${number}`,
    ).toEqual([]);
    await memory.put({ text: 'goes on' });
  }, 120_000);
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
