import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { lock, lockNudge, lockWho, open, unlock } from '../src/index.ts';
import { freshMemory } from './support/memory.ts';

async function sealedFile(): Promise<string> {
  const memory = await freshMemory();
  await memory.put({ text: 'the treasure is under the old oak' });
  await memory.close();
  return memory.file;
}

describe('lock and unlock', () => {
  it('give the same bytes back, and the capsule shows none of them', async () => {
    const file = await sealedFile();
    const before = readFileSync(file);
    const capsule = await lock(file, { password: 'correct horse' });
    expect(capsule).toBe(`${file}e`);
    expect(readFileSync(capsule).subarray(0, 4).toString('latin1')).toBe('MV2E');
    expect(readFileSync(capsule).includes('treasure')).toBe(false);
    expect(readFileSync(file).equals(before)).toBe(true);
    const output = join(dirname(file), 'again.mv2');
    expect(await unlock(capsule, { password: 'correct horse', output })).toBe(output);
    expect(readFileSync(output).equals(before)).toBe(true);
    await using memory = await open(output);
    expect((await memory.find('treasure')).total_hits).toBe(1);
    expect(await unlock(capsule, { password: 'correct horse', force: true })).toBe(file);
  });

  it('§17.16 say what is wrong and leave no partial file', async () => {
    const file = await sealedFile();
    const folder = dirname(file);
    const capsule = await lock(file, { password: 'correct horse' });
    const output = join(folder, 'out.mv2');
    const files = readdirSync(folder);
    for (const password of ['', '  ', undefined]) {
      await expect(lock(file, { password: password as never, output })).rejects.toMatchObject({
        code: 'MV016',
        message: expect.stringContaining('password'),
      });
    }
    await expect(lock(file, undefined as never)).rejects.toMatchObject({ code: 'MV016' });
    await expect(lock(file, { password: 'x' })).rejects.toMatchObject({
      code: 'MV016',
      message: expect.stringMatching(/already exists/i),
      suggestion: expect.stringContaining('force: true'),
    });
    await expect(unlock(capsule, { password: 'wrong', output })).rejects.toMatchObject({
      code: 'MV016',
      name: 'EncryptionError',
      details: { reason: 'encryption' },
    });
    await expect(unlock(file, { password: 'x', output })).rejects.toMatchObject({ code: 'MV016' });
    const bytes = readFileSync(capsule);
    const tampered = join(folder, 'tampered.mv2e');
    bytes[bytes.length - 20] = (bytes[bytes.length - 20] ?? 0) ^ 1;
    writeFileSync(tampered, bytes);
    await expect(unlock(tampered, { password: 'correct horse', output })).rejects.toMatchObject({
      code: 'MV016',
    });
    await expect(lock(join(folder, 'none.mv2'), { password: 'x' })).rejects.toMatchObject({ code: 'MV013' });
    await expect(unlock(join(folder, 'none.mv2e'), { password: 'x' })).rejects.toMatchObject({
      code: 'MV013',
    });
    expect(existsSync(output)).toBe(false);
    expect(readdirSync(folder).filter((name) => name !== 'tampered.mv2e')).toEqual(files);
  });
});

describe('arguments of lock and unlock', () => {
  it('a password that is no string of whole characters is MV019, and not shown', async () => {
    const file = await sealedFile();
    for (const password of ['secret\ud800', '\udfffsecret', 123_454_321, { secret: 1 }]) {
      for (const call of [lock, unlock]) {
        await expect(call(file, { password: password as never })).rejects.toMatchObject({
          code: 'MV019',
          message: expect.not.stringMatching(/secret|123454321/),
          details: { argument: 'password' },
        });
      }
    }
    expect(existsSync(`${file}e`)).toBe(false);
  });

  it('what is wrong with the output is said of the output, and of the path what is wrong with that', async () => {
    const file = await sealedFile();
    const folder = dirname(file);
    await expect(lock(file, { password: 'x', output: folder })).rejects.toMatchObject({
      code: 'MV019',
      message: expect.stringMatching(/^output: received a folder/),
      details: { argument: 'output' },
      suggestion: expect.stringContaining('`output`'),
    });
    mkdirSync(`${file}e`);
    await expect(lock(file, { password: 'x', force: true })).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'output' },
    });
    await expect(lock(folder, { password: 'x', output: file })).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'path' },
    });
    await expect(lock('/', { password: 'x', output: file })).rejects.toMatchObject({
      details: { argument: 'path' },
    });
  });
});

describe('lockWho and lockNudge', () => {
  it('have nothing to say about a file that nobody writes to', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'x' });
    expect(await lockWho(memory.file)).toEqual({ locked: false });
    expect(await lockNudge(memory.file)).toBe(false);
    expect(await lockWho('/no/such/file.mv2')).toEqual({ locked: false });
    await expect(lockWho('')).rejects.toMatchObject({ code: 'MV019' });
  });
});
