import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { create, lockWho, open } from '../src/index.ts';
import { expectAlone, freshMemory, freshPath } from './support/memory.ts';

/** The built package: other processes cannot run the source. */
const SDK = join(import.meta.dirname, '../dist/index.js');
/** Where the log of a file begins. */
const LOG_OFFSET = 4096;
const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

/** Runs a program in another process; `sdk` and `file` are there for it. Gives what it printed. */
function start(file: string, program: string): ChildProcess & { output: () => string } {
  const code = `const sdk = await import(${JSON.stringify(SDK)}); const file = ${JSON.stringify(file)};\n${program}`;
  const child = spawn(process.execPath, ['--input-type=module', '-e', code], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  children.push(child);
  let printed = '';
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    printed += text;
  });
  return Object.assign(child, { output: () => printed });
}

const printed = async (child: ReturnType<typeof start>, text: string): Promise<void> => {
  const end = Date.now() + 20_000;
  while (!child.output().includes(text)) {
    if (Date.now() > end) throw new Error(`nothing printed: ${child.output()}`);
    await delay(5);
  }
};

const hasFlock = spawnSync('flock', ['-F', '/dev/null', 'true']).status === 0;
if (!hasFlock) {
  process.stderr.write(
    'The program flock is not installed: tests that hold the lock from outside are skipped.\n',
  );
}

describe('several processes', () => {
  it('§17.31 lose no acknowledged write', async () => {
    const file = freshPath();
    await (await create(file)).close();
    const writers = ['a', 'b', 'c'].map((name) =>
      start(
        file,
        `const memory = await sdk.open(file);
         const ids = [];
         for (let n = 0; n < 20; n += 1) ids.push(await memory.put({ text: 'shared ${name} ' + n, uri: 'mv2://${name}/' + n }));
         await memory.close();
         console.log(JSON.stringify(ids));`,
      ),
    );
    await Promise.all(writers.map((writer) => once(writer, 'close')));
    const ids = writers.flatMap((writer) => JSON.parse(writer.output()) as string[]);
    expect(new Set(ids).size).toBe(60);
    await using memory = await open(file);
    expect((await memory.stats()).active_frame_count).toBe(60);
    expect((await memory.find('shared', { k: 100 })).total_hits).toBe(60);
    for (const [index, id] of ids.entries()) {
      expect(await memory.view(id)).toBe(`shared ${['a', 'b', 'c'][Math.floor(index / 20)]} ${index % 20}`);
    }
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
    expectAlone(file);
  }, 60_000);

  it('a handle that opens while another process empties the log writes where all others look', async () => {
    const made = await freshMemory();
    for (const text of ['one', 'two', 'three']) await made.put({ text });
    const file = openSync(made.file, 'r+');
    const log = Buffer.alloc(16_384);
    readSync(file, log, 0, log.length, LOG_OFFSET);
    await made.close();
    // A commit writes the header, syncs, and empties the log: this is the file in between.
    writeSync(file, log, 0, log.length, LOG_OFFSET);
    await using early = await open(made.file);
    writeSync(file, Buffer.alloc(48), 0, 48, LOG_OFFSET);
    closeSync(file);
    const first = await early.put({ text: 'by the early handle' });
    await using late = await open(made.file);
    const second = await late.put({ text: 'by the late handle' });
    expect([first, second]).toEqual(['3', '4']);
    for (const memory of [early, late]) {
      expect(await memory.view(first)).toBe('by the early handle');
      expect(await memory.view(second)).toBe('by the late handle');
    }
  });

  it('a writer that is killed leaves what it acknowledged, one file, and a sound one', async () => {
    const file = freshPath();
    await (await create(file)).close();
    for (const afterWrites of [1, 7, 40]) {
      const child = start(
        file,
        `const memory = await sdk.open(file);
         for (let n = 0; ; n += 1) { await memory.put({ text: 'durable words ' + n }); process.stdout.write('.'); }`,
      );
      await printed(child, '.'.repeat(afterWrites));
      child.kill('SIGKILL');
      await once(child, 'close');
      expectAlone(file);
      await using memory = await open(file);
      expect((await memory.stats()).active_frame_count).toBeGreaterThanOrEqual(child.output().length);
      expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
      await memory.put({ text: 'goes on' });
    }
  }, 60_000);

  it.skipIf(!hasFlock)(
    '§17.9 waits for another writer as long as it was told to, and reads meanwhile',
    async () => {
      const made = await freshMemory();
      await made.put({ text: 'readable words' });
      await made.close();
      await using patient = await open(made.file, { lockTimeoutMs: 60_000 });
      await using short = await open(made.file, { lockTimeoutMs: 100 });
      await using impatient = await open(made.file, { lockTimeoutMs: 0 });
      const holder = spawn('flock', ['-F', '-x', made.file, 'sh', '-c', 'echo held; exec sleep 60'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(holder);
      await once(holder.stdout, 'data');

      const waiting = patient.put({ text: 'written in the end' });
      for (const [memory, least, most] of [
        [short, 95, 1000],
        [impatient, 0, 200],
      ] as const) {
        // The shortest of five: the machine does other things, too.
        const waits: number[] = [];
        for (let attempt = 0; attempt < 5; attempt += 1) {
          const started = performance.now();
          await expect(memory.put({ text: 'x' })).rejects.toMatchObject({
            code: 'MV007',
            name: 'LockedError',
            message: expect.stringContaining(made.file),
            details: { path: made.file },
            suggestion: expect.stringContaining('lockTimeoutMs'),
          });
          waits.push(performance.now() - started);
        }
        expect(Math.min(...waits)).toBeGreaterThanOrEqual(least);
        expect(Math.min(...waits)).toBeLessThan(most);
      }
      // Reading waits for nobody: the holder is there as long as it lives.
      expect((await short.find('readable')).total_hits).toBe(1);
      holder.kill('SIGKILL');
      expect(await waiting).toBe('1');
      expect(await short.put({ text: 'after' })).toBe('2');
    },
  );

  it('lockWho names a writer that is inside a change', async () => {
    const file = freshPath();
    await (await create(file)).close();
    const child = start(
      file,
      `const memory = await sdk.open(file);
       console.log('ready');
       for (;;) await memory.putMany(Array.from({ length: 2000 }, (_, n) => ({ title: 't', text: 'some words ' + n })));`,
    );
    await printed(child, 'ready');
    const end = Date.now() + 10_000;
    let state = await lockWho(file);
    while (!state.locked && Date.now() < end) {
      await delay(1);
      state = await lockWho(file);
    }
    expect(state).toMatchObject({
      locked: true,
      stale: false,
      owner: { pid: child.pid, file_path: expect.stringContaining('notes.mv2') },
    });
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(await lockWho(file)).toEqual({ locked: false });
  }, 30_000);
});
