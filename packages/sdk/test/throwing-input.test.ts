import { describe, expect, it } from 'vitest';
import * as sdk from '../src/index.ts';
import { freshMemory } from './support/memory.ts';
import { expectFailure, expectRefused, revoked, wrong } from './support/refusals.ts';

const throwing = (name: string): object =>
  Object.defineProperty({}, name, {
    enumerable: true,
    get() {
      throw new Error('boom of the getter');
    },
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
    ['open plugins', (_, bad) => sdk.open('none', { plugins: bad })],
    ['use plugins', (_, bad) => sdk.use('basic', 'none', { plugins: bad })],
    ['put signal', (m, bad) => m.put({ text: 'x', signal: bad })],
    ['putMany signal', (m, bad) => m.putMany([{ title: 'a', text: 'b' }], { signal: bad })],
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

  it('a signal that throws when it is asked is refused by every call that takes one', async () => {
    await using memory = await freshMemory();
    const { signal } = new AbortController();
    Object.defineProperty(signal, 'aborted', {
      get() {
        throw new Error('boom of the signal');
      },
    });
    const docs = [{ title: 'a', text: 'b' }];
    for (const call of [
      () => memory.put({ text: 'b', signal }),
      () => memory.putMany(docs, { signal }),
      () => memory.putMany(new Set(docs), { signal }),
      () => memory.putMany(docs, { signal, onError: 'report' }),
      () => memory.ask('x', { signal }),
    ]) {
      const failure = await expectRefused(call, 'signal');
      expect(failure.cause).toMatchObject({ message: 'boom of the signal' });
    }
    expect((await memory.stats()).frame_count).toBe(0);
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
