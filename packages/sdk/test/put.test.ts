import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { open } from '../src/index.ts';
import { freshMemory, scratch } from './support/memory.ts';

describe('put', () => {
  it('§17.5 gives real frame ids and reads everything back, metadata included', async () => {
    await using memory = await freshMemory();
    const metadata = {
      author: 'Ann',
      year: 2023,
      nested: { list: [1, 'two', null, true] },
      text: 'mit Umlaut äöü',
      empty: {},
    };
    const id = await memory.put({
      title: 'Decision',
      label: 'architecture',
      labels: ['adr'],
      text: 'Decided to use PostgreSQL.',
      tags: ['db'],
      kind: 'note',
      track: 'eng',
      uri: 'mv2://docs/adr-1',
      timestamp: 'Jan 15, 2023',
      metadata,
    });
    expect(id).toBe('0');
    expect(await memory.getFrameInfo(id)).toMatchObject({
      id: 0,
      uri: 'mv2://docs/adr-1',
      title: 'Decision',
      timestamp: 1_673_740_800,
      kind: 'note',
      track: 'eng',
      tags: ['db'],
      labels: ['architecture', 'adr'],
      metadata,
      parent_id: null,
      chunk_index: null,
      chunk_count: null,
      role: 'Document',
    });
    const [hit] = (await memory.find('PostgreSQL')).hits;
    expect(hit?.metadata).toEqual(metadata);
    expect(hit).toMatchObject({
      tags: ['db'],
      labels: ['architecture', 'adr'],
      track: 'eng',
      created_at: '2023-01-15T00:00:00Z',
    });
  });

  it('fills in title, label, uri and time', async () => {
    await using memory = await freshMemory();
    const before = Math.floor(Date.now() / 1000);
    const frame = await memory.getFrameInfo(await memory.put({ text: 'plain' }));
    expect(frame).toMatchObject({
      title: 'Untitled',
      labels: ['text'],
      tags: [],
      uri: 'mv2://frames/0',
      metadata: {},
      kind: null,
      track: null,
    });
    expect(frame.timestamp).toBeGreaterThanOrEqual(before);
    expect(frame.timestamp).toBeLessThanOrEqual(before + 60);
  });

  it('§17.4 gives texts of any length back byte for byte', async () => {
    await using memory = await freshMemory();
    const texts = [
      '',
      'x',
      ' leading and trailing \n',
      'tabs\tand\r\nlines',
      'ünïcödé 😀 東京',
      'word '.repeat(479),
      'word '.repeat(481),
      'long text with words '.repeat(5000),
      'x'.repeat(10_000),
    ];
    for (const text of texts) {
      const id = await memory.put({ text });
      expect(await memory.view(id)).toBe(text);
      expect(new TextDecoder().decode((await memory.extractAsset(id)).data)).toBe(text);
    }
    const stats = await memory.stats();
    expect(stats.payload_bytes).toBeGreaterThan(0);
    expect(stats.logical_bytes).toBeGreaterThan(100_000);
  });

  it('§17.7 finds every word of a long text', async () => {
    await using memory = await freshMemory();
    const words = Array.from({ length: 2000 }, (_, index) => `unique${index}token`);
    const id = await memory.put({ title: 'Long', text: words.join(' ') });
    expect(id).toBe('0');
    for (const word of words.filter((_, index) => index % 7 === 0)) {
      const { hits, total_hits } = await memory.find(word);
      expect([word, total_hits > 0]).toEqual([word, true]);
      expect(hits[0]?.text).toContain(word);
    }
    const chunk = (await memory.find('unique1000token')).hits[0];
    expect(chunk?.parent_id).toBe(0);
    expect((await memory.getFrameInfo(chunk?.frame_id ?? -1)).parent_id).toBe(0);
    // Ids of chunks are taken: the next document does not follow directly.
    expect(Number(await memory.put({ text: 'next' }))).toBeGreaterThan(2);
  });

  it('searches searchText instead of the text and shows the text', async () => {
    await using memory = await freshMemory();
    const id = await memory.put({ text: 'visible words', searchText: 'hidden phrase' });
    expect((await memory.find('hidden')).hits.map((hit) => hit.frame_id)).toEqual([Number(id)]);
    expect((await memory.find('visible')).total_hits).toBe(0);
    expect(await memory.view(id)).toBe('visible words');
  });

  it('notes dates of the text', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'The bridge opened on March 3, 2021 and closed 2022-01-05.' });
    await memory.put({ text: 'The bridge of 2021-07-07 again.', extractDates: false });
    const hits = (await memory.find('bridge')).hits;
    expect(hits.find((hit) => hit.frame_id === 0)?.content_dates).toEqual(['2021-03-03', '2022-01-05']);
    expect(hits.find((hit) => hit.frame_id === 1)?.content_dates).toEqual([]);
  });

  it('§17.26 adds no tags by itself, and with autoTag to the tags only', async () => {
    await using memory = await freshMemory();
    const plain = await memory.put({ text: 'Redis caches what Redis knows.', label: 'a', tags: ['b'] });
    const tagged = await memory.put({
      text: 'Redis caches what Redis knows.',
      label: 'a',
      tags: ['b'],
      autoTag: true,
    });
    expect(await memory.getFrameInfo(plain)).toMatchObject({ tags: ['b'], labels: ['a'] });
    expect(await memory.getFrameInfo(tagged)).toMatchObject({
      tags: ['b', 'redis', 'caches', 'knows'],
      labels: ['a'],
    });
  });

  it('keeps, skips or replaces a document that is there already', async () => {
    await using memory = await freshMemory();
    const first = await memory.put({ text: 'the same words', title: 'One' });
    const kept = await memory.put({ text: 'the same words', title: 'Two' });
    expect(kept).not.toBe(first);
    const skipped = await memory.put({ text: 'the same words', dedupe: 'skip' });
    expect([first, kept]).toContain(skipped);
    expect((await memory.stats()).active_frame_count).toBe(2);
    const other = await memory.put({ text: 'other words' });
    const replaced = await memory.put({ text: 'other words', title: 'Three', dedupe: 'replace' });
    expect(replaced).not.toBe(other);
    expect(await memory.getFrameInfo(other)).toMatchObject({
      status: 'superseded',
      superseded_by: Number(replaced),
    });
    expect((await memory.timeline()).map((entry) => entry.frame_id)).not.toContain(Number(other));
    expect((await memory.getFrameInfo(replaced)).title).toBe('Three');
    expect((await memory.find('other')).hits).toHaveLength(1);
  });

  it('§17.24 joins concurrent puts, each with its own id and outcome', async () => {
    await using memory = await freshMemory();
    const puts = Array.from({ length: 64 }, (_, index) =>
      index === 30 ? memory.put({ text: 5 as never }) : memory.put({ text: `concurrent number${index}` }),
    );
    const outcomes = await Promise.allSettled(puts);
    expect(outcomes.map(({ status }) => status).filter((status) => status === 'rejected')).toHaveLength(1);
    const ids = outcomes.flatMap((outcome) =>
      outcome.status === 'fulfilled' ? [Number(outcome.value)] : [],
    );
    expect(ids).toEqual(Array.from({ length: 63 }, (_, index) => index));
    for (const [index, outcome] of outcomes.entries()) {
      if (outcome.status === 'fulfilled') {
        expect(await memory.view(outcome.value)).toBe(`concurrent number${index}`);
      }
    }
  });

  it('is durable when it resolves: another handle sees it without seal', async () => {
    await using memory = await freshMemory();
    await using other = await open(memory.file, { readOnly: true });
    await memory.put({ text: 'visible elsewhere' });
    expect((await other.find('elsewhere')).total_hits).toBe(1);
    await memory.put({ text: 'again elsewhere' });
    expect((await other.stats()).frame_count).toBe(2);
    expect((await other.find('elsewhere')).total_hits).toBe(2);
  });
});

