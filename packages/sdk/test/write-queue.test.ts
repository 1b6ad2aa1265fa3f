import type { NativeDocument, NativeMemory, NativePutOptions, NativePutResult } from '@memvid/core';
import { describe, expect, it } from 'vitest';
import { Handle } from '../src/handle.ts';

const OPTIONS: NativePutOptions = { compressionLevel: 3, dedupe: 'keep' };

/** A native side that only counts: each put takes a few turns of the event loop. */
function countingNative(refuse?: (documents: readonly NativeDocument[]) => string | undefined): {
  handle: Handle;
  batches: string[][];
  log: string[];
} {
  const batches: string[][] = [];
  const log: string[] = [];
  let next = 0;
  const native = {
    putAtOnce: () => null,
    async put(documents: NativeDocument[]): Promise<NativePutResult> {
      batches.push(documents.map((document) => document.text ?? ''));
      await new Promise((resolve) => {
        setTimeout(resolve, 2);
      });
      const refusal = refuse?.(documents);
      if (refusal !== undefined) throw new Error(refusal);
      log.push(...documents.map((document) => `put ${document.text}`));
      const ids = documents.map(() => next++);
      return { ids, duplicateOf: ids.map(() => null), sequence: next };
    },
    async remove(ids: number[]) {
      log.push(`remove ${ids.join()}`);
      return { sequence: 9, removed: ids.length };
    },
    stats: () => {
      log.push('stats');
      return '{}';
    },
    seal: async () => {
      log.push('seal');
    },
    close: async () => {
      log.push('close');
    },
  } as unknown as NativeMemory;
  const handle = new Handle('x.mv2', native, {
    readOnly: false,
    enableVec: true,
    lockTimeoutMs: 1000,
    fusion: 'weighted',
    apiKeys: new Map(),
  });
  return { handle, batches, log };
}

const document = (text: string): NativeDocument => ({ text, timestamp: 0 });
const fault = (code: string): string => JSON.stringify({ code, message: 'refused', details: {} });

describe('WriteQueue', () => {
  it('sends a single put at once and gathers those that come meanwhile into one transaction', async () => {
    const { handle, batches } = countingNative();
    const ids = await Promise.all(
      ['a', 'b', 'c', 'd'].map((text) => handle.put('put', document(text), OPTIONS)),
    );
    expect(batches).toEqual([['a'], ['b', 'c', 'd']]);
    expect(ids.map(({ id }) => id)).toEqual([0, 1, 2, 3]);
  });

  it('gives each put its own outcome when a transaction is refused', async () => {
    const { handle, batches } = countingNative((documents) =>
      documents.some(({ text }) => text === 'bad') ? fault('MV019') : undefined,
    );
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'bad', 'c'].map((text) => handle.put('put', document(text), OPTIONS)),
    );
    expect(outcomes.map(({ status }) => status)).toEqual(['fulfilled', 'fulfilled', 'rejected', 'fulfilled']);
    expect(outcomes[2]).toMatchObject({ reason: { code: 'MV019', message: 'refused' } });
    expect(batches).toEqual([['a'], ['b', 'bad', 'c'], ['b'], ['bad'], ['c']]);
  });

  it('does not wait for a lock once for every document', async () => {
    const { handle, batches } = countingNative(() => fault('MV007'));
    const outcomes = await Promise.allSettled(
      ['a', 'b', 'c'].map((text) => handle.put('put', document(text), OPTIONS)),
    );
    expect(
      outcomes.every((outcome) => outcome.status === 'rejected' && outcome.reason.code === 'MV007'),
    ).toBe(true);
    expect(batches).toEqual([['a'], ['b', 'c']]);
  });

  it('keeps puts with other options apart', async () => {
    const { handle, batches } = countingNative();
    await Promise.all([
      handle.put('put', document('a'), OPTIONS),
      handle.put('put', document('b'), OPTIONS),
      handle.put('put', document('c'), { ...OPTIONS, dedupe: 'skip' }),
    ]);
    expect(batches).toEqual([['a'], ['b'], ['c']]);
  });

  it('keeps the order of calls, reads included', async () => {
    const { handle, log } = countingNative();
    await Promise.all([
      handle.put('put', document('a'), OPTIONS),
      handle.write('remove', (native) => native.remove([0])),
      handle.put('put', document('b'), OPTIONS),
      handle.read('stats', (native) => native.stats()),
      handle.put('put', document('c'), OPTIONS),
    ]);
    expect(log).toEqual(['put a', 'remove 0', 'put b', 'put c', 'stats']);
  });

  it('waits for writes under way before it closes, and refuses calls behind it', async () => {
    const { handle, log } = countingNative();
    const written = handle.put('put', document('a'), OPTIONS);
    const closing = handle.close();
    await expect(handle.read('stats', (native) => native.stats())).rejects.toMatchObject({
      code: 'MV018',
      name: 'ClosedHandleError',
    });
    await Promise.all([written, closing, handle.close()]);
    expect(log).toEqual(['put a', 'seal', 'close']);
  });

  it('takes 5000 puts at once', async () => {
    const { handle, batches } = countingNative();
    const ids = await Promise.all(
      Array.from({ length: 5000 }, (_, index) => handle.put('put', document(`${index}`), OPTIONS)),
    );
    expect(ids.map(({ id }) => id)).toEqual(Array.from({ length: 5000 }, (_, index) => index));
    expect(batches.length).toBeLessThan(10);
  });
});

