import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { writeFileSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { create, lockWho, open } from '@memvid/sdk';
import { startProgram } from './support/child.ts';
import { reference, referenceFinds } from './support/reference.ts';
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

const WRITER = `
  const memory = await sdk.open(file);
  const acknowledged = [];
  for (let round = 0; round < 30; round += 1) {
    const uri = 'mv2://' + input + '/' + round;
    if (round % 5 === 4) {
      const ids = await memory.putMany([0, 1, 2].map((n) => ({ title: 't', text: 'shared batch ' + uri + ' ' + n, uri: uri + '/' + n })));
      ids.forEach((id, n) => acknowledged.push([id, 'shared batch ' + uri + ' ' + n]));
    } else {
      acknowledged.push([await memory.put({ text: 'shared single ' + uri, uri }), 'shared single ' + uri]);
    }
    if (round % 10 === 9) await memory.seal();
  }
  await memory.close();
  console.log(JSON.stringify(acknowledged));
`;

/** Reads until told to stop; every answer must be consistent: counts never fall, every listed frame has its text. */
const READER = `
  const memory = await sdk.open(file, { readOnly: true });
  console.log('reading');
  let last = 0, rounds = 0;
  process.on('SIGTERM', () => {
    console.log(JSON.stringify({ last, rounds }));
    process.exit(0);
  });
  for (;;) {
    const { active_frame_count: count } = await memory.stats();
    if (count < last) throw new Error('frames went from ' + last + ' to ' + count);
    last = count;
    const { hits, total_hits } = await memory.find('shared', { k: 5 });
    if (total_hits < count) throw new Error(count + ' frames, ' + total_hits + ' found');
    for (const hit of hits) if (!hit.text.startsWith('shared ') || (await memory.view(hit.frame_id)) !== hit.text) throw new Error('text of ' + hit.frame_id);
    rounds += 1;
    await new Promise((done) => setTimeout(done, 1));
  }
`;

describe('several processes', () => {
  it('four writers and two readers of one file: nothing is lost, ids are unique, readers see whole commits', async () => {
    const file = await newFile();
    const readers = [0, 1].map(() => startProgram(READER, file));
    children.push(...readers.map((reader) => reader.process));
    await Promise.all(readers.map((reader) => reader.until('reading')));
    const writers = ['a', 'b', 'c', 'd'].map((name) => startProgram(WRITER, file, name));
    children.push(...writers.map((writer) => writer.process));
    expect(await Promise.all(writers.map((writer) => writer.ended))).toEqual([0, 0, 0, 0]);
    for (const reader of readers) reader.process.kill('SIGTERM');
    expect(await Promise.all(readers.map((reader) => reader.ended))).toEqual([0, 0]);
    for (const reader of readers) {
      const { rounds } = JSON.parse(reader.printed().trimEnd().split('\n').at(-1) ?? '') as {
        rounds: number;
      };
      expect(rounds).toBeGreaterThan(5);
    }
    const acknowledged = writers.flatMap(
      (writer) => JSON.parse(writer.printed()) as [id: string, text: string][],
    );
    expect(acknowledged).toHaveLength(4 * (24 + 6 * 3));
    expect(new Set(acknowledged.map(([id]) => id)).size).toBe(acknowledged.length);
    await using memory = await open(file);
    expect((await memory.stats()).active_frame_count).toBe(acknowledged.length);
    expect((await memory.find('shared', { k: 1 })).total_hits).toBe(acknowledged.length);
    for (const [id, text] of acknowledged) expect(await memory.view(id)).toBe(text);
    expect((await memory.verify({ deep: true })).overall_status).toBe('passed');
    expectAlone(file);
  }, 120_000);

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
          return error;
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
