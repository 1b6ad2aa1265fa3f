import { execFileSync } from 'node:child_process';
import { linkSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { basename, join, relative } from 'node:path';
import type { NativeMemory } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { ask } from '../src/ask.ts';
import { find } from '../src/find.ts';
import { Handle } from '../src/handle.ts';
import * as sdk from '../src/index.ts';
import type { Where } from '../src/index.ts';
import { digest, freshMemory, scratch } from './support/memory.ts';

const wrong = (value: unknown): never => value as never;
/** The first half of 🦜, without the second. */
const HALF = '\uD83E';

async function expectFailure(call: () => unknown): Promise<sdk.MemvidError> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    expect(error).toBeInstanceOf(sdk.MemvidError);
    return error as sdk.MemvidError;
  }
  throw new Error(`The call was carried out: ${JSON.stringify(result)}`);
}

async function expectRefused(call: () => unknown, culprit: string): Promise<sdk.MemvidError> {
  const failure = await expectFailure(call);
  expect(failure.code).toBe('MV019');
  expect(failure.message).toContain(culprit);
  expect(failure.suggestion).toEqual(expect.any(String));
  return failure;
}

/** An array of nothing but holes. */
function holes(length: number): never[] {
  const list: never[] = [];
  list.length = length;
  return list;
}

function revoked(): object {
  const { proxy, revoke } = Proxy.revocable({}, {});
  revoke();
  return proxy;
}

const throwing = (name: string): object =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get() {
      throw new Error('boom of the getter');
    },
  });