/** The same with a disk so fast that documents are stored at once; `slow` ends that. */
function fastNative(): ReturnType<typeof countingNative> & {
  stored: string[];
  slow: (yes: boolean) => void;
} {
  const counting = countingNative();
  const stored: string[] = [];
  let slow = false;
  const handle = counting.handle;
  let next = 100;
  void handle.read('native', (native) => {
    native.putAtOnce = ([text = '']) => {
      if (slow) return null;
      stored.push(text);
      if (text === 'bad') throw new Error(fault('MV019'));
      counting.log.push(`at once ${text}`);
      return next++;
    };
    native.indexLog = () => {
      counting.log.push('index');
    };
  });
  return {
    ...counting,
    stored,
    slow: (yes) => {
      slow = yes;
    },
  };
}

const turn = (): Promise<void> =>
  new Promise((resolve) => {
    setImmediate(resolve);
  });

describe('putting at once', () => {
  it('stores a lone short document without waiting, and has it indexed when the event loop turns', async () => {
    const { handle, stored, batches, log } = fastNative();
    expect(await handle.put('put', document('a'), OPTIONS)).toEqual({ id: 100, duplicateOf: null });
    expect(await handle.put('put', document('b'), OPTIONS)).toEqual({ id: 101, duplicateOf: null });
    expect({ stored, batches, log }).toEqual({
      stored: ['a', 'b'],
      batches: [],
      log: ['at once a', 'at once b'],
    });
    await turn();
    expect(log).toEqual(['at once a', 'at once b', 'index']);
  });

  it('leaves all but the first of those that come together to one transaction, and those that follow them too', async () => {
    const { handle, stored, batches } = fastNative();
    const texts = ['a', 'b', 'c', 'd'];
    await Promise.all(texts.map((text) => handle.put('put', document(text), OPTIONS)));
    expect(stored).toEqual(['a']);
    expect(batches).toEqual([['b'], ['c', 'd']]);
    await handle.put('put', document('e'), OPTIONS);
    expect(batches.at(-1)).toEqual(['e']);
    await handle.put('put', document('f'), OPTIONS);
    expect(stored).toEqual(['a', 'f']);
  });

  it('does not for long documents, nor for those that are to be compared with the others', async () => {
    const { handle, stored } = fastNative();
    await handle.put('put', document('x'.repeat(17_000)), OPTIONS);
    await handle.put('put', document('a'), { ...OPTIONS, dedupe: 'skip' });
    expect(stored).toEqual([]);
  });

  it('keeps the order when the disk turns slow, and rejects what is refused', async () => {
    const { handle, slow, log } = fastNative();
    await handle.put('put', document('a'), OPTIONS);
    slow(true);
    const second = handle.put('put', document('b'), OPTIONS);
    slow(false);
    const third = handle.put('put', document('c'), OPTIONS);
    await Promise.all([second, third]);
    expect(log.filter((line) => line !== 'index')).toEqual(['at once a', 'put b', 'put c']);
    await expect(handle.put('put', document('bad'), OPTIONS)).rejects.toMatchObject({ code: 'MV019' });
    await handle.put('put', document('d'), OPTIONS);
    expect(log.at(-1)).toBe('at once d');
  });

  it('lets the event loop turn: timers come through a row of awaited puts', async () => {
    const { handle, stored } = fastNative();
    const native = await handle.read('native', (given) => given);
    const { putAtOnce } = native;
    native.putAtOnce = (given, level) => {
      const end = performance.now() + 0.5;
      while (performance.now() < end);
      return putAtOnce.call(native, given, level);
    };
    let ticks = 0;
    const timer = setInterval(() => {
      ticks += 1;
    }, 1);
    for (let index = 0; index < 200; index += 1) await handle.put('put', document(`${index}`), OPTIONS);
    clearInterval(timer);
    expect(stored.length).toBeGreaterThanOrEqual(100);
    expect(ticks).toBeGreaterThan(3);
  });
});
