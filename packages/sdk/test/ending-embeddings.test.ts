import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Embedder } from '@memvid/core';
import { afterEach, describe, expect, it, vi } from 'vitest';
import { fromReference } from '../src/embedding/reference-embedder.ts';
import type { Memvid } from '../src/index.ts';
import { A, B, letters } from './support/letters.ts';
import { freshMemory, freshPath } from './support/memory.ts';
import { expectFailure } from './support/refusals.ts';

afterEach(() => vi.useRealTimers());

/** An embedder that never answers and hears of no signal. */
const hung = (): ReturnType<typeof letters> => letters({ embed: () => new Promise(() => undefined) });

/** Lets what is under way come to where it waits. */
const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe('a signal ends a call while an embedder works for it', () => {
  const file = async (): Promise<string> => {
    const folder = freshPath();
    await mkdir(folder);
    await writeFile(join(folder, 'a.txt'), 'alpha');
    return folder;
  };

  it.each<[name: string, call: (memory: Memvid, options: object) => Promise<unknown>]>([
    ['put', (memory, options) => memory.put({ text: 'a', ...options })],
    ['putMany', (memory, options) => memory.putMany([{ title: 'a', text: 'a' }], options)],
    [
      'put of a file',
      async (memory, options) => memory.put({ file: join(await file(), 'a.txt'), ...options }),
    ],
    ['putFile', async (memory, options) => memory.putFile(join(await file(), 'a.txt'), options)],
    ['update', (memory, options) => memory.update(0, { text: 'a', ...options })],
    ['update of the vector alone', (memory, options) => memory.update(0, options)],
    ['find', (memory, options) => memory.find('a', { mode: 'sem', ...options })],
    ['find that may go by words', (memory, options) => memory.find('a', { mode: 'auto', ...options })],
    ['ask', (memory, options) => memory.ask('a?', { contextOnly: true, ...options })],
  ])('%s', async (_, call) => {
    await using memory = await freshMemory();
    await memory.put({ text: 'stored', embedding: A });
    const embedder = hung();
    const stop = new AbortController();
    const calling = call(memory, { embedder, signal: stop.signal });
    calling.catch(() => undefined);
    while (embedder.texts.length === 0) await turn();
    stop.abort(new Error('enough'));
    const error = await expectFailure(() => calling);
    expect(error).toMatchObject({
      code: 'MV018',
      details: { reason: 'aborted' },
      cause: { message: 'enough' },
    });
    expect((await memory.stats()).frame_count).toBe(1);
    // Aborted before: nothing is asked.
    const other = letters();
    const before = await expectFailure(() => call(memory, { embedder: other, signal: AbortSignal.abort() }));
    expect(before).toMatchObject({ code: 'MV018', details: { reason: 'aborted' } });
    expect(other.texts).toEqual([]);
  });

  it('a signal that is none is MV019', async () => {
    await using memory = await freshMemory();
    for (const call of [
      () => memory.put({ text: 'a', signal: 5 as never }),
      () => memory.update(0, { text: 'a', signal: 5 as never }),
      () => memory.find('a', { signal: 5 as never }),
      () => memory.putFile('a.txt', { signal: 5 as never }),
    ]) {
      expect(await expectFailure(call)).toMatchObject({ code: 'MV019', details: { argument: 'signal' } });
    }
  });

  it('nothing of a call without an embedder is stored either', async () => {
    await using memory = await freshMemory();
    const signal = AbortSignal.abort();
    expect(await expectFailure(() => memory.put({ text: 'a', signal }))).toMatchObject({ code: 'MV018' });
    expect((await memory.stats()).frame_count).toBe(0);
  });
});

