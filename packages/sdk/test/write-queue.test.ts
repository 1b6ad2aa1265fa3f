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
  const handle = new Handle('x.mv2', native, { readOnly: false, enableVec: true, apiKeys: new Map() });
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
