import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync, readdirSync, readlinkSync, statSync, writeFileSync, writeSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { afterEach, describe, expect, it } from 'vitest';
import { create, LockedError, lockWho, open } from '@memvid/sdk';
import { startProgram } from './support/child.ts';
import { together } from './reliability/together.ts';
import { seed } from './support/random.ts';
import { reference, referenceFinds, startReference } from './support/reference.ts';
import { referenceProgram } from './support/places.ts';
import { expectAlone, leftOut, scratch } from './support/workspace.ts';

const noFlock = leftOut(
  'a lock held from outside',
  spawnSync('flock', ['-F', '/dev/null', 'true']).status === 0
    ? undefined
    : 'the program flock of util-linux is not installed',
);

const noProgram = leftOut('the reference writes between our calls', referenceProgram().missing);

const children: ChildProcess[] = [];
afterEach(() => {
  for (const child of children.splice(0)) child.kill('SIGKILL');
});

async function newFile(): Promise<string> {
  const file = join(scratch(), 'shared.mv2');
  await (await create(file)).close();
  return file;
}

/** Resolves when a process has a file open. */
async function opened(pid: number, file: string): Promise<void> {
  for (const end = Date.now() + 10_000; Date.now() < end;) {
    const links = readdirSync(`/proc/${pid}/fd`).map((descriptor) => {
      try {
        return readlinkSync(`/proc/${pid}/fd/${descriptor}`);
      } catch {
        return '';
      }
    });
    if (links.includes(file)) return;
    await delay(2);
  }
  throw new Error(`process ${pid} has not opened ${file}`);
}

