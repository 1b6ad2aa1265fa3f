import { spawnSync, type ChildProcess } from 'node:child_process';
import { createHash } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { create, doctorMemvid, lockNudge, lockWho, open, type LockedError } from '@memvid/sdk';
import { startProgram, type Running } from './support/child.ts';
import { referenceProgram, sdkEntry } from './support/places.ts';
import { reference } from './support/reference.ts';
import { expectAlone, leftOut, scratch } from './support/workspace.ts';

// The lock of the contract (P0.1, §1, §8) and of the container (§10), among processes, threads and handles.

const noProgram = leftOut(
  'the names of lock records',
  referenceProgram().missing,
  spawnSync('b3sum', ['--version']).status === 0 ? undefined : 'the program b3sum is not installed',
);
const isLinux = process.platform === 'linux';

const children: ChildProcess[] = [];
beforeEach(() => {
  vi.stubEnv('MEMVID_LOCK_REGISTRY_DIR', scratch());
});
afterEach(() => {
  vi.unstubAllEnvs();
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function newFile(): Promise<string> {
  const file = join(scratch(), 'notes.mv2');
  const memory = await create(file);
  await memory.put({ text: 'the first words' });
  await memory.close();
  return file;
}

/** A batch without an end: it is larger than the log takes, so its writer keeps the lock for as long as it lives. */
const HOLDER = `
  const memory = await sdk.open(file);
  await memory.putMany((function* () {
    for (let n = 0; n < 6000; n += 1) yield { title: 't', text: ('words of an endless batch, number ' + n + ' ').repeat(50) };
    console.log('held');
    yield new Promise((resolve) => setTimeout(resolve, 600_000));
  })());
`;

async function hold(file: string): Promise<Running> {
  const holder = startProgram(HOLDER, file);
  children.push(holder.process);
  await holder.until('held');
  // Its writer takes the slices on a thread of its own.
  for (const end = Date.now() + 20_000; Date.now() < end;) {
    if ((await lockWho(file)).locked) return holder;
    await delay(5);
  }
  throw new Error('nobody holds the lock');
}

/** How a call is refused, and how long that took: of five the shortest, as the machine does other things, too. */
async function refusal(call: () => Promise<unknown>): Promise<{ error: LockedError; waited: number }> {
  const refusals: { error: LockedError; waited: number }[] = [];
  for (let attempt = 0; attempt < 5; attempt += 1) {
    const start = performance.now();
    const error = await call().then(
      () => expect.unreachable('it was carried out'),
      (thrown: unknown) => thrown as LockedError,
    );
    refusals.push({ error, waited: performance.now() - start });
  }
  return refusals.reduce((best, other) => (other.waited < best.waited ? other : best));
}

describe('the writer lock', () => {
  it('P0.1 is waited for as long as was asked, names its owner, and is free when the owner was killed', async () => {
    const file = await newFile();
    const holder = await hold(file);
    const { pid } = holder.process;

    for (const [lockTimeoutMs, least, most] of [
      [100, 100, 1000],
      [0, 0, 100],
    ] as const) {
      await using memory = await open(file, { lockTimeoutMs });
      const { error, waited } = await refusal(() => memory.put({ text: 'too early' }));
      expect(error).toMatchObject({ name: 'LockedError', code: 'MV007' });
      expect(error.details).toMatchObject({ path: file, stale: false });
      if (isLinux) expect(error.details).toMatchObject({ owner: { pid } });
      expect(waited).toBeGreaterThanOrEqual(least);
      expect(waited).toBeLessThan(most);
      // Reading waits for nobody.
      expect((await memory.find('first')).total_hits).toBe(1);
    }
    expect(await lockWho(file)).toMatchObject({
      locked: true,
      stale: false,
      ...(isLinux ? { owner: { pid, cmd: expect.stringContaining('node'), file_path: file } } : {}),
    });
    // A live owner is never displaced.
    expect(await lockNudge(file)).toBe(false);
    for (const options of [{ force: 'stale_only' }, { forceWritable: true }] as const) {
      await using memory = await open(file, { ...options, lockTimeoutMs: 50 });
      expect((await refusal(() => memory.put({ text: 'x' }))).error).toMatchObject({ code: 'MV007' });
    }
    // A repair by path is told how long to wait, too.
    const repair = await refusal(() => doctorMemvid(file, { lockTimeoutMs: 0 }));
    expect(repair.error).toMatchObject({ code: 'MV007', details: { waited_ms: expect.any(Number) } });
    expect(repair.waited).toBeLessThan(1000);

    holder.process.kill('SIGKILL');
    await holder.ended;
    expect(await lockWho(file)).toEqual({ locked: false });
    expect(await lockNudge(file)).toBe(false);
    await using memory = await open(file, { force: 'stale_only', lockTimeoutMs: 0 });
    expect(await memory.put({ text: 'the next words' })).toBe('1');
    expect((await memory.find('endless')).total_hits).toBe(0);
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
    expectAlone(file);
  }, 60_000);

  it('P0.1 of two writers that take turns a hundred times loses nothing', async () => {
    const file = await newFile();
    const code = `
      const memory = await sdk.open(file);
      for (let n = 0; n < 100; n += 1) await memory.put({ text: 'turn ' + input + ' ' + n });
      await memory.close();
    `;
    const writers = ['a', 'b'].map((name) => startProgram(code, file, name));
    children.push(...writers.map((writer) => writer.process));
    expect(await Promise.all(writers.map((writer) => writer.ended))).toEqual([0, 0]);
    await using memory = await open(file);
    expect((await memory.find('turn', { k: 1 })).total_hits).toBe(200);
  }, 60_000);

  it('P0.1 options as the third argument make a file that can be used; readOnly refuses every change', async () => {
    const file = join(scratch(), 'third.mv2');
    const memory = await create(file, 'basic', { lockTimeoutMs: 100, enableVec: true });
    await memory.put({ text: 'words' });
    await memory.close();
    await using reader = await open(file, 'basic', { readOnly: true });
    for (const call of [
      () => reader.put({ text: 'x' }),
      () => reader.remove(0),
      () => reader.putMany([{ title: 't', text: 'x' }]),
    ]) {
      await expect(call()).rejects.toMatchObject({ code: 'MV018', name: 'ReadOnlyError' });
    }
    await expect(open(join(scratch(), 'none.mv2'))).rejects.toMatchObject({ code: 'MV013' });
    expect(await lockWho(file)).toEqual({ locked: false });
    expect(await lockNudge(file)).toBe(false);
  });

  it.each([
    [{ force: 'always' }, 'force'],
    [{ force: true }, 'force'],
    [{ lockTimeoutMs: -1 }, 'lockTimeoutMs'],
    [{ lockTimeoutMs: Number.NaN }, 'lockTimeoutMs'],
    [{ lockTimeoutMs: 2 ** 32 }, 'lockTimeoutMs'],
    [{ readOnly: true, forceWritable: true }, 'forceWritable'],
  ])('refuses %j', async (options, argument) => {
    const file = await newFile();
    await expect(open(file, options as never)).rejects.toMatchObject({
      code: 'MV019',
      details: { argument },
    });
  });

  it('is shared by handles, threads and forked processes of one program like by any others', async () => {
    const file = await newFile();
    await using first = await open(file);
    let release = (): void => undefined;
    const released = new Promise<void>((resolve) => (release = resolve));
    let isHeld = (): void => undefined;
    const held = new Promise<void>((resolve) => (isHeld = resolve));
    const long = first.putMany(
      (function* endless() {
        for (let n = 0; n < 6000; n += 1) {
          yield { title: 't', text: `words of a long batch, number ${n} `.repeat(50) };
        }
        isHeld();
        yield released.then(() => ({ title: 't', text: 'the last of the batch' })) as never;
      })(),
    );
    await held;
    while (!(await lockWho(file)).locked) await delay(5);

    await using second = await open(file, { lockTimeoutMs: 50 });
    const { error } = await refusal(() => second.put({ text: 'by another handle' }));
    expect(error.code).toBe('MV007');
    if (isLinux) expect(error.details).toMatchObject({ owner: { pid: process.pid } });
    const attempt = `
      const memory = await sdk.open(file, { lockTimeoutMs: 50 });
      const said = await memory.put({ text: 'by ' + input }).catch((error) => error.code);
      await memory.close();
    `;
    const inThread = async (): Promise<unknown> => {
      const worker = new Worker(
        `(async () => {
          const sdk = await import(${JSON.stringify(sdkEntry)});
          const file = ${JSON.stringify(file)}, input = 'a thread';
          ${attempt}
          require('node:worker_threads').parentPort.postMessage(said);
        })()`,
        { eval: true },
      );
      return new Promise((resolve, reject) => worker.once('message', resolve).once('error', reject));
    };
    const inFork = async (): Promise<string> => {
      const forked = startProgram(
        `import { fork } from 'node:child_process';
         import { writeFileSync } from 'node:fs';
         const memory = await sdk.open(file, { readOnly: true }); // What is open here is not the child's.
         await memory.find('words');
         const module = input.module;
         writeFileSync(module, ${JSON.stringify(
           `const sdk = await import(${JSON.stringify(sdkEntry)});
            const [, , file] = process.argv, input = 'a fork';
            ${attempt}
            process.send(said);`,
         )});
         const child = fork(module, [file], { execArgv: [] });
         child.once('message', async (said) => { console.log(said); await memory.close(); });`,
        file,
        { module: join(scratch(), 'forked.mjs') },
      );
      children.push(forked.process);
      await forked.ended;
      return forked.printed().trim();
    };
    expect([await inThread(), await inFork()]).toEqual(['MV007', 'MV007']);
    release();
    const ids = await long;
    expect(ids).toHaveLength(6001);
    expect([await inThread(), await inFork()]).toEqual(['6002', '6003']);
    expect(await second.put({ text: 'at last' })).toBe('6004');
    expectAlone(file);
  }, 60_000);
});

/** The record of a process, where the reference and we look for it. */
function record(file: string, changes: Record<string, unknown>): string {
  const { dev, ino } = statSync(file, { bigint: true });
  const hex = (value: bigint): string => value.toString(16).padStart(16, '0');
  const folder = process.env['MEMVID_LOCK_REGISTRY_DIR'] ?? '';
  mkdirSync(folder, { recursive: true });
  // The name ends with a hash of the file's beginning, which every commit changes: we take any, the newest first.
  const id = `unix-${hex(dev)}-${hex(ino)}-${createHash('sha256').update(readFileSync(file)).digest('hex')}`;
  const now = new Date().toISOString();
  const content = {
    pid: 999_999_999,
    cmd: 'memvid put',
    started_at: now,
    file_path: file,
    file_id: id,
    heartbeat_ms: 2000,
    last_heartbeat: now,
    ...changes,
  };
  writeFileSync(join(folder, `${id}.json`), JSON.stringify(content));
  return id;
}

describe.skipIf(process.platform === 'win32')('records of owners', () => {
  it('of a process that is gone are a stale lock, which does not hold up a writer, and which lockNudge clears', async () => {
    const file = await newFile();
    record(file, {});
    expect(await lockWho(file)).toMatchObject({
      locked: true,
      stale: true,
      owner: { pid: 999_999_999, cmd: 'memvid put', heartbeat_ms: 2000, file_path: file },
    });
    for (const options of [{}, { force: 'stale_only' }, { forceWritable: true }] as const) {
      await using memory = await open(file, { ...options, lockTimeoutMs: 0 });
      await memory.put({ text: 'words' });
    }
    record(file, {});
    expect(await lockNudge(file)).toBe(true);
    expect(await lockWho(file)).toEqual({ locked: false });
    expect(await lockNudge(file)).toBe(false);
    expectAlone(file);
  });

  it('of a process that is silent for more than ten seconds are stale, younger ones are not', async () => {
    const file = await newFile();
    record(file, { pid: process.pid, last_heartbeat: new Date(Date.now() - 11_000).toISOString() });
    expect(await lockWho(file)).toMatchObject({ locked: true, stale: true, owner: { pid: process.pid } });
    record(file, { pid: process.pid });
    expect(await lockWho(file)).toEqual({ locked: false });
    expect(await lockNudge(file)).toBe(false);
  });

  it('that cannot be read are none', async () => {
    const file = await newFile();
    const id = record(file, {});
    const path = join(process.env['MEMVID_LOCK_REGISTRY_DIR'] ?? '', `${id}.json`);
    for (const content of ['', '{', '[]', '{"pid":"x"}', 'x'.repeat(100_000)]) {
      writeFileSync(path, content);
      expect(await lockWho(file)).toEqual({ locked: false });
      expect(await lockNudge(file)).toBe(false);
    }
  });

  it('are not left behind by writers', async () => {
    const file = await newFile();
    await using memory = await open(file);
    for (let n = 0; n < 20; n += 1) await memory.put({ text: `words ${n}` });
    await memory.seal();
    expect(readdirSync(process.env['MEMVID_LOCK_REGISTRY_DIR'] ?? '')).toEqual([]);
  });

  it.skipIf(noProgram)('are named as the reference names them', async () => {
    const file = await newFile();
    const folder = process.env['MEMVID_LOCK_REGISTRY_DIR'] ?? '';
    const sum = spawnSync('b3sum', ['--no-names'], { input: readFileSync(file).subarray(0, 4096) });
    const id = record(file, {});
    const exact = `${id.slice(0, id.lastIndexOf('-'))}-${sum.stdout.toString().trim()}`;
    writeFileSync(join(folder, `${exact}.json`), readFileSync(join(folder, `${id}.json`)));
    expect(reference(scratch(), 'who', file, '--json').output).toContain('999999999');
  });
});