describe('an embedder that hangs', () => {
  it('keeps no read waiting, and no write that was called before', async () => {
    await using memory = await freshMemory();
    await memory.put({ title: 'first', text: 'alpha' });
    const earlier = memory.putMany([{ title: 'second', text: 'alpha' }]);
    const stop = new AbortController();
    const hanging = memory.put({ text: 'alpha', embedder: hung(), signal: stop.signal });
    hanging.catch(() => undefined);
    const later = memory.put({ title: 'third', text: 'alpha' });
    // It sees what was called before the one that hangs.
    expect((await memory.find('alpha')).hits.map(({ title }) => title).toSorted()).toEqual([
      'first',
      'second',
    ]);
    await earlier;
    await turn();
    expect((await memory.stats()).frame_count).toBe(2);
    stop.abort();
    await later;
    expect((await memory.stats()).frame_count).toBe(3);
  });

  it('a read sees a write whose vectors are made', async () => {
    await using memory = await freshMemory();
    let answer = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const slow = letters({
      embed: async (texts) => gate.then(() => ({ vectors: texts.map(() => Float32Array.from(B)) })),
    });
    const writing = memory.put({ text: 'alpha', embedder: slow });
    answer();
    for (let turns = 0; turns < 5; turns += 1) await turn();
    expect((await memory.find('alpha')).hits).toHaveLength(1);
    await writing;
  });

  it.each(['sem', 'auto'] as const)(
    'for a question is given one second more when the memory is closed (%s)',
    async (mode) => {
      const memory = await freshMemory();
      await memory.put({ text: 'stored', embedding: A });
      const embedder = hung();
      const asking = memory.find('a', { mode, embedder });
      asking.catch(() => undefined);
      while (embedder.texts.length === 0) await turn();
      await memory.close();
      expect(await expectFailure(() => asking)).toMatchObject({ name: 'ClosedHandleError' });
    },
  );

  it('for a write of a scope is ended with the scope, and the memory goes on', async () => {
    await using memory = await freshMemory();
    const scope = memory.scope({ user: 'ann' });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const embedder = hung();
    const writing = scope.put({ text: 'a', embedder });
    writing.catch(() => undefined);
    while (embedder.texts.length === 0) await turn();
    const closing = scope.close();
    await vi.advanceTimersByTimeAsync(10_100);
    await closing;
    expect(await expectFailure(() => writing)).toMatchObject({ name: 'ClosedHandleError' });
    await memory.put({ text: 'b' });
  });

  it('for a write is given ten seconds more, and then the file is let go', async () => {
    const memory = await freshMemory();
    const scope = memory.scope({ user: 'ann' });
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const ends: string[] = [];
    const writings = [memory, scope].map((own) => own.put({ text: 'a', embedder: hung() }));
    for (const writing of writings) writing.catch((error: Error) => ends.push(error.name));
    const closing = memory.close();
    await vi.advanceTimersByTimeAsync(9_900);
    expect(ends).toEqual([]);
    await vi.advanceTimersByTimeAsync(200);
    await closing;
    expect(ends).toEqual(['ClosedHandleError', 'ClosedHandleError']);
  });

  it('is not waited for either by a write that comes to it when the ten seconds are over', async () => {
    const memory = await freshMemory();
    let load = (): void => undefined;
    const loading = new Promise<void>((resolve) => {
      load = resolve;
    });
    const first = memory.put({ text: 'a', embedder: hung() });
    first.catch(() => undefined);
    const late = memory.putMany(
      (async function* () {
        await loading;
        yield { title: 'b', text: 'b' };
      })(),
      { embedder: hung() },
    );
    late.catch(() => undefined);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const closing = memory.close();
    await vi.advanceTimersByTimeAsync(10_100);
    load();
    await closing;
    expect(await expectFailure(() => late)).toMatchObject({ name: 'ClosedHandleError' });
  });

  it('and one that answers in time has its document stored', async () => {
    const memory = await freshMemory();
    let answer = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      answer = resolve;
    });
    const slow = letters({ embed: async () => gate.then(() => ({ vectors: [Float32Array.from(A)] })) });
    const writing = memory.put({ text: 'alpha', embedder: slow });
    const closing = memory.close();
    answer();
    expect(await writing).toBe('0');
    await closing;
  });

  it('of the reference’s shape is given up after ten minutes', () => {
    const provider = {
      dimension: 2,
      modelName: 'm',
      embedDocuments: async () => [],
      embedQuery: async () => [],
    };
    expect(fromReference(provider)).toMatchObject({ timeoutMs: 600_000, maxBatch: 512 });
  });
});

