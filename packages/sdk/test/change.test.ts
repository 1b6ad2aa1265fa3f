import { describe, expect, it } from 'vitest';
import { digest, freshMemory } from './support/memory.ts';
import { expectFailure } from './support/refusals.ts';

describe('remove', () => {
  it('takes ids as text and number, and chunks go with their document', async () => {
    await using memory = await freshMemory();
    const long = await memory.put({ text: 'granite '.repeat(1000) });
    const short = await memory.put({ text: 'granite once' });
    const { frame_count, active_frame_count } = await memory.stats();
    expect(typeof (await memory.remove(Number(short)))).toBe('number');
    expect(await memory.stats()).toMatchObject({ frame_count, active_frame_count: active_frame_count - 1 });
    await memory.remove(long);
    expect(await memory.stats()).toMatchObject({ frame_count, active_frame_count: 0 });
    expect((await memory.find('granite')).total_hits).toBe(0);
    expect(await memory.timeline()).toEqual([]);
    await expect(memory.remove(long)).rejects.toMatchObject({ code: 'MV010' });
  });

  it('one visibility rule: a removed document shows in no read', async () => {
    await using memory = await freshMemory();
    const uri = 'mv2://secret/1';
    const id = Number(
      await memory.put({
        text: 'the secret password is swordfish',
        uri,
        tags: ['s'],
        metadata: { secret: true },
      }),
    );
    await memory.put({ text: 'something else', metadata: { secret: true } });
    await memory.remove(id);
    expect((await memory.find('swordfish')).hits).toEqual([]);
    expect((await memory.find('swordfish', { where: { secret: true } })).hits).toEqual([]);
    expect((await memory.find('tag:s')).hits).toEqual([]);
    expect((await memory.find('"secret password"')).hits).toEqual([]);
    expect((await memory.find('swordf*')).hits).toEqual([]);
    const asked = await memory.ask('what is the secret password?');
    expect(JSON.stringify([asked.answer, asked.context, asked.hits, asked.sources])).not.toContain(
      'swordfish',
    );
    expect((await memory.timeline()).map((entry) => entry.frame_id)).not.toContain(id);
    expect((await memory.timeline({ where: { secret: true } })).map((entry) => entry.frame_id)).toEqual([1]);
    for (const read of [
      () => memory.view(id),
      () => memory.viewByUri(uri),
      () => memory.extractAsset(id),
      () => memory.extractAssetByUri(uri),
    ]) {
      await expect(read()).rejects.toMatchObject({ code: 'MV010' });
    }
    expect(await memory.removeMany({ where: { secret: true }, dryRun: true })).toMatchObject({
      removed: 1,
      frame_ids: [1],
    });
    expect((await memory.stats()).active_frame_count).toBe(1);
  });
});

describe('removeMany', () => {
  it('removes what matches a filter and a scope, and says how many', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 20 }, (_, index) => ({
        title: `d${index}`,
        text: `text ${index}`,
        uri: `mv2://${index % 2 === 0 ? 'even' : 'odd'}/${index}`,
        metadata: { n: index },
      })),
    );
    const before = digest(memory.file);
    expect(
      await memory.removeMany({ where: { n: { $lt: 10 } }, scope: 'mv2://even/', dryRun: true }),
    ).toEqual({
      removed: 5,
      frame_ids: [0, 2, 4, 6, 8],
      dry_run: true,
    });
    expect(digest(memory.file)).toBe(before);
    expect(await memory.removeMany({ where: { n: { $lt: 10 } }, scope: 'mv2://even/' })).toMatchObject({
      removed: 5,
      dry_run: false,
    });
    expect((await memory.timeline()).map((entry) => entry.frame_id)).toEqual([
      1, 3, 5, 7, 9, 10, 11, 12, 13, 14, 15, 16, 17, 18, 19,
    ]);
    expect(await memory.view(11)).toBe('text 11');
    expect(await memory.removeMany({ where: { n: { $lt: 10 } }, scope: 'mv2://even/' })).toMatchObject({
      removed: 0,
    });
    expect(await memory.removeMany({ all: true })).toMatchObject({ removed: 15 });
    expect((await memory.stats()).active_frame_count).toBe(0);
  });

  it.each([
    [undefined],
    [{}],
    [{ where: {} }],
    [{ where: { $and: [{}] } }],
    [{ dryRun: true }],
    [{ all: false }],
    [{ all: true, scope: 'mv2://x' }],
    [{ scope: ' ' }],
    [{ where: { a: { $near: 1 } } }],
  ])('refuses %j, which does not say what to remove', async (selection) => {
    await using memory = await freshMemory();
    await memory.put({ text: 'stays' });
    await expect(memory.removeMany(selection as never)).rejects.toMatchObject({ code: 'MV019' });
    expect((await memory.stats()).active_frame_count).toBe(1);
  });
});

describe('an old version', () => {
  it('is not changed: the error names the newest', async () => {
    await using memory = await freshMemory();
    const first = await memory.put({ text: 'one' });
    const second = await memory.update(first, { text: 'two' });
    const third = await memory.update(second, { text: 'three' });
    for (const call of [() => memory.update(first, { text: 'x' }), () => memory.remove(second)]) {
      expect(await expectFailure(call)).toMatchObject({
        code: 'MV010',
        message: expect.stringMatching(/^frame [01] is an old version of the document that is frame 2 now/),
        suggestion: expect.stringContaining(`Pass ${third}`),
        details: { superseded_by: 2 },
      });
    }
    await memory.remove(third);
    expect(await expectFailure(() => memory.remove(first))).toMatchObject({ details: { frame_id: 0 } });
    expect(await expectFailure(() => memory.remove(99))).toMatchObject({ details: { frame_id: 99 } });
  });
});

