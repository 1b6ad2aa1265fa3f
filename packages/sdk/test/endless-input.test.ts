import { execFileSync } from 'node:child_process';
import { linkSync, symlinkSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join, relative } from 'node:path';
import { describe, expect, it } from 'vitest';
import * as sdk from '../src/index.ts';
import { digest, freshMemory, scratch } from './support/memory.ts';
import { expectFailure, expectRefused, holes, wrong } from './support/refusals.ts';

describe('inputs that would block or never end', () => {
  it.skipIf(process.platform === 'win32')('a FIFO, a socket and a device are no files', async () => {
    await using memory = await freshMemory();
    const folder = scratch();
    const fifo = join(folder, 'pipe.txt');
    execFileSync('mkfifo', [fifo]);
    const link = join(folder, 'link.txt');
    symlinkSync(fifo, link);
    const socket = join(folder, 's.txt');
    const server = createServer().listen(socket);
    await new Promise((resolve) => server.once('listening', resolve));
    try {
      for (const file of [fifo, link, socket, '/dev/null', '/dev/zero']) {
        await expectRefused(() => memory.put({ file }), 'file');
        await expectRefused(() => memory.put({ file, searchText: 'words' }), 'file');
        await expectRefused(() => memory.putFile(file), file);
      }
      const { filesProcessed, errors } = await memory.putFiles(folder);
      expect(filesProcessed).toBe(0);
      expect(errors.map(({ filename, code }) => [filename, code]).toSorted()).toEqual([
        ['link.txt', 'MV018'],
        ['pipe.txt', 'MV019'],
        ['s.txt', 'MV019'],
      ]);
    } finally {
      server.close();
    }
    expect((await memory.stats()).frame_count).toBe(0);
  });

  const HUGE = 0xffff_ffff;
  const doc = { title: 't', text: 'x' };
  it.each<[string, string, (memory: sdk.Memvid) => unknown]>([
    ['putMany', 'docs[0]', (m) => m.putMany(holes(5))],
    ['putMany, huge', 'docs[0]', (m) => m.putMany(holes(HUGE))],
    ['putMany, later hole', 'docs[1]', (m) => m.putMany(Object.assign(holes(HUGE), { 0: doc }))],
    ['putMany, reported', 'docs[0]', (m) => m.putMany(holes(HUGE), { onError: 'report' })],
    ['putMany, embeddings', 'embeddings[0]', (m) => m.putMany([doc], { embeddings: holes(1) })],
    ['correctMany', 'corrections[0]', (m) => m.correctMany(holes(5))],
    ['correctMany, huge', 'corrections[0]', (m) => m.correctMany(holes(HUGE))],
    ['tags', 'tags[0]', (m) => m.put({ text: 'a', tags: holes(HUGE) })],
    ['labels', 'labels[0]', (m) => m.put({ text: 'a', labels: holes(HUGE) })],
    ['metadata', 'metadata.a[0]', (m) => m.put({ text: 'a', metadata: { a: holes(HUGE) } })],
    ['where.$and', 'where.$and[0]', (m) => m.find('a', { where: { $and: holes(HUGE) } })],
    ['where.a.$in', 'where.a.$in[0]', (m) => m.find('a', { where: { a: { $in: holes(HUGE) } } })],
    ['where.a', 'where.a[0]', (m) => m.find('a', { where: { a: holes(HUGE) } })],
    ['extensions', 'extensions[0]', (m) => m.putFiles('.', { extensions: holes(HUGE) })],
    ['embedding', 'embedding[0]', (m) => m.put({ text: 'a', embedding: holes(HUGE) })],
    ['plugins', 'plugins[0]', () => sdk.configure({ plugins: holes(HUGE) })],
  ])('a sparse array: %s', async (_, culprit, call) => {
    await using memory = await freshMemory();
    await expectRefused(() => call(memory), culprit);
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('detached and other bytes are no documents', async () => {
    await using memory = await freshMemory();
    const detached = new Float32Array(4);
    structuredClone(detached, { transfer: [detached.buffer] });
    for (const docs of [detached, new Float32Array(2), new Uint8Array(2)]) {
      await expectRefused(() => memory.putMany(wrong(docs)), 'docs');
      await expectRefused(() => memory.putMany(wrong(docs), { onError: 'report' }), 'docs');
    }
    const failure = await expectFailure(() => memory.putMany([doc], { embeddings: [detached] }));
    expect(failure.code).toBe('MV015');
    expect((await expectFailure(() => memory.putMany(wrong([detached])))).code).toBe('MV019');
  });

  it('a query of 32 768 characters is searched for, a longer one refused with its length', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'word' });
    const long = 'word '.repeat(6554).slice(0, 32_768);
    expect((await memory.find(long)).total_hits).toBe(1);
    for (const call of [
      () => memory.find(`${long}x`),
      () => memory.ask(`${long}x`),
      () => memory.vecSearch(`${long}x`, [1]),
    ]) {
      expect((await expectRefused(call, '32769 characters')).message).toContain('32768');
    }
  });
});

