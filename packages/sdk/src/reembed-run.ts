/** What makes the new vectors, loaded with the first call of `reembed`. */
import {
  type Embedder,
  embedEach,
  type EmbeddingIdentity,
  type MemvidError,
  type NativeMemory,
  reportProgress,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import { embeddingFailed } from './failures.js';
import type { Handle } from './handle.js';
import type { ReembedInput, ReembedProgress, ReembedResult } from './reembed.js';
import type { StoredIdentity } from './stats.js';

/** Documents whose texts are read and embedded together, at most. */
const PIECE = 2048;
/** The default for what is stored together: this share of all documents, because each time costs a table of contents. */
const SLICES = 64;
/** The default stays below this: the vectors are in memory until they are stored. */
const MOST_IN_SLICE = 16_384;
/** Others may write while vectors are made: from this round on the writes of this memory wait. */
const ROUNDS_BESIDE = 4;
/** Other processes cannot be made to wait: how often what they wrote is taken in before it is given up. */
const MOST_ROUNDS = 12;
const NO_VECTOR = -2;

/** The active documents, what made the vector of each, and the vectors that wait. */
interface Listed {
  readonly identities: readonly StoredIdentity[];
  readonly ids: readonly number[];
  readonly made_by: readonly number[];
  readonly staged: { readonly identity: StoredIdentity; readonly ids: readonly number[] } | null;
}

/** What the engine says of a swap: done when both lists are empty. */
interface Swap {
  readonly missing: readonly number[];
  readonly left_behind: readonly number[];
}

/** A document with its new vector. */
type Made = readonly [id: number, vector: Float32Array];

/** How the engine is reached: in turns with other calls, or within one turn. */
interface Engine {
  read<T>(read: (native: NativeMemory) => T | Promise<T>): Promise<T>;
  write<T>(write: (native: NativeMemory) => Promise<T>): Promise<T>;
}

interface Settings extends Pick<ReembedInput, 'batchSize' | 'onAbort' | 'onProgress' | 'signal'> {
  readonly embedder: Embedder;
}

/** One call, from the first vector to the swap. */
export class Run {
  readonly #handle: Handle;
  readonly #settings: Settings;
  readonly #engine: Engine;
  /** Of the vectors that were made. */
  #identity: EmbeddingIdentity | undefined;
  readonly #embedded = new Set<number>();
  readonly #reused = new Set<number>();
  readonly #failed = new Map<number, MemvidError>();
  readonly #blank = new Set<number>();
  #total = 0;

  constructor(handle: Handle, settings: Settings) {
    this.#handle = handle;
    this.#settings = settings;
    this.#engine = {
      read: (read) => handle.read('reembed', read),
      write: (write) => handle.write('reembed', write),
    };
  }

  async result(): Promise<ReembedResult> {
    try {
      return await this.#result();
    } catch (error) {
      const { signal, onAbort } = this.#settings;
      if (signal?.aborted === true && onAbort === 'discard') {
        await this.#engine.write((native) => native.discardStaged());
      }
      throw error;
    }
  }

  async #result(): Promise<ReembedResult> {
    const listed = await this.#list();
    const { staged } = listed;
    const isOurs = staged !== null && this.#isMaker(staged.identity);
    const waiting = new Set(staged?.ids);
    const todo: number[] = [];
    listed.ids.forEach((id, at) => {
      const maker = listed.identities[listed.made_by[at] ?? NO_VECTOR];
      const isDone = (maker !== undefined && this.#isMaker(maker)) || (isOurs && waiting.has(id));
      if (isDone) this.#reused.add(id);
      else todo.push(id);
    });
    this.#total = listed.ids.length;
    const reused = new Set(this.#reused);
    await this.#embed(this.#engine, todo);
    await this.#swap();

    const active = new Set((await this.#list()).ids);
    for (const ids of [this.#embedded, this.#reused, this.#blank, this.#failed]) {
      for (const id of ids.keys()) if (!active.has(id)) ids.delete(id);
    }
    // Those of this model, too, when it makes vectors of another size by now.
    const discarded = [...waiting].filter((id) => !isOurs || (reused.has(id) && this.#embedded.has(id)));
    const { provider, model, dimensions } = this.#settings.embedder;
    const dimension = dimensions ?? (await this.#handle.storedDimension('reembed'));
    const { embedded, reused: kept, skipped } = this.#progress();
    return {
      embedded,
      reused: kept,
      skipped,
      total: embedded + kept + skipped,
      discarded: discarded.length,
      failed: [...this.#failed].map(([frame_id, error]) => ({ frame_id, error })),
      identity: this.#identity ?? {
        provider: provider.toLowerCase(),
        model,
        ...(dimension === undefined ? {} : { dimension }),
      },
    };
  }

  /** Puts the new vectors in force, as soon as every document has one. */
  async #swap(): Promise<void> {
    for (let round = 1; round <= MOST_ROUNDS; round += 1) {
      if (round <= ROUNDS_BESIDE) {
        const missing = await this.#trySwap(this.#engine);
        if (missing.length === 0) return;
        await this.#embed(this.#engine, missing);
        continue;
      }
      if (await this.#swapAlone()) return;
    }
    throw embeddingFailed(
      'Other processes store documents faster than their vectors are made, so the old vectors stay in force',
      { reason: 'outpaced' },
      { suggestion: 'Call `reembed` again when they pause: what is made waits in the file.' },
    );
  }

  /** The same within one turn: what this memory stores meanwhile must not go on for ever. */
  #swapAlone(): Promise<boolean> {
    let isMade = (): void => undefined;
    const made = new Promise<void>((resolve) => {
      isMade = resolve;
    });
    const swap = async (native: NativeMemory): Promise<boolean> => {
      const engine: Engine = { read: async (read) => read(native), write: (write) => write(native) };
      try {
        const missing = await this.#trySwap(engine);
        await this.#handle.awaited(() => this.#embed(engine, missing));
      } finally {
        isMade();
      }
      return (await this.#trySwap(engine)).length === 0;
    };
    return this.#handle.write('reembed', swap, made);
  }

  /** Puts the new vectors in force; or gives the documents that have none yet. */
  async #trySwap(engine: Engine): Promise<readonly number[]> {
    const { provider, model, dimensions } = this.#settings.embedder;
    const identity = {
      provider: provider.toLowerCase(),
      model,
      ...(dimensions === undefined ? {} : { dimension: dimensions }),
    };
    const skipped = [...this.#blank, ...this.#failed.keys()];
    const swap = JSON.parse(await engine.write((native) => native.swapVectors(identity, skipped))) as Swap;
    const [left] = swap.left_behind;
    if (left !== undefined) throw this.#leftBehind(left);
    for (const id of swap.missing) {
      if (!this.#reused.delete(id) && !this.#embedded.delete(id)) this.#total += 1;
    }
    return swap.missing;
  }

  /** A document whose old vector cannot be replaced would keep one of another size. */
  #leftBehind(id: number): MemvidError {
    const error = this.#failed.get(id);
    return embeddingFailed(
      `Document ${id} has a vector and ${error === undefined ? 'no text to make a new one of' : `its text got no new one (${error.message})`}: vectors of another size must replace all of them, so none was replaced`,
      { reason: 'left_behind' },
      {
        suggestion: `Change the document with \`update(${id}, { text })\`, or remove it, and call \`reembed\` again.`,
        cause: error,
      },
    );
  }

  /** Makes vectors for documents and stores them. What is made when it is ended is stored, too. */
  async #embed(engine: Engine, ids: readonly number[]): Promise<void> {
    const wanted = Math.min(Math.ceil(this.#total / SLICES), MOST_IN_SLICE);
    const slice = this.#settings.batchSize ?? Math.max(wanted, PIECE);
    const piece = Math.min(slice, PIECE);
    let made: Made[] = [];
    const store = async (): Promise<void> => {
      const stored = made;
      made = [];
      await this.#stage(engine, stored);
    };
    try {
      for (let at = 0; at < ids.length; at += piece) {
        const stoppedBy = await this.#make(engine, ids.slice(at, at + piece), made);
        if (stoppedBy !== undefined) throw stoppedBy;
        if (made.length + piece > slice) await store();
        await this.#report();
      }
    } finally {
      if (made.length > 0) await store();
    }
  }

  /** Appends the vectors of documents. Those without a word, and those that the embedder refuses, are noted. */
  async #make(engine: Engine, ids: readonly number[], made: Made[]): Promise<MemvidError | undefined> {
    const { embedder, signal } = this.#settings;
    this.#refuseAborted();
    const texts: { readonly id: number; readonly text: string }[] = [];
    await engine.read((native) => {
      for (const id of ids) {
        const text = textOf(native, id);
        if (text === undefined) continue;
        if (text.trim() === '') this.#blank.add(id);
        else texts.push({ id, text });
      }
    });
    if (texts.length === 0) return undefined;
    let outcome;
    try {
      outcome = await embedEach(
        embedder,
        texts.map(({ text }) => text),
        { kind: 'document', signal, nameOf: (index) => `document ${texts[index]?.id}` },
      );
    } catch (error) {
      this.#refuseAborted();
      throw error;
    }
    this.#identity ??= outcome.identity;
    texts.forEach(({ id }, index) => {
      const vector = outcome.vectors[index];
      if (vector === undefined) return;
      made.push([id, vector]);
      this.#embedded.add(id);
    });
    if (outcome.stoppedBy !== undefined) return outcome.stoppedBy;
    for (const { indexes, error } of outcome.failures) {
      for (const index of indexes) this.#failed.set(texts[index]?.id ?? -1, error);
    }
    return undefined;
  }

  /** Has vectors wait in the file. */
  async #stage(engine: Engine, made: readonly Made[]): Promise<void> {
    const size = made[0]?.[1].length ?? 0;
    if (size === 0) return;
    const flat = new Float32Array(made.length * size);
    made.forEach(([, vector], index) => flat.set(vector, index * size));
    const ids = made.map(([id]) => id);
    await engine.write((native) => native.stageVectors(ids, flat, this.#identity ?? {}));
  }

  async #list(): Promise<Listed> {
    return JSON.parse(await this.#engine.read((native) => native.embeddedFrames())) as Listed;
  }

  /** Whether vectors are of this embedder. */
  #isMaker(identity: StoredIdentity): boolean {
    const { provider, model, dimensions } = this.#settings.embedder;
    return (
      identity.provider === provider.toLowerCase() &&
      identity.model === model &&
      (dimensions === undefined || identity.dimension === dimensions)
    );
  }

  #progress(): ReembedProgress {
    return {
      embedded: this.#embedded.size,
      reused: this.#reused.size,
      skipped: this.#failed.size + this.#blank.size,
      total: this.#total,
    };
  }

  async #report(): Promise<void> {
    const failure = await reportProgress(this.#settings.onProgress, this.#progress());
    if (failure !== undefined) throw failure;
  }

  #refuseAborted(): void {
    const { signal } = this.#settings;
    if (signal?.aborted !== true) return;
    const { embedded, reused, total } = this.#progress();
    throw new UnsupportedOperationError(
      `reembed was ended by its signal when ${embedded + reused} of ${total} documents had their new vector`,
      {
        details: { operation: 'reembed', reason: 'aborted', embedded, reused, total },
        suggestion: 'Call `reembed` again with the same embedder.',
        cause: signal.reason,
      },
    );
  }
}

/** What a document is found by; `undefined` when it went meanwhile. */
function textOf(native: NativeMemory, id: number): string | undefined {
  try {
    return native.searchedText(id);
  } catch (error) {
    if (toMemvidError(error).code === 'MV010') return undefined;
    throw error;
  }
}
