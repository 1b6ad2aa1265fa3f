import { describe, expect, it } from 'vitest';
import { Embedders } from '../src/embedding/embedders.js';
import { MadeOnce } from '../src/made-once.js';

const memory = (): Embedders => new Embedders({ plugins: [], apiKeys: new Map() });

/** Makes what tells how many were made before. */
function counted(): { made: () => number; make: () => Promise<{ number: number }> } {
  let count = 0;
  return { made: () => count, make: async () => ({ number: ++count }) };
}

describe('what a plugin made', () => {
  const factory = (): { number: number } => ({ number: 0 });

  it('is made once for calls at the same time, and for those after them', async () => {
    const once = new MadeOnce<{ number: number }>();
    const { made, make } = counted();
    const embedders = memory();
    const [first, second] = await Promise.all([
      once.of(embedders, factory, 'small', make),
      once.of(embedders, factory, 'small', make),
    ]);
    expect(second).toBe(first);
    expect(await once.of(embedders, factory, 'small', make)).toBe(first);
    expect(made()).toBe(1);
  });

  it('is another for another model, another factory and another memory', async () => {
    const once = new MadeOnce<{ number: number }>();
    const { make } = counted();
    const embedders = memory();
    const numbers = [
      await once.of(embedders, factory, undefined, make),
      await once.of(embedders, factory, 'small', make),
      await once.of(embedders, () => ({ number: 0 }), 'small', make),
      await once.of(memory(), factory, 'small', make),
      await once.of(embedders, factory, undefined, make),
    ].map(({ number }) => number);
    expect(numbers).toEqual([1, 2, 3, 4, 1]);
  });

  it('is made again after a failure', async () => {
    const once = new MadeOnce<{ number: number }>();
    const { make } = counted();
    const embedders = memory();
    const failing = once.of(embedders, factory, 'small', () => Promise.reject(new Error('no model')));
    await expect(failing).rejects.toThrow('no model');
    await expect(once.of(embedders, factory, 'small', make)).resolves.toEqual({ number: 1 });
  });
});