describe('calls that came before close()', () => {
  const many = Array.from({ length: 7 }, (_, n) => ({ title: `${n}`, text: `alpha ${n}` }));

  it.each<[name: string, call: (memory: Memvid) => Promise<unknown>]>([
    ['find', (memory) => memory.find('alpha')],
    ['vecSearch', (memory) => memory.vecSearch('alpha', A)],
    ['ask', (memory) => memory.ask('alpha?')],
    ['update', (memory) => memory.update(0, { embedder: letters() })],
    ['reembed', (memory) => memory.reembed({ embedder: letters({ model: 'another' }) })],
    ['putMany that reports', (memory) => memory.putMany(many, { onError: 'report', batchSize: 2 })],
    ['correct', (memory) => memory.correct('alpha is right')],
  ])('%s goes through, with an embedder as without one', async (_, call) => {
    const memory = await freshMemory({ embedder: letters() });
    await memory.put({ text: 'alpha' });
    const calling = call(memory);
    const closing = memory.close();
    const result = await calling;
    if (result !== null && typeof result === 'object' && 'stopped_by' in result) {
      expect(result).toMatchObject({ stored: 7, complete: true, stopped_by: null });
    }
    await closing;
    expect(await expectFailure(() => memory.find('alpha'))).toMatchObject({ name: 'ClosedHandleError' });
    expect(await expectFailure(() => memory.stats())).toMatchObject({ name: 'ClosedHandleError' });
  });

  it('of a scope are waited for when the memory is closed, and refused when they came later', async () => {
    const memory = await freshMemory({ embedder: letters() });
    const scope = memory.scope({ user: 'ann' });
    await scope.put({ text: 'alpha' });
    const finding = scope.find('alpha');
    const closing = memory.close();
    const late = expectFailure(() => scope.put({ text: 'late' }));
    expect((await finding).hits).toHaveLength(1);
    await closing;
    expect(await late).toMatchObject({ name: 'ClosedHandleError' });
  });

  it('take all their steps, however long those are together', async () => {
    const memory = await freshMemory();
    const path = freshPath();
    await mkdir(path);
    for (let n = 0; n < 4; n += 1) await writeFile(join(path, `${n}.txt`), `alpha ${n}`);
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const reported: (() => void)[] = [];
    const storing = memory.putFiles(path, {
      onProgress: async () => new Promise<void>((resolve) => reported.push(resolve)),
    });
    while (reported.length === 0) await turn();
    const closing = memory.close();
    for (let file = 0; file < 4; file += 1) {
      await vi.advanceTimersByTimeAsync(9000);
      reported[file]?.();
      const next = Math.min(4, file + 2);
      while (reported.length < next) await turn();
    }
    expect(await storing).toMatchObject({ filesProcessed: 4, errors: [] });
    await closing;
  });

  it('do not hold the memory when they never end', async () => {
    const memory = await freshMemory();
    vi.useFakeTimers({ toFake: ['setTimeout', 'clearTimeout'] });
    const progress: (() => void)[] = [];
    const hanging = memory.putMany(many, {
      onError: 'report',
      batchSize: 2,
      onProgress: async () => new Promise<void>((resolve) => progress.push(resolve)),
    });
    while (progress.length === 0) await turn();
    const closing = memory.close();
    await vi.advanceTimersByTimeAsync(11_100);
    await closing;
    progress[0]?.();
    const report = await hanging;
    expect(report).toMatchObject({ stored: 2, stopped_by: 'error', error: { name: 'ClosedHandleError' } });
  });
});

