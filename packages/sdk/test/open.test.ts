import { copyFileSync, mkdirSync, readFileSync, truncateSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { create, lock, open, use, verifySingleFile } from '../src/index.ts';
import { digest, expectAlone, freshMemory, freshPath, scratch } from './support/memory.ts';

describe('use, create, open', () => {
  it('§17.41 take options in every slot', async () => {
    const file = freshPath();
    for (const memory of [
      await create(file, { lockTimeoutMs: 5 }),
      await create(file, 'basic', { lockTimeoutMs: 5 }),
      await create(file, 'basic', 'some-key', { lockTimeoutMs: 5 }),
      await use('basic', file, { mode: 'auto', readOnly: false }),
      await use('basic', file, { provider: 'openai', key: 'secret' }, { mode: 'open' }),
      await use('basic', file, { openai: 'secret', nvidia: 'secret' }),
      await open(file),
      await open(file, 'basic', { readOnly: true }),
      await open(file, { readOnly: true }),
    ]) {
      expect(await memory.path()).toBe(file);
      expect((await memory.stats()).frame_count).toBe(0);
      expect(JSON.stringify(memory)).not.toContain('secret');
      await memory.close();
    }
    expectAlone(file);
  });

  it('create empties an existing file, open needs one, auto does either', async () => {
    const file = freshPath();
    await expect(open(file)).rejects.toMatchObject({
      code: 'MV013',
      details: { path: file },
      message: expect.stringContaining(file),
    });
    const made = await use('basic', file, { mode: 'auto' });
    await made.put({ text: 'kept' });
    await made.close();
    const again = await use('basic', file, { mode: 'auto' });
    expect((await again.stats()).frame_count).toBe(1);
    await again.close();
    await using emptied = await create(file);
    expect((await emptied.stats()).frame_count).toBe(0);
  });

  it.each(['open', 'auto'] as const)('create with mode %j empties nothing', async (mode) => {
    const file = freshPath();
    const made = await create(file, { mode: 'create' });
    await made.put({ text: 'kept' });
    await made.close();
    for (const call of [
      () => create(file, { mode } as never),
      () => create(file, 'basic', { mode } as never),
      () => create(file, 'basic', 'some-key', { mode } as never),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'MV019',
        name: 'InvalidInputError',
        details: { argument: 'mode' },
        suggestion: expect.stringContaining(`open(path, { mode: '${mode}' })`),
      });
    }
    await using again = await open(file, { mode });
    expect(await again.view(0)).toBe('kept');
  });

  it('a missing folder is named', async () => {
    const file = join(scratch(), 'nowhere', 'x.mv2');
    for (const call of [() => create(file), () => open(file), () => open(file, { mode: 'auto' })]) {
      await expect(call()).rejects.toMatchObject({
        code: 'MV013',
        message: expect.stringContaining('nowhere'),
        details: { reason: 'parent' },
        suggestion: expect.stringMatching(/^Make the folder first/),
      });
    }
    await expect(open(freshPath())).rejects.toMatchObject({
      suggestion: expect.stringContaining('create(path)'),
    });
  });

  it('what only reads makes no memory, whatever the mode', async () => {
    await expect(open(freshPath(), { mode: 'auto', readOnly: true })).rejects.toMatchObject({
      code: 'MV013',
      suggestion: expect.stringContaining('leave `readOnly` out'),
    });
  });

  it('a misspelt option is refused with the right spelling', async () => {
    const file = freshPath();
    await (await create(file)).close();
    for (const [given, meant] of [
      ['readonly', 'readOnly'],
      ['read_only', 'readOnly'],
      ['Mode', 'mode'],
      ['lockTimeoutMS', 'lockTimeoutMs'],
    ] as const) {
      for (const value of [true, 'open']) {
        await expect(open(file, { [given]: value })).rejects.toMatchObject({
          code: 'MV019',
          message: expect.stringContaining(`\`${meant}\``),
          suggestion: `Write \`${meant}\` instead of \`${given}\`.`,
        });
      }
    }
    await (await open(file, { readonly: undefined, unknown: 1 } as never)).close();
  });

  it('an option that is nearly one of them is refused with the one that was probably meant', async () => {
    const file = freshPath();
    await (await create(file)).close();
    for (const [given, meant] of [
      ['embeder', 'embedder'],
      ['plugin', 'plugins'],
      ['lockTimeout', 'lockTimeoutMs'],
      ['capacity', 'capacityBytes'],
      ['image_embeder', 'imageEmbedder'],
      ['salvge', 'salvage'],
    ] as const) {
      // A lone string would be a provider's key otherwise.
      for (const options of [{ [given]: 'bge-small' }, { [given]: [1], readOnly: true }]) {
        for (const call of [open(file, options as never), use('basic', file, options as never)]) {
          await expect(call).rejects.toMatchObject({
            code: 'MV019',
            message: `There is no option \`${given}\`; did you mean \`${meant}\`?`,
            suggestion: `Write \`${meant}\` instead of \`${given}\`.`,
          });
        }
      }
    }
    // Which of two is meant nobody can tell, and keys of providers are no options.
    for (const options of [
      { enable: true },
      { model: 'x', read: 1 },
      { openai: 'k', voyage: 'k', mistral: 'k' },
    ]) {
      await (await use('basic', file, options as never)).close();
    }
  });

  it.each([
    [{ mode: 'zzz' }, 'mode'],
    [{ force: 'bogus' }, 'force'],
    [{ readOnly: true, forceWritable: true }, 'forceWritable'],
    [{ readOnly: true, mode: 'create' }, 'readOnly'],
    [{ lockTimeoutMs: -1 }, 'lockTimeoutMs'],
    [{ lockTimeoutMs: '5' }, 'lockTimeoutMs'],
    [{ enableLex: 'yes' }, 'enableLex'],
    [{ capacityBytes: 0 }, 'capacityBytes'],
    [{ readOnly: 1 }, 'readOnly'],
  ])('refuses %j with MV019 naming the option, and makes no file', async (options, argument) => {
    const file = freshPath();
    await expect(use('basic', file, { mode: 'auto', ...options } as never)).rejects.toMatchObject({
      code: 'MV019',
      name: 'InvalidInputError',
      details: { argument },
      message: expect.stringContaining(argument),
    });
    await expect(open(file)).rejects.toMatchObject({ code: 'MV013' });
  });

  it('refuses an empty path, an unknown kind and a wrong key form', async () => {
    const file = freshPath();
    await expect(create('')).rejects.toMatchObject({ code: 'MV019', details: { argument: 'path' } });
    await expect(open(5 as never)).rejects.toMatchObject({ code: 'MV019', details: { argument: 'path' } });
    await expect(use('acme' as never, file)).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'kind' },
    });
    await expect(create(file, { memvidApiKey: 'sk-1' })).rejects.toMatchObject({ code: 'MV008' });
    await expect(use('langchain', file, { mode: 'create' })).rejects.toMatchObject({
      code: 'MV018',
      name: 'PluginMissingError',
    });
    await expect(use('haystack', file, { mode: 'create' })).rejects.toMatchObject({ code: 'MV018' });
    await expect(open(file)).rejects.toMatchObject({ code: 'MV013' });
    await (await create(file, { memvidApiKey: 'mv2_x', memoryId: 'm' })).close();
  });

  it('§17.28 tells files that are no memory: empty, junk, cut, a folder, a capsule, with side files', async () => {
    const folder = scratch();
    const at = (name: string): string => join(folder, name);
    const good = at('good.mv2');
    const memory = await create(good);
    await memory.putMany(Array.from({ length: 20 }, (_, index) => ({ title: 't', text: `text ${index}` })));
    await memory.close();
    writeFileSync(at('empty.mv2'), '');
    writeFileSync(at('three.mv2'), 'MV2');
    writeFileSync(at('junk.mv2'), Buffer.alloc(5000, 7));
    copyFileSync(good, at('cut.mv2'));
    truncateSync(at('cut.mv2'), 3000);
    for (const name of ['empty.mv2', 'three.mv2', 'junk.mv2', 'cut.mv2']) {
      const before = readFileSync(at(name));
      await expect(open(at(name))).rejects.toMatchObject({ code: 'MV012', name: 'CorruptFileError' });
      expect(readFileSync(at(name)).equals(before)).toBe(true);
    }
    mkdirSync(at('folder.mv2'));
    await expect(open(at('folder.mv2'))).rejects.toMatchObject({ code: 'MV019' });
    const capsule = await lock(good, { password: 'pass word' });
    await expect(open(capsule)).rejects.toMatchObject({
      code: 'MV016',
      name: 'EncryptionError',
      message: expect.stringMatching(/encrypted/i),
      suggestion: expect.stringContaining('unlock'),
    });
    writeFileSync(at('good.mv2-wal'), 'x');
    await expect(open(good)).rejects.toMatchObject({
      code: 'MV012',
      details: { offenders: [at('good.mv2-wal')] },
    });
  });

  it('read-only refuses every change and leaves the file', async () => {
    const memory = await freshMemory();
    await memory.put({ text: 'x' });
    await memory.close();
    const before = digest(memory.file);
    await using reader = await open(memory.file, { readOnly: true });
    for (const call of [
      () => reader.put({ text: 'y' }),
      () => reader.putMany([{ title: 'a', text: 'b' }]),
      () => reader.putFile('x.md'),
      () => reader.update(0, { title: 'b' }),
      () => reader.remove(0),
      () => reader.removeMany({ all: true }),
      () => reader.correct('y'),
      () => reader.correctMany([{ statement: 'y' }]),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'MV018',
        name: 'ReadOnlyError',
        message: expect.stringMatching(/readOnly/),
      });
    }
    expect(await reader.view(0)).toBe('x');
    expect(digest(memory.file)).toBe(before);
  });

  it('a cap refuses what would pass it and stores nothing', async () => {
    await using memory = await freshMemory({ capacityBytes: 400_000 });
    expect(await memory.getCapacity()).toBe(400_000);
    const noise = Array.from({ length: 200_000 }, (_, index) =>
      String.fromCharCode(33 + ((index * 7919 + (index >> 3) * 104_729) % 90)),
    ).join('');
    await memory.put({ text: 'small' });
    await expect(
      memory.putMany(
        Array.from({ length: 20 }, (_, index) => ({
          title: 't',
          text: `${index}${noise.slice(index * 97)}`,
        })),
      ),
    ).rejects.toMatchObject({
      code: 'MV001',
      name: 'CapacityExceededError',
      details: { limit: 400_000, required: expect.any(Number) },
    });
    expect((await memory.stats()).frame_count).toBe(1);
    await memory.put({ text: 'still works' });
  });

  it('§17.31 two handles of one file lose nothing', async () => {
    const file = freshPath();
    await using first = await create(file);
    await using second = await open(file);
    const puts = Array.from({ length: 40 }, (_, index) =>
      (index % 2 === 0 ? first : second).put({ text: `shared word ${index}` }),
    );
    const ids = await Promise.all(puts);
    expect(new Set(ids).size).toBe(40);
    for (const memory of [first, second]) {
      expect((await memory.stats()).active_frame_count).toBe(40);
      expect((await memory.find('shared', { k: 100 })).total_hits).toBe(40);
    }
    for (const [index, id] of ids.entries()) expect(await first.view(id)).toBe(`shared word ${index}`);
  });
});