describe('paths', () => {
  it.each<[string, string, (memory: sdk.Memvid, path: string) => unknown]>([
    ['create', 'path', (_, path) => sdk.create(path)],
    ['open', 'path', (_, path) => sdk.open(path)],
    ['verifyMemvid', 'path', (_, path) => sdk.verifyMemvid(path)],
    ['verifySingleFile', 'path', (_, path) => sdk.verifySingleFile(path)],
    ['doctorMemvid', 'path', (_, path) => sdk.doctorMemvid(path)],
    ['lock', 'path', (_, path) => sdk.lock(path, { password: 'p' })],
    [
      'unlock output',
      'output',
      (m, path) => sdk.unlock((m as never as { file: string }).file, { password: 'p', output: path }),
    ],
    ['lockWho', 'path', (_, path) => sdk.lockWho(path)],
    ['lockNudge', 'path', (_, path) => sdk.lockNudge(path)],
    ['put', 'file', (m, path) => m.put({ file: path })],
    ['putFile', 'path', (m, path) => m.putFile(path)],
    ['putFiles', 'dir', (m, path) => m.putFiles(path)],
  ])('%s: a path with a NUL character is refused', async (_, argument, call) => {
    await using memory = await freshMemory();
    await expectRefused(() => call(memory, `${scratch()}/a\0b`), `\`${argument}\``);
  });

  it('a name that is too long for the system is refused', async () => {
    await using memory = await freshMemory();
    const long = join(scratch(), 'x'.repeat(5000));
    await expectRefused(() => memory.put({ file: long }), 'too long');
    await expectRefused(() => memory.putFile(long), 'too long');
    await expectRefused(() => memory.putFiles(long), 'dir');
    await expectRefused(() => sdk.verifySingleFile(long), 'too long');
  });

  it('path() of a closed handle rejects like every other call', async () => {
    const memory = await freshMemory();
    expect(await memory.path()).toBe(memory.file);
    await memory.close();
    await expect(memory.path()).rejects.toMatchObject({ code: 'MV018', name: 'ClosedHandleError' });
  });

  it('a capsule is never written over its input', async () => {
    const memory = await freshMemory();
    await memory.put({ text: 'the original' });
    await memory.close();
    const { file } = memory;
    const folder = join(file, '..');
    const [hard, soft] = [join(folder, 'hard.mv2'), join(folder, 'soft.mv2')];
    linkSync(file, hard);
    symlinkSync(file, soft);
    const before = digest(file);
    const outputs = [file, join(folder, '.', basename(file)), `${folder}/./${basename(file)}`, hard, soft];
    for (const output of [...outputs, relative(process.cwd(), file)]) {
      for (const force of [true, false]) {
        await expectRefused(() => sdk.lock(file, { password: 'p', output, force }), 'output');
        await expectRefused(() => sdk.unlock(file, { password: 'p', output, force }), 'output');
      }
    }
    expect(digest(file)).toBe(before);
    const capsule = await sdk.lock(file, { password: 'p' });
    await expectRefused(() => sdk.unlock(capsule, { password: 'p', output: capsule, force: true }), 'output');
    expect(await sdk.unlock(capsule, { password: 'p', force: true })).toBe(file);
    expect(digest(file)).toBe(before);
  });
});