describe('several processes', () => {
  // `npm run processes` does the same with eight writers and 500 writes of each.
  it('writers of one file lose nothing, ids are unique, and readers see whole commits without waiting', async () => {
    const figures = await together({
      writers: 4,
      writes: 30,
      readers: 2,
      seed: seed('MEMVID_PROCESSES_SEED', 1),
    });
    expect(figures.problems).toEqual([]);
    expect(figures.documents).toBeGreaterThan(60);
    for (const { rounds, longest } of figures.readings) {
      expect(rounds).toBeGreaterThan(3);
      expect(Math.max(...Object.values(longest))).toBeLessThan(5000);
    }
  }, 120_000);

  it.skipIf(noProgram)(
    'the reference that writes at the same time costs nobody what he was told is stored',
    async () => {
      const figures = await together({
        writers: 2,
        writes: 40,
        readers: 1,
        seed: seed('MEMVID_PROCESSES_SEED', 1),
        withReference: true,
      });
      expect(figures.problems).toEqual([]);
      expect(figures.reference.kept).toBe(figures.reference.stored);
    },
    120_000,
  );

  it.skipIf(noFlock || noProgram)(
    'the reference that waits for a file which is rewritten meanwhile does not put the old one back',
    async () => {
      const file = await newFile();
      await using memory = await open(file);
      const text = Array.from({ length: 3000 }, (_, n) => `word${n}`).join(' ');
      const ids: string[] = [];
      for (let n = 0; n < 20; n += 1) ids.push(await memory.put({ text: `${n} ${text}` }));
      await memory.seal();
      for (const id of ids.slice(1)) await memory.remove(id);
      const before = statSync(file).ino;
      const holder = spawn('flock', ['-F', '-x', file, 'sh', '-c', 'echo held; exec sleep 30'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(holder);
      await once(holder.stdout, 'data');
      const note = join(scratch(), 'note.txt');
      writeFileSync(note, 'theirs');
      const theirs = startReference(scratch(), 'put', file, '--input', note, '--uri', 'mv2://theirs');
      children.push(theirs);
      const ended = once(theirs, 'close');
      // It has opened the file and asks for the lock 20 times a second; we ask more often.
      await opened(theirs.pid ?? 0, file);
      const sealing = memory.seal();
      holder.kill('SIGKILL');
      await sealing;
      expect(statSync(file).ino).not.toBe(before);
      const id = await memory.put({ text: 'after the rewrite' });
      await ended;
      await using again = await open(file);
      expect(await again.view(id)).toBe('after the rewrite');
      expect((await again.verify({ deep: true })).overall_status).toBe('passed');
      expectAlone(file);
    },
  );

  it.skipIf(noFlock)(
    'reads that wait for a program which writes over their table hold JavaScript up no longer than moments',
    async () => {
      const file = await newFile();
      const writer = await open(file);
      const id = await writer.put({ text: 'the harbour of Porto' });
      await writer.close();
      await using reader = await open(file, { readOnly: true, lockTimeoutMs: 1500 });
      const holder = spawn('flock', ['-F', '-x', file, 'sh', '-c', 'echo held; exec sleep 30'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(holder);
      await once(holder.stdout, 'data');
      const bytes = await readFile(file);
      const table = Number(bytes.readBigUInt64LE(8));
      const writeAt = (content: Buffer): void => {
        const descriptor = openSync(file, 'r+');
        writeSync(descriptor, content, 0, content.length, table);
        closeSync(descriptor);
      };
      writeAt(Buffer.alloc(100, 0x5a));
      let ticks = 0;
      const timer = setInterval(() => (ticks += 1), 10);
      const calls = [
        reader.view(id),
        reader.find('harbour'),
        reader.timeline(),
        reader.view(id),
        reader.stats(),
      ];
      const failures = await Promise.all(calls.map((call) => call.then(() => 'answered').catch(String)));
      for (const failure of failures) expect(failure).toMatch(/LockedError/);
      expect(ticks).toBeGreaterThan(20);
      const waiting = reader.view(id);
      writeAt(bytes.subarray(table, table + 100));
      // Whoever wrote keeps the lock, as the reference does until it ends.
      expect(await waiting).toBe('the harbour of Porto');
      clearInterval(timer);
    },
  );

  it('eight handles in one process lose nothing either', async () => {
    const file = await newFile();
    const handles = await Promise.all(Array.from({ length: 8 }, () => open(file)));
    const ids = (
      await Promise.all(
        handles.map(async (memory, index) => {
          const own: string[] = [];
          for (let round = 0; round < 15; round += 1) {
            own.push(await memory.put({ text: `handle ${index} round ${round}` }));
          }
          return own;
        }),
      )
    ).flat();
    expect(new Set(ids).size).toBe(120);
    for (const memory of handles) expect((await memory.stats()).active_frame_count).toBe(120);
    for (const [index, id] of ids.entries()) {
      expect(await handles[0]?.view(id)).toBe(`handle ${Math.floor(index / 15)} round ${index % 15}`);
    }
    await Promise.all(handles.map((memory) => memory.close()));
  });

  it('a put that may not wait names the process that writes', async () => {
    const file = await newFile();
    const writer = startProgram(
      `const memory = await sdk.open(file);
       const docs = Array.from({ length: 5000 }, (_, n) => ({ title: 't', text: 'words of document number ' + n }));
       console.log('writing');
       for (;;) await memory.putMany(docs);`,
      file,
    );
    children.push(writer.process);
    await writer.until('writing');
    await using memory = await open(file, { lockTimeoutMs: 0 });
    const refusal = async (): Promise<unknown> => {
      for (const end = Date.now() + 20_000; Date.now() < end;) {
        try {
          await memory.put({ text: 'between two transactions' });
        } catch (error) {
          // None is named when the writer let go of the lock between the refusal and the look at who has it.
          if (!(error instanceof LockedError) || error.details?.['owner'] !== undefined) return error;
        }
      }
      return undefined;
    };
    expect(await refusal()).toMatchObject({
      code: 'MV007',
      name: 'LockedError',
      message: expect.stringContaining(String(writer.process.pid)),
      details: { path: file, owner: { pid: writer.process.pid }, stale: false },
    });
    writer.process.kill('SIGKILL');
    await writer.ended;
    expect(await lockWho(file)).toEqual({ locked: false });
    await memory.put({ text: 'once the writer is gone' });
  });

  it.skipIf(noFlock)(
    'a lock held from outside is waited for as long as was asked, and readers do not wait',
    async () => {
      const file = await newFile();
      await using memory = await open(file, { lockTimeoutMs: 300 });
      await memory.put({ text: 'readable words' });
      const holder = spawn('flock', ['-F', '-x', file, 'sh', '-c', 'echo held; exec sleep 30'], {
        stdio: ['ignore', 'pipe', 'inherit'],
      });
      children.push(holder);
      await once(holder.stdout, 'data');

      let start = performance.now();
      await expect(memory.put({ text: 'x' })).rejects.toMatchObject({
        code: 'MV007',
        name: 'LockedError',
        message: expect.stringContaining(file),
        suggestion: expect.stringContaining('lockTimeoutMs'),
      });
      const waited = performance.now() - start;
      expect(waited).toBeGreaterThanOrEqual(290);
      expect(waited).toBeLessThan(2000);

      start = performance.now();
      expect((await memory.find('readable')).total_hits).toBe(1);
      expect(await memory.timeline()).toHaveLength(1);
      await using reader = await open(file, { readOnly: true });
      expect((await reader.stats()).frame_count).toBe(1);
      expect(performance.now() - start).toBeLessThan(1000);

      await using patient = await open(file, { lockTimeoutMs: 20_000 });
      const waiting = patient.put({ text: 'written in the end' });
      holder.kill('SIGKILL');
      expect(await waiting).toBe('1');
    },
  );

  it.skipIf(noFlock)("writes that wait for a lock leave Node's own threads free", async () => {
    const file = await newFile();
    const holder = spawn('flock', ['-F', '-x', file, 'sh', '-c', 'echo held; exec sleep 30'], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    children.push(holder);
    await once(holder.stdout, 'data');
    const handles = await Promise.all(Array.from({ length: 8 }, () => open(file, { lockTimeoutMs: 20_000 })));
    let written = 0;
    const waiting = handles.map(async (handle, index) => {
      await handle.put({ text: `waited ${index}` });
      written += 1;
    });
    // With all four threads of the pool asleep this would not come back before the lock is free.
    expect((await readFile(import.meta.filename, 'utf8')).length).toBeGreaterThan(1000);
    expect(written).toBe(0);
    holder.kill('SIGKILL');
    await Promise.all(waiting);
    expect((await handles[0]?.stats())?.frame_count).toBe(8);
    for (const handle of handles) await handle.close();
  });

  it.skipIf(noProgram)(
    'an open handle sees what the reference puts, updates and deletes, and it sees ours',
    async () => {
      const file = await newFile();
      const home = scratch();
      const program = (...words: string[]): void => {
        const run = reference(home, ...words);
        expect(run.error + run.output).toEqual(expect.not.stringMatching(/^error/i));
        expect(run.status).toBe(0);
      };
      await using memory = await open(file);
      await using reader = await open(file, { readOnly: true });
      await memory.put({ text: 'ours: quillwort one', uri: 'mv2://one' });
      const note = join(scratch(), 'note.txt');
      writeFileSync(note, 'theirs: quillwort two');
      program('put', file, '--input', note, '--uri', 'mv2://two');
      const uris = async (handle: typeof memory): Promise<string[]> =>
        (await handle.find('quillwort', { k: 20 })).hits.map((hit) => hit.uri).toSorted();
      for (const handle of [memory, reader]) expect(await uris(handle)).toEqual(['mv2://one', 'mv2://two']);
      await memory.put({ text: 'ours: quillwort three', uri: 'mv2://three' });
      await memory.seal();
      expect.soft(referenceFinds(home, file, 'quillwort')).toEqual(['mv2://one', 'mv2://three', 'mv2://two']);
      program('delete', file, '--uri', 'mv2://one', '--yes');
      for (const handle of [memory, reader]) expect(await uris(handle)).toEqual(['mv2://three', 'mv2://two']);
      await expect(memory.viewByUri('mv2://one')).rejects.toMatchObject({ code: 'MV010' });
      expect(await memory.put({ text: 'ours: quillwort four', uri: 'mv2://four' })).toBe('3');
      for (const handle of [memory, reader]) {
        expect(await uris(handle)).toEqual(['mv2://four', 'mv2://three', 'mv2://two']);
        expect(
          (await handle.verify({ deep: true })).checks.filter(({ status }) => status === 'failed'),
        ).toEqual([]);
      }
      await memory.seal();
      expect(reference(home, 'verify', file, '--deep').status).toBe(0);
      expectAlone(file);
    },
  );
});