describe('close', () => {
  it('with `seal: false` leaves the file as it is until its log is long, and what was stored is there', async () => {
    const file = freshPath();
    const memory = await create(file);
    await memory.putMany(
      Array.from({ length: 50 }, (_, index) => ({ title: 'Row', text: `row ${index} of a table` })),
    );
    await memory.close();
    const ids: string[] = [];
    const sealed: number[] = [];
    for (let count = 0; count < 40; count += 1) {
      const handle = await open(file);
      ids.push(await handle.put({ text: `turn ${count} of a talk`, uri: `mv2://talk/${count}` }));
      if (count === 20) await handle.remove(ids[3] ?? '');
      const before = digest(file);
      await handle.close({ seal: false });
      if (digest(file) !== before) sealed.push(count);
      await expect(handle.put({ text: 'late' })).rejects.toMatchObject({ code: 'MV018' });
    }
    // Once, when the log had grown longer than a file of this size is worth: 32 changes, and a few for 50 documents.
    expect(sealed).toHaveLength(1);
    expect(sealed[0]).toBeGreaterThan(32);
    expect(new Set(ids).size).toBe(40);
    const look = async (): Promise<void> => {
      await using reader = await open(file, { readOnly: true });
      expect((await reader.find('talk', { k: 100 })).total_hits).toBe(39);
      expect(await reader.view(ids[39] ?? '')).toBe('turn 39 of a talk');
      expect((await reader.verify({ deep: true })).overall_status).toBe('passed');
    };
    await look();
    const before = digest(file);
    await (await open(file)).close();
    expect(digest(file)).not.toBe(before);
    await look();
    expectAlone(file);
  });

  it('of a handle that only reads changes nothing either way, and an option that is misspelt is told', async () => {
    const file = freshPath();
    const memory = await create(file);
    await memory.put({ text: 'first words' });
    await expect(memory.close({ Seal: false } as never)).rejects.toMatchObject({ code: 'MV019' });
    await expect(memory.close({ seal: 'no' } as never)).rejects.toMatchObject({ code: 'MV019' });
    await memory.put({ text: 'second words' });
    await memory.close({ seal: false });
    await memory.close();
    const before = digest(file);
    for (const seal of [true, false]) await (await open(file, { readOnly: true })).close({ seal });
    expect(digest(file)).toBe(before);
    await using again = await open(file);
    expect((await again.find('words')).total_hits).toBe(2);
  });
});

describe('verifySingleFile', () => {
  it('resolves for a file alone and names the files beside it otherwise', async () => {
    await using memory = await freshMemory();
    await expect(verifySingleFile(memory.file)).resolves.toBeUndefined();
    const folder = join(memory.file, '..');
    const names = [
      'notes.mv2-wal',
      'notes.mv2-shm',
      '.notes.mv2.lock',
      'notes.manifest.wal',
      'notes.mv2.lock',
    ];
    for (const name of names) writeFileSync(join(folder, name), '');
    writeFileSync(join(folder, 'unrelated.mv2-wal'), '');
    await expect(verifySingleFile(memory.file)).rejects.toMatchObject({
      code: 'MV012',
      details: { offenders: names.toSorted().map((name) => join(folder, name)) },
    });
    await expect(verifySingleFile(join(folder, 'none.mv2'))).rejects.toMatchObject({ code: 'MV013' });
    await expect(verifySingleFile(folder)).rejects.toMatchObject({ code: 'MV019' });
  });
});
