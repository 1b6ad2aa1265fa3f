/** What is loaded once; what failed, or was lost since, is loaded again. */
export class Loader<Loaded> {
  readonly #load: () => Promise<Loaded>;
  readonly #isUsable: (loaded: Loaded) => boolean;
  #loading: Promise<Loaded> | undefined;

  constructor(load: () => Promise<Loaded>, isUsable: (loaded: Loaded) => boolean) {
    this.#load = load;
    this.#isUsable = isUsable;
  }

  async loaded(): Promise<Loaded> {
    const known = this.#loading;
    if (known !== undefined) {
      const loaded = await known.catch(() => undefined);
      if (loaded !== undefined && this.#isUsable(loaded)) return loaded;
      // Another call that waited may have begun anew already.
      if (this.#loading === known) this.#loading = undefined;
    }
    this.#loading ??= this.#load();
    return this.#loading;
  }

  /** What is loaded, or being loaded, which is the caller's from now on. */
  take(): Promise<Loaded> | undefined {
    const loading = this.#loading;
    this.#loading = undefined;
    return loading;
  }
}