describe('put({ file })', () => {
  it('§17.27 indexes text files, keeps their bytes, and tells no absolute path', async () => {
    await using memory = await freshMemory();
    const folder = scratch();
    const bytes = Buffer.from('\uFEFF# Heading\r\n\r\nThe zeppelin landed.\r\n', 'utf8');
    writeFileSync(join(folder, 'Field Notes.md'), bytes);
    const id = await memory.put({ file: join(folder, 'Field Notes.md'), labels: ['extra'] });
    expect(await memory.getFrameInfo(id)).toMatchObject({
      title: 'Field Notes',
      labels: ['md', 'extra'],
      uri: 'mv2://files/Field Notes.md',
    });
    expect((await memory.find('zeppelin')).total_hits).toBe(1);
    const asset = await memory.extractAsset(id);
    expect(Buffer.from(asset.data).equals(bytes)).toBe(true);
    expect(asset).toMatchObject({
      filename: 'Field Notes.md',
      mimeType: 'text/markdown',
      frameId: Number(id),
    });
    expect(JSON.stringify(await memory.getFrameInfo(id))).not.toContain(folder);
  });

  it('refuses other kinds naming the package and stores nothing, unless searchText describes them', async () => {
    await using memory = await freshMemory();
    const file = join(scratch(), 'junk.pdf');
    writeFileSync(file, Buffer.from([0, 1, 2, 255]));
    await expect(memory.put({ file })).rejects.toMatchObject({
      code: 'MV018',
      name: 'PluginMissingError',
      message: expect.stringContaining('junk.pdf'),
      suggestion: expect.stringContaining('npm install @memvid/documents'),
    });
    expect((await memory.stats()).frame_count).toBe(0);
    const id = await memory.put({ file, searchText: 'a described blob', title: 'Blob' });
    expect([...(await memory.extractAsset(id)).data]).toEqual([0, 1, 2, 255]);
    expect((await memory.find('described')).hits[0]?.title).toBe('Blob');
  });
});
