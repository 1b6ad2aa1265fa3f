import { describe, expect, it } from 'vitest';
import { inLanes, Loader } from '../src/index.ts';

/** What is waited for, and what goes on when it comes. */
function gate(): { opened: Promise<void>; open: () => void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => {
    open = resolve;
  });
  return { opened, open };
}

describe('inLanes', () => {
  it('takes all things in parts, two at a time', async () => {
    const parts: number[][] = [];
    let atOnce = 0;
    let most = 0;
    await inLanes(10, 4, undefined, async (start, end) => {
      parts.push([start, end]);
      atOnce += 1;
      most = Math.max(most, atOnce);
      await Promise.resolve();
      atOnce -= 1;
    });
    expect(parts).toEqual([
      [0, 4],
      [4, 8],
      [8, 10],
    ]);
    expect(most).toBe(2);
  });

  it('ends with what failed first, when the other lane is done with its part and takes no other', async () => {
    const other = gate();
    const begun: number[] = [];
    let isOver = false;
    const call = inLanes(10, 1, undefined, async (index) => {
      begun.push(index);
      if (index === 0) throw new Error('bad');
      await other.opened;
    });
    call.catch(() => {
      isOver = true;
    });
    await new Promise((resolve) => {
      setImmediate(resolve);
    });
    expect(isOver).toBe(false);
    other.open();
    await expect(call).rejects.toThrow('bad');
    expect(begun).toEqual([0, 1]);
  });

  it('takes no part when its signal is aborted', async () => {
    const begun: number[] = [];
    const signal = AbortSignal.abort(new Error('enough'));
    await expect(inLanes(3, 1, signal, async (index) => void begun.push(index))).rejects.toThrow('enough');
    expect(begun).toEqual([]);
  });
});

describe('Loader', () => {
  it('loads once for calls at the same time, and again what failed or is lost', async () => {
    const results: (() => Promise<{ usable: boolean }>)[] = [
      async () => Promise.reject(new Error('not there')),
      async () => ({ usable: true }),
      async () => ({ usable: true }),
    ];
    let loads = 0;
    const loader = new Loader(
      () => results[loads++]?.() ?? Promise.reject(new Error('asked too often')),
      ({ usable }) => usable,
    );
    const first = await Promise.allSettled([loader.loaded(), loader.loaded(), loader.loaded()]);
    expect(first.map(({ status }) => status)).toEqual(['rejected', 'fulfilled', 'fulfilled']);
    const loaded = await loader.loaded();
    expect([await loader.loaded(), loads]).toEqual([loaded, 2]);
    loaded.usable = false;
    const again = await loader.loaded();
    expect([again === loaded, loads]).toEqual([false, 3]);
    expect(await loader.take()).toBe(again);
    expect(loader.take()).toBeUndefined();
  });
});