describe('update', () => {
  it('stores a new version; the old one is reachable with as-of only', async () => {
    await using memory = await freshMemory();
    const old = await memory.put({
      title: 'Recipe',
      text: 'Fold saffron into rice.',
      uri: 'mv2://r/1',
      tags: ['food'],
      metadata: { v: 1 },
    });
    const next = await memory.update(old, { text: 'Fold turmeric into rice.', metadata: { v: 2 } });
    expect(next).not.toBe(old);
    expect((await memory.find('saffron')).total_hits).toBe(0);
    expect((await memory.find('turmeric')).hits.map((hit) => hit.frame_id)).toEqual([Number(next)]);
    expect(await memory.getFrameInfo(next)).toMatchObject({
      title: 'Recipe',
      uri: 'mv2://r/1',
      tags: ['food'],
      metadata: { v: 2 },
    });
    expect(await memory.viewByUri('mv2://r/1')).toBe('Fold turmeric into rice.');
    expect((await memory.timeline()).map((entry) => entry.frame_id)).toEqual([Number(next)]);
    expect(
      (await memory.find('saffron', { asOfFrame: Number(old) })).hits.map((hit) => hit.frame_id),
    ).toEqual([Number(old)]);
    expect((await memory.stats()).active_frame_count).toBe(1);
  });

  it('drops the vector when other words are searched, and keeps it otherwise', async () => {
    await using memory = await freshMemory();
    const vectors = async (): Promise<number> => (await memory.stats()).vector_count;
    const before = await vectors();
    const first = await memory.put({ text: 'Alpha.', searchText: 'beta', embedding: [1, 0] });
    expect(await vectors()).toBe(before + 1);
    const second = await memory.update(first, { title: 'Named', searchText: 'beta' });
    expect(await vectors()).toBe(before + 1);
    const third = await memory.update(second, { searchText: 'gamma' });
    expect(await vectors()).toBe(before);
    await memory.update(third, { searchText: 'beta', embedding: [1, 0] });
    expect(await vectors()).toBe(before + 1);
  });

  it('changes fields and leaves the text', async () => {
    await using memory = await freshMemory();
    const old = await memory.put({ title: 'Old title', text: 'unchanged words', label: 'a', tags: ['t'] });
    const next = await memory.update(old, { title: 'New title', tags: ['u', 'v'], label: 'b' });
    expect(await memory.view(next)).toBe('unchanged words');
    expect(await memory.getFrameInfo(next)).toMatchObject({
      title: 'New title',
      tags: ['u', 'v'],
      labels: ['b'],
    });
    expect((await memory.find('unchanged')).total_hits).toBe(1);
  });

  it('refuses an unknown frame, an empty change, and wrong fields', async () => {
    await using memory = await freshMemory();
    const id = await memory.put({ text: 'x' });
    await expect(memory.update(99, { text: 'y' })).rejects.toMatchObject({ code: 'MV010' });
    await expect(memory.update(id, {})).rejects.toMatchObject({ code: 'MV019' });
    await expect(memory.update(id, { text: 5 as never })).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'text' },
    });
    await expect(memory.update('abc', { text: 'y' })).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'id' },
    });
    expect(await memory.view(id)).toBe('x');
  });
});

describe('correct', () => {
  it('§17.40 outranks the frame it corrects', async () => {
    await using memory = await freshMemory();
    await memory.putMany([
      { title: 'Launch', text: 'The launch date of the project is May 3.' },
      { title: 'Other', text: 'The garden project needs water.' },
      { title: 'More', text: 'The launch of the boat was wet.' },
    ]);
    const id = await memory.correct('The launch date of the project is June 7.', {
      topics: ['launch'],
      source: 'mail',
    });
    expect((await memory.find('launch date of the project')).hits[0]?.frame_id).toBe(Number(id));
    expect((await memory.ask('When is the launch date?')).answer).toContain('June 7');
    const frame = await memory.getFrameInfo(id);
    expect(frame).toMatchObject({
      title: 'Correction: The launch date of the project is June 7.',
      tags: ['launch'],
      labels: ['correction'],
    });
    expect(frame.uri).toMatch(/^mv2:\/\/correction\/[0-9a-f-]{36}$/);
    expect(frame.metadata).toMatchObject({ source: 'mail' });
  });

  it('stores several in one transaction or none', async () => {
    await using memory = await freshMemory();
    expect(await memory.correctMany([{ statement: 'one' }, { statement: 'two', boost: 3 }])).toEqual([
      '0',
      '1',
    ]);
    await expect(memory.correctMany([{ statement: 'three' }, { statement: ' ' }])).rejects.toMatchObject({
      code: 'MV019',
      details: { argument: 'corrections[1].statement' },
    });
    expect((await memory.stats()).frame_count).toBe(2);
    expect(await memory.correctMany([])).toEqual([]);
    await expect(memory.correct('')).rejects.toMatchObject({ code: 'MV019' });
  });
});
