import { describe, expect, it } from 'vitest';
import { open, verifyMemvid } from '../src/index.ts';
import { digest, freshMemory } from './support/memory.ts';

describe('timeline', () => {
  it('orders by time and then by id, chunks under their document only', async () => {
    await using memory = await freshMemory();
    await memory.putMany([
      { title: 'c', text: 'third', timestamp: 300 },
      { title: 'a', text: 'first', timestamp: 100 },
      { title: 'b', text: `second ${'words '.repeat(1000)}`, timestamp: 200 },
      { title: 'a2', text: 'first too', timestamp: 100 },
    ]);
    const entries = await memory.timeline();
    expect(entries.map((entry) => entry.timestamp)).toEqual([100, 100, 200, 300]);
    expect(entries[0]).toMatchObject({
      uri: 'mv2://frames/1',
      timestamp: 100,
      preview: 'first',
      child_frames: [],
    });
    expect(entries[2]?.child_frames.length).toBeGreaterThan(3);
    expect(entries[2]?.preview.length).toBeLessThanOrEqual(120);
    expect(entries[2]?.preview.startsWith('second words')).toBe(true);
    const ids = (list: { frame_id: number }[]): number[] => list.map((entry) => entry.frame_id);
    expect(ids(await memory.timeline({ reverse: true }))).toEqual(ids(entries).toReversed());
    expect(ids(await memory.timeline({ limit: 2 }))).toEqual(ids(entries).slice(0, 2));
    expect((await memory.timeline({ since: 100, until: 200 })).map((entry) => entry.timestamp)).toEqual([
      100, 100, 200,
    ]);
    expect(await memory.timeline({ since: 300, until: 100 })).toEqual([]);
    expect((await memory.timeline({ asOfTs: 200 })).map((entry) => entry.timestamp)).toEqual([100, 100, 200]);
    expect(ids(await memory.timeline({ asOfFrame: 1 }))).toEqual([1, 0]);
    expect(await memory.timeline({ since: '1970-01-01' })).toHaveLength(4);
  });

  it('shows 50 entries unless told otherwise', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 60 }, (_, index) => ({ title: 't', text: `${index}`, timestamp: index })),
    );
    expect(await memory.timeline()).toHaveLength(50);
    expect(await memory.timeline({ limit: 1000 })).toHaveLength(60);
  });
});

describe('view, getFrameInfo, extractAsset', () => {
  it('go by id and by uri; a uri gives its newest active frame', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'version one', uri: 'mv2://doc' });
    const second = await memory.put({ text: 'version two', uri: 'mv2://doc' });
    expect(await memory.view(0)).toBe('version one');
    expect(await memory.view('0')).toBe('version one');
    expect(await memory.viewByUri('mv2://doc')).toBe('version two');
    expect(await memory.extractAssetByUri('mv2://doc')).toMatchObject({
      frameId: Number(second),
      mimeType: 'text/plain',
    });
    await memory.remove(second);
    expect(await memory.viewByUri('mv2://doc')).toBe('version one');
    await expect(memory.viewByUri('mv2://none')).rejects.toMatchObject({
      code: 'MV010',
      message: expect.stringContaining('mv2://none'),
    });
  });

  it('a chunk knows its parent and gives its asset', async () => {
    await using memory = await freshMemory();
    const text = 'granite moss lichen '.repeat(300);
    const id = Number(await memory.put({ text, title: 'Long', metadata: { a: 1 } }));
    const parent = await memory.getFrameInfo(id);
    expect(parent).toMatchObject({ role: 'Document', parent_id: null, chunk_index: null });
    const chunkId = (await memory.timeline())[0]?.child_frames[1] ?? -1;
    const chunk = await memory.getFrameInfo(chunkId);
    expect(chunk).toMatchObject({ role: 'DocumentChunk', parent_id: id, chunk_index: 1 });
    expect(chunk.chunk_count).toBeGreaterThan(2);
    const asset = await memory.extractAsset(chunkId);
    expect(new TextDecoder().decode(asset.data)).toBe(text);
    expect(asset.frameId).toBe(id);
    expect(text).toContain(await memory.view(chunkId));
  });
});