describe('an embedder that writes to the memory that waits for it', () => {
  const refused = {
    name: 'UnsupportedOperationError',
    code: 'MV018',
    details: { reason: 'own_embedder' },
    suggestion: expect.stringContaining('another memory') as string,
  };
  const answer = (texts: readonly string[]): { vectors: Float32Array[] } => ({
    vectors: texts.map(() => Float32Array.from(A)),
  });
  /** Calls something before it answers, the first time it is asked. */
  const calling = (call: () => unknown): ReturnType<typeof letters> => {
    let isFirst = true;
    return letters({
      embed: async (texts) => {
        const wasFirst = isFirst;
        isFirst = false;
        if (wasFirst) await call();
        return answer(texts);
      },
    });
  };

  it.each<[name: string, call: (memory: Memvid) => Promise<unknown>]>([
    ['put', (memory) => memory.put({ text: 'inner' })],
    ['put with a vector', (memory) => memory.put({ text: 'inner', embedder: letters() })],
    ['putMany', (memory) => memory.putMany([{ title: 'a', text: 'inner' }])],
    ['putMany', (memory) => memory.putMany([{ title: 'a', text: 'inner' }], { onError: 'report' as const })],
    ['putFile', (memory) => memory.putFile('none.txt')],
    ['update', (memory) => memory.update(0, { title: 'inner' })],
    ['remove', (memory) => memory.remove(0)],
    ['removeMany', (memory) => memory.removeMany({ all: true })],
    ['correct', (memory) => memory.correct('inner')],
    ['reembed', (memory) => memory.reembed({ embedder: letters() })],
    ['enrich', (memory) => memory.enrich()],
    ['seal', (memory) => memory.seal()],
    ['enableLex', (memory) => memory.enableLex()],
    ['compact', (memory) => memory.compact()],
    ['put', (memory) => memory.scope({ user: 'ann' }).put({ text: 'inner' })],
  ])('is refused at once: %s', async (name, call) => {
    await using memory = await freshMemory();
    await memory.put({ text: 'first' });
    let failure: unknown;
    const embedder = calling(async () => {
      failure = await expectFailure(() => call(memory));
    });
    const outer = memory.put({ text: 'outer', embedder });
    const behind = memory.put({ text: 'behind' });
    expect(await outer).toBe('1');
    expect(await behind).toBe('2');
    const operation = name.split(' ')[0];
    expect(failure).toMatchObject({ ...refused, details: { operation, reason: 'own_embedder' } });
    expect((failure as Error).message).toContain(memory.file);
    expect((await memory.stats()).frame_count).toBe(3);
  });

  it.each<[name: string, write: (memory: Memvid, embedder: Embedder) => Promise<unknown>]>([
    ['put', (memory, embedder) => memory.put({ text: 'outer', embedder })],
    ['put in a scope', (memory, embedder) => memory.scope({ user: 'ann' }).put({ text: 'outer', embedder })],
    ['putMany', (memory, embedder) => memory.putMany([{ title: 'a', text: 'outer' }], { embedder })],
    [
      'putMany of an iterable',
      (memory, embedder) => memory.putMany(new Set([{ title: 'a', text: 'outer' }]), { embedder }),
    ],
    ['update', (memory, embedder) => memory.update(0, { text: 'outer', embedder })],
    ['correct', (memory, embedder) => memory.correct('outer', { embedder })],
    [
      'onEmbedding',
      (memory, embedder) =>
        memory.putMany([{ title: 'a', text: 'outer' }], {
          embedder: letters(),
          onEmbedding: async () => embedder.embed(['outer'], { kind: 'document' }),
        }),
    ],
    [
      'put of a picture',
      (memory, embedder) => {
        const embedImages = async (): Promise<{ vectors: Float32Array[] }> =>
          embedder.embed(['outer'], { kind: 'document' }) as Promise<{ vectors: Float32Array[] }>;
        const imageEmbedder = {
          spec: 'image-embedder/v1',
          provider: 'acme',
          model: 'shades',
          dimensions: 4,
          maxBatch: 8,
          embedImages,
          embedTexts: embedImages,
        } as const;
        return memory.put({ image: Uint8Array.of(1, 2), imageEmbedder });
      },
    ],
  ])('fails where it does not catch that, and with it the call: %s', async (_, write) => {
    await using memory = await freshMemory();
    await memory.put({ text: 'first' });
    const outer = write(
      memory,
      calling(() => memory.put({ text: 'inner' })),
    );
    outer.catch(() => undefined);
    const behind = memory.put({ text: 'behind' });
    const failure = await expectFailure(() => outer);
    const causes = [failure, failure.cause, (failure.cause as Error | undefined)?.cause];
    expect(causes).toContainEqual(
      expect.objectContaining({ code: 'MV018', details: { operation: 'put', reason: 'own_embedder' } }),
    );
    expect(await behind).toBe('1');
  });

  it('may read, and write to other memories', async () => {
    await using memory = await freshMemory();
    await using other = await freshMemory();
    await memory.put({ text: 'first' });
    const seen: unknown[] = [];
    const embedder = calling(async () => {
      seen.push((await memory.find('first')).total_hits, (await memory.stats()).frame_count);
      seen.push((await memory.getFrameInfo(0)).id, await memory.view(0));
      seen.push(await other.put({ text: 'noted', embedder: letters() }));
    });
    expect(await memory.put({ text: 'outer', embedder })).toBe('1');
    expect(seen).toEqual([1, 1, 0, 'first', '0']);
  });

  it('is refused through another memory, too, and only there', async () => {
    await using memory = await freshMemory();
    await using other = await freshMemory();
    let failure: unknown;
    const inner = calling(async () => {
      failure = await expectFailure(() => memory.put({ text: 'innermost' }));
    });
    const embedder = calling(() => other.put({ text: 'inner', embedder: inner }));
    expect(await memory.put({ text: 'outer', embedder })).toBe('0');
    expect(failure).toMatchObject(refused);
    // The same embedder, and nothing of the memory waits for it.
    const free = calling(() => memory.put({ text: 'noted' }));
    expect(await other.put({ text: 'second', embedder: free })).toBe('1');
    expect((await memory.stats()).frame_count).toBe(2);
  });

  it('may write where no write waits: for a question, in batches that are reported, and when the call is done', async () => {
    await using memory = await freshMemory();
    await memory.put({ text: 'first', embedding: A });
    const asking = calling(() => memory.put({ text: 'asked' }));
    await memory.find('a', { mode: 'sem', embedder: asking });
    const reporting = calling(() => memory.put({ text: 'reported' }));
    const report = await memory.putMany([{ title: 'b', text: 'b' }], {
      onError: 'report',
      embedder: reporting,
    });
    expect(report).toMatchObject({ stored: 1, complete: true });
    let go = (): void => undefined;
    const gate = new Promise<void>((resolve) => {
      go = resolve;
    });
    let later: Promise<string> | undefined;
    const leaving = calling(() => {
      later = gate.then(() => memory.put({ text: 'left behind' }));
    });
    await memory.put({ text: 'outer', embedder: leaving });
    go();
    expect(await later).toBe('5');
  });
});

