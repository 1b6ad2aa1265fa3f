import { readFileSync, statSync, linkSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { create, open } from '../src/index.ts';
import { digest, expectAlone, freshMemory } from './support/memory.ts';
import { expectFailure, expectRefused, wrong } from './support/refusals.ts';

const text = (number: number): string => `keyword${number}x ${'some words '.repeat(40)} ${number * 7919}`;

describe('compact', () => {
  it('wins the space of removed documents while others read', async () => {
    await using memory = await freshMemory();
    await using reader = await open(memory.file, { readOnly: true });
    await memory.putMany(Array.from({ length: 3000 }, (_, number) => ({ title: '', text: text(number) })));
    const size = statSync(memory.file).size;
    await memory.removeMany({ where: { uri: { $ne: 'mv2://frames/0' } } });
    await memory.put({ text: 'afterwards in the log' });
    const result = await memory.compact();
    expect(result.bytes_after).toBe(statSync(memory.file).size);
    expect(result.bytes_after).toBeLessThan(size * 0.6);
    expect(Object.keys(result)).toEqual(['bytes_before', 'bytes_after', 'dead_bytes_before', 'duration_ms']);
    for (const each of [memory, reader]) {
      expect(await each.stats()).toMatchObject({ active_frame_count: 2, pending_frame_count: 0 });
      expect((await each.find('afterwards')).total_hits).toBe(1);
      expect((await each.find('keyword0x')).total_hits).toBe(1);
      expect((await each.verify({ deep: true })).overall_status).toBe('passed');
    }
    expectAlone(memory.file);
  });
});

describe('purge', () => {
  it('leaves no byte of a document in the file, its earlier versions included', async () => {
    await using memory = await freshMemory();
    // Long enough that no checksum contains it by chance.
    const secret = 'zqxjkvbw';
    await memory.put({ text: 'plain words' });
    const id = await memory.put({
      title: `${secret}title`,
      text: `${secret}body`,
      tags: [`${secret}tag`],
      metadata: { [`${secret}key`]: 1 },
    });
    const next = await memory.update(id, { text: `${secret}next` });
    await memory.seal();
    expect(readFileSync(memory.file).includes(`${secret}title`)).toBe(true);
    const result = await memory.purge(next);
    expect(result).toMatchObject({
      documents_removed: 1,
      versions_removed: 1,
      frames_erased: 2,
      cards_erased: 0,
      kept_tracks: [],
    });
    expect(readFileSync(memory.file).includes(secret)).toBe(false);
    expect((await memory.find('plain')).total_hits).toBe(1);
    expect(await expectFailure(() => memory.view(id))).toMatchObject({ code: 'MV010' });
    expect(await memory.purge()).toMatchObject({ documents_removed: 0, frames_erased: 0 });
  });

  it('takes several ids, and erases earlier versions of what stays when asked', async () => {
    await using memory = await freshMemory();
    const ids = await memory.putMany([
      { title: '', text: 'zqone' },
      { title: '', text: 'zqtwo' },
      { title: '', text: 'three' },
    ]);
    const newest = await memory.update(ids[2] ?? '', { text: 'third' });
    const removed = await memory.purge([ids[0] ?? '', Number(ids[1])]);
    expect(removed).toMatchObject({ documents_removed: 2, versions_removed: 0 });
    expect(await memory.view(ids[2] ?? '')).toBe('three');
    expect(await memory.purge(undefined, { versions: true })).toMatchObject({ versions_removed: 1 });
    expect(await memory.view(newest)).toBe('third');
    expect(await expectFailure(() => memory.view(ids[2] ?? ''))).toMatchObject({ code: 'MV010' });
  });

  it('refuses what it cannot do and changes nothing then', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'one' });
    await memory.seal();
    const before = digest(memory.file);
    await expectRefused(() => memory.purge(wrong('x')), 'ids');
    await expectRefused(() => memory.purge(wrong([0, {}])), 'ids[1]');
    await expectRefused(() => memory.purge([], wrong({ versions: 'yes' })), 'versions');
    expect(await expectFailure(() => memory.purge(7))).toMatchObject({
      code: 'MV010',
      details: { frame_id: 7 },
    });
    await using reader = await open(memory.file, { readOnly: true });
    for (const call of [() => reader.purge(), () => reader.compact()]) {
      expect(await expectFailure(call)).toMatchObject({ code: 'MV018', name: 'ReadOnlyError' });
    }
    linkSync(memory.file, `${memory.file}.other`);
    for (const call of [() => memory.purge(), () => memory.compact()]) {
      expect(await expectFailure(call)).toMatchObject({
        code: 'MV018',
        details: { reason: 'hard_link' },
        suggestion: expect.stringContaining('name'),
      });
    }
    expect(digest(memory.file)).toBe(before);
    const closed = await create(`${memory.file}.closed`);
    await closed.close();
    expect(await expectFailure(() => closed.compact())).toMatchObject({ name: 'ClosedHandleError' });
  });
});