describe('stats', () => {
  it('§17.18 has the values of the contract for a new file and after a put, and no cap', async () => {
    await using memory = await freshMemory();
    expect(await memory.stats()).toMatchObject({
      frame_count: 0,
      active_frame_count: 0,
      dead_bytes: expect.any(Number),
      generation: expect.any(Number),
      pending_frame_count: 0,
      lex_segment_count: expect.any(Number),
      reference_compatible: true,
      reference_incompatible_reason: null,
      payload_bytes: 0,
      logical_bytes: 0,
      saved_bytes: 0,
      compression_ratio_percent: 100,
      average_frame_payload_bytes: 0,
      average_frame_logical_bytes: 0,
      has_lex_index: true,
      has_vec_index: true,
      has_time_index: false,
      lex_enabled: true,
      vec_enabled: true,
      effective_vec_dimension: null,
      embedding_identity: null,
      vector_count: 0,
      tier: 'free',
      capacity_bytes: Number.MAX_SAFE_INTEGER,
      embedding_identity_summary: { kind: 'unknown', identities: [], total: 0, unknown: 0 },
    });
    await memory.put({ text: 'short' });
    const stats = await memory.stats();
    expect(stats).toMatchObject({
      frame_count: 1,
      active_frame_count: 1,
      logical_bytes: 5,
      has_time_index: true,
    });
    expect(stats.payload_bytes).toBeGreaterThan(0);
    expect(stats.size_bytes).toBeGreaterThan(4096);
    expect(stats.remaining_capacity_bytes).toBeLessThanOrEqual(stats.capacity_bytes);
  });
});

describe('verify', () => {
  it('is the same from the handle and from the path, and writes nothing', async () => {
    await using memory = await freshMemory();
    await memory.putMany([
      { title: 'a', text: 'one' },
      { title: 'b', text: 'two' },
    ]);
    await memory.seal();
    const before = digest(memory.file);
    const names = [
      'TimeIndexEntryCount',
      'LexIndexDecode',
      'VecIndexDecode',
      'WalPendingRecords',
      'FrameCountConsistency',
    ];
    const shallow = await memory.verify();
    expect(shallow).toMatchObject({ file_path: memory.file, overall_status: 'passed' });
    expect(shallow.checks.map((check) => check.name).toSorted()).toEqual(names.toSorted());
    const deep = await memory.verify({ deep: true });
    expect(deep.checks.map((check) => check.name)).toEqual(
      expect.arrayContaining([...names, 'TimeIndexSortOrder', 'FramePayloadChecksums']),
    );
    expect(deep.overall_status).toBe('passed');
    expect(await verifyMemvid(memory.file)).toEqual(shallow);
    expect(await verifyMemvid(memory.file, { deep: true })).toEqual(deep);
    expect(digest(memory.file)).toBe(before);
  });
});

describe('seal and close', () => {
  it('seal may be called again and again, also read-only; close ends the handle', async () => {
    const memory = await freshMemory();
    await memory.put({ text: 'x' });
    await memory.seal();
    await memory.seal();
    await memory.put({ text: 'y' });
    await memory.close();
    await memory.close();
    for (const call of [
      () => memory.put({ text: 'z' }),
      () => memory.find('x'),
      () => memory.stats(),
      () => memory.seal(),
      () => memory.view(0),
      () => memory.timeline(),
      () => memory.ask('x'),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'MV018',
        name: 'ClosedHandleError',
        message: expect.stringContaining(memory.file),
      });
    }
    await using reader = await open(memory.file, { readOnly: true });
    await reader.seal();
    expect((await reader.stats()).frame_count).toBe(2);
  });
});