describe('putFiles', () => {
  async function folder(count: number): Promise<string> {
    const path = freshPath();
    await mkdir(path);
    for (let n = 0; n < count; n += 1) {
      await writeFile(
        join(path, `f${String(n).padStart(2, '0')}.txt`),
        `${n % 2 === 0 ? 'alpha' : 'beta'} ${n}`,
      );
    }
    return path;
  }

  it('embeds files together and stores each for itself', async () => {
    await using memory = await freshMemory();
    const embedder = letters({ maxBatch: 100 });
    const path = await folder(20);
    await writeFile(join(path, 'f05.pdf'), 'no PDF');
    await writeFile(join(path, 'f03.txt'), Uint8Array.of(0xff, 0x00, 0xfe));
    const result = await memory.putFiles(path, { embedder });
    expect(embedder.texts.map((texts) => texts.length)).toEqual([19]);
    expect(result).toMatchObject({ filesProcessed: 19, framesAdded: 19 });
    expect(result.errors.map(({ filename }) => filename)).toEqual(['f03.txt', 'f05.pdf']);
    expect(result.files.map(({ filename }) => filename)).toEqual(
      result.files.map(({ filename }) => filename).toSorted(),
    );
    expect((await memory.stats()).vector_count).toBe(19);
    expect((await memory.vecSearch('q', A, { k: 1 })).hits[0]?.title).toBe('f00.txt');
  });

  it('a text that is refused is an error of its file alone', async () => {
    await using memory = await freshMemory();
    const embedder = letters({
      embed: async (texts) => {
        if (texts.some((text) => text.endsWith(' 4'))) throw Object.assign(new Error('no'), { status: 400 });
        return { vectors: texts.map(() => Float32Array.from(A)) };
      },
    });
    const result = await memory.putFiles(await folder(6), { embedder });
    expect(result).toMatchObject({ filesProcessed: 5, errors: [{ filename: 'f04.txt', code: 'MV015' }] });
  });

  it('what would meet all files is asked for once, and told for each', async () => {
    await using memory = await freshMemory();
    const embedder = letters({
      concurrency: 1,
      embed: async () => Promise.reject(Object.assign(new Error('no such key'), { status: 401 })),
    });
    const result = await memory.putFiles(await folder(20), { embedder, chunkSize: 100 });
    expect(embedder.texts).toHaveLength(1);
    expect(result).toMatchObject({ filesProcessed: 0, framesAdded: 0 });
    expect(result.errors).toHaveLength(20);
    expect(new Set(result.errors.map(({ code }) => code))).toEqual(new Set(['MV015']));
    expect((await memory.stats()).frame_count).toBe(0);
  });

  it('a signal leaves what is stored, and tells the files that are not', async () => {
    await using memory = await freshMemory();
    const stop = new AbortController();
    const embedder = letters({
      embed: async (texts) => {
        stop.abort();
        return { vectors: texts.map(() => Float32Array.from(A)) };
      },
    });
    const result = await memory.putFiles(await folder(3), { embedder, signal: stop.signal });
    expect(result.errors.map(({ code }) => code)).toEqual(['MV018', 'MV018', 'MV018']);
    const call = (): Promise<unknown> => memory.putFiles('.', { signal: stop.signal });
    expect(await expectFailure(call)).toMatchObject({ code: 'MV018' });
  });
});
