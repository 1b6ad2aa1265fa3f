import { describe, expect, it } from 'vitest';
import * as sdk from '../src/index.ts';
import { digest, freshMemory } from './support/memory.ts';
import { expectFailure, expectRefused } from './support/refusals.ts';

/** The first half of 🦜, without the second. */
const HALF = '\uD83E';

describe('texts that UTF-8 cannot hold', () => {
  const half = `x${HALF}y`;
  it.each<[string, string, (memory: sdk.Memvid) => unknown]>([
    ['text', 'text', (m) => m.put({ text: half })],
    ['title', 'title', (m) => m.put({ text: 'a', title: half })],
    ['uri', 'uri', (m) => m.put({ text: 'a', uri: half })],
    ['kind', 'kind', (m) => m.put({ text: 'a', kind: half })],
    ['track', 'track', (m) => m.put({ text: 'a', track: half })],
    ['tags', 'tags[1]', (m) => m.put({ text: 'a', tags: ['ok', half] })],
    ['label', 'label', (m) => m.put({ text: 'a', label: half })],
    ['labels', 'labels[0]', (m) => m.put({ text: 'a', labels: [half] })],
    ['searchText', 'searchText', (m) => m.put({ text: 'a', searchText: half })],
    ['metadata value', 'metadata.a.b[0]', (m) => m.put({ text: 'a', metadata: { a: { b: [half] } } })],
    ['metadata key', 'metadata', (m) => m.put({ text: 'a', metadata: { [half]: 1 } })],
    [
      'putMany',
      'docs[1].text',
      (m) =>
        m.putMany([
          { title: 'a', text: 'b' },
          { title: 'a', text: half },
        ]),
    ],
    ['update', 'text', (m) => m.update(0, { text: half })],
    ['statement', 'statement', (m) => m.correct(half)],
    ['topics', 'topics[0]', (m) => m.correct('a', { topics: [half] })],
    ['source', 'source', (m) => m.correct('a', { source: half })],
    ['query', 'query', (m) => m.find(half)],
    ['scope', 'scope', (m) => m.find('a', { scope: half })],
    ['cursor', 'cursor', (m) => m.find('a', { cursor: half })],
    ['where value', 'where.a', (m) => m.find('a', { where: { a: half } })],
    ['where key', 'where', (m) => m.find('a', { where: { [half]: 1 } })],
    ['where in', 'where.a.$in[0]', (m) => m.find('a', { where: { a: { $in: [half] } } })],
    ['where nested', 'where.a', (m) => m.find('a', { where: { a: { [half]: 1 } } })],
    ['question', 'question', (m) => m.ask(half)],
    ['removeMany scope', 'scope', (m) => m.removeMany({ scope: half })],
    ['viewByUri', 'uri', (m) => m.viewByUri(half)],
    ['file', 'file', (m) => m.put({ file: half })],
    ['putFile', 'path', (m) => m.putFile(half)],
    ['putFiles', 'dir', (m) => m.putFiles(half)],
    ['create', 'path', () => sdk.create(half)],
    ['open', 'path', () => sdk.open(half)],
    ['verifyMemvid', 'path', () => sdk.verifyMemvid(half)],
    ['lock', 'path', () => sdk.lock(half, { password: 'p' })],
    ['lock output', 'output', () => sdk.lock('a', { password: 'p', output: half })],
  ])('%s', async (_, culprit, call) => {
    await using memory = await freshMemory();
    await memory.put({ text: 'kept' });
    const before = digest(memory.file);
    const failure = await expectRefused(() => call(memory), `\`${culprit}`);
    expect(failure.message).toContain('surrogate');
    expect(digest(memory.file)).toBe(before);
  });

  it('whole characters of two units are kept', async () => {
    await using memory = await freshMemory();
    const id = await memory.put({ text: 'a 🦜', title: '🦜', metadata: { '🦜': '🦜' } });
    expect(await memory.view(id)).toBe('a 🦜');
    expect((await memory.getFrameInfo(id)).metadata).toEqual({ '🦜': '🦜' });
    expect(sdk.maskPii(`ann@example.com ${HALF}`)).toBe(`[EMAIL] ${HALF}`);
  });
});

describe('metadata that is too deep', () => {
  function nested(levels: number, array: boolean): Record<string, unknown> {
    let inner: unknown = 1;
    for (let level = 1; level < levels; level += 1) inner = array ? [inner] : { a: inner };
    return { a: inner };
  }
  it.each([true, false])('100 levels come back, 101 are refused (arrays: %s)', async (array) => {
    await using memory = await freshMemory();
    const metadata = nested(100, array);
    const id = await memory.put({ text: 'x', metadata });
    expect((await memory.getFrameInfo(id)).metadata).toEqual(metadata);
    const failure = await expectRefused(
      () => memory.put({ text: 'x', metadata: nested(101, array) }),
      'metadata',
    );
    expect(failure.message).toMatch(/100 levels/);
    expect(failure.message).not.toMatch(/itself/);
    expect((await expectFailure(() => memory.put({ text: 'x', metadata: nested(20_000, array) }))).code).toBe(
      'MV019',
    );
  });

  it('a cycle is called one', async () => {
    await using memory = await freshMemory();
    const loop: Record<string, unknown> = {};
    loop['list'] = [{ loop }];
    expect(
      (await expectRefused(() => memory.put({ text: 'x', metadata: loop }), 'metadata')).message,
    ).toContain('itself');
    const shared = { b: 1 };
    const id = await memory.put({ text: 'x', metadata: { one: shared, two: shared } });
    expect((await memory.getFrameInfo(id)).metadata).toEqual({ one: { b: 1 }, two: { b: 1 } });
  });
});
