import type { Factory } from '@memvid/core';
import type { Embedders } from './embedding/embedders.js';

/** What the factories of a memory's plugins have made, once a model: loading one takes seconds. */
export class MadeOnce<Provider> {
  readonly #made = new WeakMap<Embedders, Map<Factory<Provider>, Map<string, Promise<Provider>>>>();

  /** What the factory made before of that model, else what `make` makes of it. What fails is made again the next time. */
  of(
    embedders: Embedders,
    factory: Factory<Provider>,
    model: string | undefined,
    make: () => Promise<Provider>,
  ): Promise<Provider> {
    const factories =
      this.#made.get(embedders) ?? new Map<Factory<Provider>, Map<string, Promise<Provider>>>();
    this.#made.set(embedders, factories);
    const models = factories.get(factory) ?? new Map<string, Promise<Provider>>();
    factories.set(factory, models);
    const key = model ?? '';
    const before = models.get(key);
    if (before !== undefined) return before;
    const making = make();
    models.set(key, making);
    making.catch(() => models.delete(key));
    return making;
  }
}