describe('filters never select more than they say', () => {
  it('a key named __proto__ is a condition like any other', async () => {
    await using memory = await freshMemory();
    const named = JSON.parse('{"__proto__":"zz","n":1}') as Record<string, unknown>;
    await memory.put({ text: 'plain report' });
    const id = await memory.put({ text: 'named report', metadata: named });
    const where = JSON.parse('{"__proto__":"zz"}') as Where;
    expect((await memory.find('report', { where })).hits.map((hit) => hit.frame_id)).toEqual([Number(id)]);
    const other = JSON.parse('{"__proto__":"other"}') as Where;
    expect((await memory.find('report', { where: other })).hits).toEqual([]);
    expect((await memory.timeline({ where: other })).length).toBe(0);
    expect((await memory.removeMany({ where: other, dryRun: true })).removed).toBe(0);
    const nested = JSON.parse('{"a":{"$eq":{"__proto__":1}}}') as Where;
    expect((await memory.find('report', { where: nested })).hits).toEqual([]);
    expect(JSON.stringify((await memory.getFrameInfo(id)).metadata)).toBe(JSON.stringify(named));
  });

  it('the file given to putFile keeps a key named __proto__ of its metadata', async () => {
    await using memory = await freshMemory();
    const file = join(scratch(), 'a.md');
    writeFileSync(file, 'words of a file');
    await memory.putFile(file, { metadata: JSON.parse('{"__proto__":"zz"}') as Record<string, unknown> });
    const where = JSON.parse('{"__proto__":"zz"}') as Where;
    expect((await memory.find('words', { where })).total_hits).toBe(1);
  });

  class Filter {
    owner = 'ann';
  }
  const STRANGE: [string, () => unknown][] = [
    ['a Promise', () => Promise.resolve({ owner: 'ann' })],
    ['a RegExp', () => /ann/],
    ['a generator', () => (function* () {})()],
    ['an Error', () => new Error('x')],
    ['a URL', () => new URL('https://example.com/')],
    ['a String', () => new String('x')],
    ['a Number', () => new Number(1)],
    ['a Map', () => new Map([['owner', 'ann']])],
    ['a Set', () => new Set(['ann'])],
    ['bytes', () => new Uint8Array(4)],
    ['an ArrayBuffer', () => new ArrayBuffer(4)],
    ['a WeakMap', () => new WeakMap()],
    ['an instance', () => new Filter()],
    ['an heir', () => Object.create({ owner: 'ann' }) as unknown],
  ];

  it.each([...STRANGE, ['a Date', () => new Date()] as const])(
    '%s is no filter and no metadata',
    async (_, make) => {
      await using memory = await freshMemory();
      await memory.put({ text: 'report', metadata: { owner: 'bob' } });
      await expectRefused(() => memory.find('report', { where: wrong(make()) }), 'where');
      await expectRefused(() => memory.ask('report', { where: wrong(make()) }), 'where');
      await expectRefused(() => memory.timeline({ where: wrong(make()) }), 'where');
      await expectRefused(() => memory.removeMany({ where: wrong(make()) }), 'where');
      await expectRefused(() => memory.find('report', { where: { $and: [wrong(make())] } }), 'where.$and[0]');
      await expectRefused(() => memory.put({ text: 'x', metadata: wrong(make()) }), 'metadata');
      expect((await memory.stats()).frame_count).toBe(1);
    },
  );

  it.each(STRANGE)('%s is no value inside of either', async (_, make) => {
    await using memory = await freshMemory();
    await expectRefused(() => memory.find('report', { where: { owner: wrong(make()) } }), 'where.owner');
    await expectRefused(() => memory.find('x', { where: { a: { $in: [wrong(make())] } } }), 'where.a.$in[0]');
    await expectRefused(() => memory.put({ text: 'x', metadata: { a: [make()] } }), 'metadata.a[0]');
    await expectRefused(() => memory.update(0, { metadata: { a: make() } }), 'metadata.a');
  });

  it('a condition without a value, and one named by a symbol, are refused instead of dropped', async () => {
    await using memory = await freshMemory();
    await expectRefused(() => memory.find('x', { where: { owner: undefined } }), 'where.owner');
    await expectRefused(
      () => memory.find('x', { where: { n: wrong({ $gte: 1, $lt: undefined }) } }),
      'where.n.$lt',
    );
    await expectRefused(() => memory.find('x', { where: wrong({ [Symbol('owner')]: 1 }) }), 'where');
  });

  it.each(STRANGE.slice(0, 12))('%s holds no options: a filter in it would be lost', async (_, make) => {
    await using memory = await freshMemory();
    await expectRefused(() => memory.find('x', wrong(make())), 'options');
    await expectRefused(() => memory.removeMany(wrong(make())), 'selection');
    await expectRefused(() => memory.put(wrong(make())), 'input');
    await expectRefused(() => memory.putMany([wrong(make())]), 'docs[0]');
  });

  it('removing everything needs all: true, but a filter may select everything', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'one' });
    await expectRefused(() => memory.removeMany({ where: {} }), 'selection');
    await expectRefused(() => memory.removeMany({ where: { $and: [{}] } }), 'selection');
    const everything = await memory.removeMany({ where: { a: { $nin: [] } }, dryRun: true });
    expect(everything.removed).toBe(1);
  });

  it('dates in metadata become what JSON makes of them', async () => {
    await using memory = await freshMemory();
    const id = await memory.put({ text: 'x', metadata: { at: new Date(0), list: [new Date(1)] } });
    expect((await memory.getFrameInfo(id)).metadata).toEqual({
      at: '1970-01-01T00:00:00.000Z',
      list: ['1970-01-01T00:00:00.001Z'],
    });
    await expectRefused(
      () => memory.put({ text: 'x', metadata: { at: new Date(Number.NaN) } }),
      'metadata.at',
    );
  });
});

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
      expect(await memory.putFiles(folder)).toMatchObject({ filesProcessed: 0, errors: [] });
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

describe('objects that throw when they are read', () => {
  const CALLS: [string, (memory: sdk.Memvid, bad: never) => unknown][] = [
    ['put', (m, bad) => m.put(bad)],
    ['putMany item', (m, bad) => m.putMany([bad])],
    ['putMany docs', (m, bad) => m.putMany(bad)],
    ['putMany options', (m, bad) => m.putMany([], bad)],
    ['putFile options', (m, bad) => m.putFile('none', bad)],
    ['putFiles options', (m, bad) => m.putFiles('none', bad)],
    ['update', (m, bad) => m.update(0, bad)],
    ['update id', (m, bad) => m.update(bad, {})],
    ['remove', (m, bad) => m.remove(bad)],
    ['removeMany', (m, bad) => m.removeMany(bad)],
    ['correct', (m, bad) => m.correct('x', bad)],
    ['correct text', (m, bad) => m.correct(bad)],
    ['correctMany', (m, bad) => m.correctMany([bad])],
    ['correctMany list', (m, bad) => m.correctMany(bad)],
    ['find', (m, bad) => m.find('x', bad)],
    ['find query', (m, bad) => m.find(bad)],
    ['find where', (m, bad) => m.find('x', { where: bad })],
    ['find where.a', (m, bad) => m.find('x', { where: { a: bad } })],
    ['find aclContext', (m, bad) => m.find('x', { aclContext: bad, aclEnforcementMode: 'enforce' })],
    ['find since', (m, bad) => m.find('x', { since: bad })],
    ['find embedder', (m, bad) => m.find('x', { mode: 'auto', embedder: bad })],
    ['ask', (m, bad) => m.ask('x', bad)],
    ['timeline', (m, bad) => m.timeline(bad)],
    ['verify', (m, bad) => m.verify(bad)],
    ['doctor', (m, bad) => m.doctor(bad)],
    ['vecSearch', (m, bad) => m.vecSearch('x', [1], bad)],
    ['vecSearch vector', (m, bad) => m.vecSearch('x', bad)],
    ['put metadata', (m, bad) => m.put({ text: 'x', metadata: bad })],
    ['put metadata.a', (m, bad) => m.put({ text: 'x', metadata: { a: bad } })],
    ['put file metadata', (m, bad) => m.put({ file: import.meta.filename, metadata: bad })],
    ['put timestamp', (m, bad) => m.put({ text: 'x', timestamp: bad })],
    ['put tags', (m, bad) => m.put({ text: 'x', tags: bad })],
    ['create', (_, bad) => sdk.create('x', bad)],
    ['create path', (_, bad) => sdk.create(bad)],
    ['open', (_, bad) => sdk.open('none', bad)],
    ['open last', (_, bad) => sdk.open('none', 'basic', {}, bad)],
    ['use', (_, bad) => sdk.use('basic', 'none', bad)],
    ['use kind', (_, bad) => sdk.use(bad, 'none')],
    ['lock', (_, bad) => sdk.lock('none', bad)],
    ['unlock', (_, bad) => sdk.unlock('none', bad)],
    ['lockWho', (_, bad) => sdk.lockWho(bad)],
    ['verifyMemvid', (_, bad) => sdk.verifyMemvid('none', bad)],
    ['doctorMemvid', (_, bad) => sdk.doctorMemvid('none', bad)],
    ['configure', (_, bad) => sdk.configure(bad)],
    ['configure memories', (_, bad) => sdk.configure({ memories: bad })],
    ['configure plugins', (_, bad) => sdk.configure({ plugins: [bad] })],
    ['registerPlugin', (_, bad) => sdk.registerPlugin(bad)],
    ['resolveMemory', (_, bad) => sdk.resolveMemory(bad)],
    ['maskPii', (_, bad) => sdk.maskPii(bad)],
    ['aclContextFromScope', (_, bad) => sdk.aclContextFromScope(bad)],
    ['aclMetadataFromScope', (_, bad) => sdk.aclMetadataFromScope(bad)],
  ];
  /** Any property that is asked for throws, and so does everything else. */
  const hostile = (): object =>
    new Proxy(
      {},
      Object.fromEntries(
        (['get', 'has', 'ownKeys', 'getPrototypeOf', 'getOwnPropertyDescriptor'] as const).map((trap) => [
          trap,
          () => {
            throw new Error('boom of the proxy');
          },
        ]),
      ),
    );

  it.each(CALLS)('%s', async (_, call) => {
    await using memory = await freshMemory();
    for (const bad of [revoked(), hostile()]) {
      const failure = await expectFailure(() => call(memory, wrong(bad)));
      expect(failure.code).toBe('MV019');
      expect(failure.suggestion).toEqual(expect.any(String));
    }
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('the getter that threw is named, and its error is the cause', async () => {
    await using memory = await freshMemory();
    for (const [call, argument] of [
      [() => memory.put(wrong(throwing('title'))), 'input.title'],
      [() => memory.find('x', wrong(throwing('k'))), 'options.k'],
      [() => memory.putMany([wrong(throwing('text'))]), 'docs[0].text'],
      [() => memory.timeline(wrong(throwing('since'))), 'options.since'],
      [() => sdk.create('x.mv2', throwing('mode')), 'options.mode'],
      [() => memory.find('x', { where: wrong(throwing('owner')) }), 'where'],
      [() => memory.put({ text: 'x', metadata: wrong(throwing('owner')) }), 'metadata'],
    ] as const) {
      const failure = await expectRefused(call, argument);
      expect(failure.message).toContain('boom of the getter');
      expect(failure.cause).toMatchObject({ message: 'boom of the getter' });
    }
    await memory.put({ text: 'still works' });
  });

  it('options are read once, when the call is made', async () => {
    await using memory = await freshMemory();
    const metadata = { owner: 'ann' };
    const input = { text: 'first', metadata };
    const stored = memory.put(input);
    input.text = 'second';
    metadata.owner = 'bob';
    expect((await memory.getFrameInfo(await stored)).metadata).toEqual({ owner: 'ann' });
    class Options {
      get k(): number {
        return 1;
      }
    }
    await memory.put({ text: 'first again' });
    expect((await memory.find('first', new Options())).hits).toHaveLength(1);
  });

  it('configure needs settings', async () => {
    await expectRefused(() => sdk.configure(wrong(undefined)), 'settings');
    await expectRefused(() => sdk.configure(wrong(null)), 'settings');
  });

  it('a code that is none has no suggestion', () => {
    expect(sdk.getErrorSuggestion(wrong(Object.create(null)))).toBeNull();
    expect(sdk.getErrorSuggestion(wrong(revoked()))).toBeNull();
    expect(sdk.getErrorSuggestion(wrong(undefined))).toBeNull();
  });
});

describe('code of the caller that throws during putMany', () => {
  const docs = (count: number): sdk.PutManyInput[] =>
    Array.from({ length: count }, (_, index) => ({ title: `t${index}`, text: `item ${index}` }));
  function* broken(): Generator<sdk.PutManyInput> {
    yield* docs(5);
    throw new Error('the disk of the input is gone');
  }

  it('an input that throws: MV019 with the cause, and nothing stored', async () => {
    await using memory = await freshMemory();
    const failure = await expectRefused(() => memory.putMany(broken()), 'docs[5]');
    expect(failure.message).toContain('the disk of the input is gone');
    expect(failure.cause).toMatchObject({ message: 'the disk of the input is gone' });
    expect((await memory.stats()).frame_count).toBe(0);
    await expectRefused(
      () => memory.putMany(wrong(new Set([docs(1)[0], Promise.reject(new Error('late'))]))),
      'docs[1]',
    );
  });

  it('an input that throws in the streaming form: the report says what is stored', async () => {
    await using memory = await freshMemory();
    const report = await memory.putMany(broken(), { onError: 'report', batchSize: 2 });
    expect(report).toMatchObject({ complete: false, stopped_by: 'error', stored: 4, next: 4 });
    expect(report.error).toMatchObject({
      code: 'MV019',
      cause: { message: 'the disk of the input is gone' },
    });
    expect((await memory.stats()).frame_count).toBe(4);
  });

  it('an iterator that gives nonsense', async () => {
    await using memory = await freshMemory();
    for (const source of [
      { [Symbol.iterator]: () => 5 },
      { [Symbol.iterator]: 5 },
      { [Symbol.asyncIterator]: () => ({ next: () => Promise.reject(Object.create(null) as Error) }) },
    ]) {
      await expectRefused(() => memory.putMany(wrong(source)), 'docs');
      const report = await memory.putMany(wrong(source), { onError: 'report' });
      expect(report).toMatchObject({ stopped_by: 'error', error: { code: 'MV019' } });
    }
  });

  it('onProgress that throws never turns a stored batch into a failure', async () => {
    await using memory = await freshMemory();
    const onProgress = (): void => {
      throw new Error('boom of onProgress');
    };
    expect(await memory.putMany(docs(3), { onProgress })).toEqual(['0', '1', '2']);
    const rejecting = (): never => Promise.reject(new Error('late boom')) as never;
    expect(await memory.putMany(docs(3), { onProgress: rejecting })).toEqual(['3', '4', '5']);

    const report = await memory.putMany(docs(10), { onError: 'report', batchSize: 4, onProgress });
    expect(report).toMatchObject({ stopped_by: 'error', complete: false, stored: 4, next: 4 });
    expect(report.error).toMatchObject({
      code: 'MV019',
      message: expect.stringContaining('onProgress'),
      cause: { message: 'boom of onProgress' },
    });
    expect((await memory.stats()).frame_count).toBe(10);
    const rest = await memory.putMany(docs(10), { onError: 'report', startAt: report.next });
    expect(rest).toMatchObject({ complete: true, stored: 6 });

    const last = await memory.putMany(docs(2), { onError: 'report', onProgress });
    expect(last).toMatchObject({ complete: true, stopped_by: null, stored: 2, next: 2 });
    expect(last.error?.code).toBe('MV019');
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

describe('what the engine warns of', () => {
  const settings = { readOnly: false, enableVec: true, apiKeys: new Map<string, string>() };
  const warning = 'pre* stands for more words than are searched for';
  const answer = {
    query: 'pre*',
    engine: 'tantivy',
    hits: [],
    total_hits: 0,
    total_is_exact: false,
    context: '',
    next_cursor: null,
    took_ms: 0,
    warnings: [warning],
  };
  const native = {
    find: () => JSON.stringify(answer),
    timeline: () => '[]',
    stats: () => '{"effective_vec_dimension":null}',
  };
  const handle = new Handle('notes.mv2', native as unknown as NativeMemory, settings);

  it('comes through find, behind what the call itself has to say', async () => {
    expect(await find(handle, 'pre*')).toMatchObject({ warnings: [warning], total_is_exact: false });
    expect((await find(handle, 'pre*', { adaptive: true })).warnings).toEqual([warning]);
    const both = (await find(handle, 'pre*', { mode: 'auto' })).warnings;
    expect(both).toHaveLength(2);
    expect(both?.[1]).toBe(warning);
  });

  it('comes through ask', async () => {
    expect((await ask(handle, 'pre*')).warnings).toEqual([warning]);
  });
});

describe('options that are checked', () => {
  it('open with salvage says that it is not there yet', async () => {
    const memory = await freshMemory();
    await memory.close();
    for (const call of [
      () => sdk.open(memory.file, wrong({ salvage: true })),
      () => sdk.use('basic', memory.file, wrong({ salvage: true })),
    ]) {
      await expect(call()).rejects.toMatchObject({
        code: 'MV018',
        message: expect.stringContaining('salvage'),
      });
    }
    await expectRefused(() => sdk.open(memory.file, wrong({ salvage: 'yes' })), 'salvage');
    await (await sdk.open(memory.file, wrong({ salvage: false }))).close();
  });

  it('llmContextChars bounds the context, headings included', async () => {
    await using memory = await freshMemory();
    await memory.putMany(
      Array.from({ length: 6 }, (_, index) => ({
        title: `Title ${index}`,
        text: `apple pie of number ${index} 🦜 `.repeat(10),
      })),
    );
    for (const llmContextChars of [1, 2, 10, 20, 40, 41, 42, 60, 100, 333, 1000]) {
      const result = await memory.ask('apple?', { llmContextChars });
      expect(result.context.length).toBeLessThanOrEqual(llmContextChars);
      const texts = result.context_fragments.map((fragment) => fragment.text);
      expect(texts.join('').length).toBeLessThanOrEqual(llmContextChars);
      for (const text of texts) expect(result.context).toContain(text);
      expect(result.hits).toHaveLength(6);
      if (result.context === '') expect(result.answer).toBeNull();
      else expect(result.answer).toMatch(/\[1\]$/);
    }
  });

  it('fractions of seconds are allowed and floored', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'apple', timestamp: 100.9 });
    expect((await memory.find('apple', { asOfTs: 100.5 })).total_hits).toBe(1);
    expect((await memory.find('apple', { since: 100.5, until: 100.5 })).total_hits).toBe(1);
    expect(await memory.timeline({ since: 100.2, until: 100.7, asOfTs: 100.1 })).toHaveLength(1);
    expect((await memory.ask('apple', { asOfTs: 99.9 })).hits).toEqual([]);
  });
});
