import { AsyncLocalStorage } from 'node:async_hooks';
import {
  loadNative,
  type Embedder,
  type MemvidError,
  type NativeDocument,
  type NativeMemory,
  type NativePutOptions,
  UnsupportedOperationError,
} from '@memvid/core';
import { Embedders } from './embedding/embedders.js';
import { type Entered, InFlight, type Purpose } from './embedding/in-flight.js';
import { aborted, closed, closedMeanwhile, ended, failureOn, readOnly } from './failures.js';
import type { ImageEmbedderInput } from './image.js';
import { ofTheWholeFile, Scope } from './scope.js';
import { ScopedMemory } from './scoped-memory.js';
import type { Fusion } from './search-options.js';
import { identitiesOf, type StatsResult, type StoredIdentity } from './stats.js';
import { WriteQueue, type StoredDocument } from './write-queue.js';

/** How a memory was opened, with every default filled in. */
export interface HandleSettings {
  readonly readOnly: boolean;
  /** Whether it shows what is left of a damaged file. */
  readonly salvage?: boolean | undefined;
  readonly enableVec: boolean;
  /** How long a read waits for a program that writes over what it reads, in milliseconds. */
  readonly lockTimeoutMs: number;
  /** How a search by words and meaning makes one ranking, unless the call says so. */
  readonly fusion: Fusion;
  /** Makes the vectors of documents and questions that bring none. */
  readonly embedder?: Embedder | string | undefined;
  /** Makes the vectors of pictures, and of texts that look for them. */
  readonly imageEmbedder?: ImageEmbedderInput | undefined;
  /** Keys given to `use`, by provider name. Kept out of every message and every printed form. */
  readonly apiKeys: ReadonlyMap<string, string>;
}

export type WholeFile = Pick<NativeMemory, 'selectWhere' | 'frame'>;

/** A part of a memory: of which, and which. */
interface View {
  readonly outer: Handle;
  readonly scope: Scope;
}

/** Work that a queued write waits for. */
interface Awaited {
  readonly queue: WriteQueue;
  isOver: boolean;
}

/**
 * What the code that is running is a part of, of whatever memories. Every promise of the process costs more while it is in
 * use: it is entered with embedders only, and given up behind the last.
 */
const awaitedWork = /* @__PURE__ */ new AsyncLocalStorage<readonly Awaited[]>();
let entries = 0;

/** How long embedders may go on for writes that were called before `close`, in milliseconds. */
const GRACE = 10_000;
/** The same for questions, and for what a call does behind its embedder. */
const SHORT_GRACE = 1000;

/**
 * Whether the file lost bytes under a call that read them. It may be whole again: a program of the reference that finds
 * records in the log rewrites the file in place.
 */
function isOfTheFile(failure: MemvidError): boolean {
  return failure.code === 'MV012' && failure.details?.['section'] === 'file';
}

/** Runs a read whose part on this thread waits for no other program. */
function briefly<T>(read: () => T): T {
  const binding = loadNative();
  binding.beBrief(true);
  try {
    return read();
  } finally {
    binding.beBrief(false);
  }
}

/** One open memory: the native side, its write queue, and the rules every call obeys. */
export class Handle {
  readonly path: string;
  readonly settings: HandleSettings;
  /** By name, from the plugins of this memory and of the process. */
  readonly embedders: Embedders;
  /** The engine as this handle may use it. */
  readonly #native: NativeMemory;
  /** The engine itself. */
  readonly #whole: NativeMemory;
  readonly #queue: WriteQueue;
  /** What this handle sees a part of, and which. */
  readonly #view: View | undefined;
  readonly #inFlight: InFlight;
  #changes = 0;
  #closed: Promise<void> | undefined;
  /** Calls of several steps that are under way, here and in the parts of this. */
  readonly #underWay = new Set<Promise<unknown>>();
  /** Steps that calls took. */
  #steps = 0;
  /** What ends with this handle. */
  readonly #ends: (() => unknown)[] = [];
  /** A wait until what is read is whole. */
  #settling: Promise<void> | undefined;
  /** Whether the time of calls that came before `close` is over. */
  #isReleased = false;

  constructor(
    path: string,
    native: NativeMemory,
    settings: HandleSettings,
    embedders: Embedders = new Embedders({ plugins: [], apiKeys: settings.apiKeys }),
    view?: View,
  ) {
    this.embedders = view?.outer.embedders ?? embedders;
    this.path = path;
    this.settings = settings;
    this.#view = view;
    this.#whole = native;
    this.#native = view === undefined ? native : new ScopedMemory(native, view.scope);
    this.#inFlight = new InFlight(view === undefined ? undefined : view.outer.#inFlight);
    this.#queue = view === undefined ? new WriteQueue(native) : view.outer.#queue;
  }

  /** A handle on the same memory that sees the documents of a scope, and stores new ones there. */
  scoped(fields: unknown): Handle {
    this.assertOpen('scope');
    const view = { outer: this, scope: Scope.of(fields, this.#view?.scope) };
    return new Handle(this.path, this.#whole, this.settings, undefined, view);
  }

  get isReadOnly(): boolean {
    return this.settings.readOnly;
  }

  /** Refuses a call on a closed handle. */
  assertOpen(operation: string): void {
    if (this.#isClosed) throw closed(operation, this.path);
  }

  get #isClosed(): boolean {
    return this.#closed !== undefined || (this.#view !== undefined && this.#view.outer.#isClosed);
  }

  /** The closing of what this is a part of, once that has begun. */
  get #outerClosed(): Promise<void> | undefined {
    if (this.#view === undefined) return undefined;
    const { outer } = this.#view;
    return outer.#closed ?? outer.#outerClosed;
  }

  /** Ends a call that takes documents for as long as there are some, once `close` was called: that may be for ever. */
  refuseMore(): void {
    if (this.#isClosed) throw closedMeanwhile(this.path);
  }

  /**
   * Refuses a step of a call when the file is let go. A call counts from its beginning: what came before `close` takes its
   * further steps behind it.
   */
  #assertHeld(operation: string): void {
    if (this.#isReleased) throw closed(operation, this.path);
    this.#steps += 1;
    if (this.#view !== undefined) this.#view.outer.#assertHeld(operation);
  }

  /** Lets `close` wait for a call that takes several steps. */
  async lasting<T>(call: Promise<T>): Promise<T> {
    const all = this.#withOuter();
    for (const part of all) part.#underWay.add(call);
    try {
      return await call;
    } finally {
      for (const part of all) part.#underWay.delete(call);
    }
  }

  /** This, and what it is a part of. */
  #withOuter(): Handle[] {
    return this.#view === undefined ? [this] : [this, ...this.#view.outer.#withOuter()];
  }

  /** Refuses a call that is about the whole file on a handle that sees a part of it. */
  assertWhole(operation: string): void {
    this.assertOpen(operation);
    if (this.#view !== undefined) throw ofTheWholeFile(operation, this.#view.scope);
  }

  /** Refuses a change on a closed or read-only handle, and one that could never have its turn. */
  assertWritable(operation: string): void {
    this.assertOpen(operation);
    this.#assertChangeable(operation);
  }

  #assertChangeable(operation: string): void {
    if (this.isReadOnly) throw readOnly(operation, this.path, this.settings.salvage === true);
    this.#assertTurn(operation);
  }

  /** Refuses a change that is called by what a change before it waits for. */
  #assertTurn(operation: string): void {
    if (awaitedWork.getStore()?.some(({ queue, isOver }) => queue === this.#queue && !isOver) === true) {
      throw new UnsupportedOperationError(
        `${operation} was called by the embedder that a write of ${this.path} waits for`,
        {
          details: { operation, reason: 'own_embedder' },
          suggestion: 'Write to another memory, or behind that write.',
        },
      );
    }
  }

  /** Does what a queued change waits for: a change that is called by it would wait for itself, and is refused. */
  awaited<T>(work: () => Promise<T>): Promise<T> {
    const entered: Awaited = { queue: this.#queue, isOver: false };
    entries += 1;
    return awaitedWork.run([...(awaitedWork.getStore() ?? []), entered], work).finally(() => {
      // What it leaves behind, a timer or a connection, stays in here for ever.
      entered.isOver = true;
      entries -= 1;
      if (entries === 0) awaitedWork.disable();
    });
  }

  /**
   * Runs a read. It sees every write called on this handle before it, but for those whose vectors are still being made
   * and what was called behind them, and waits for nothing else.
   */
  async read<T>(operation: string, read: (native: NativeMemory) => T | Promise<T>): Promise<T> {
    this.#assertHeld(operation);
    const settled = this.#queue.settled;
    if (settled !== undefined) await settled;
    // What waits on another thread has waited for as long as it may.
    const start = performance.now();
    for (let wasRepeated = false; ;) {
      try {
        return await briefly(() => read(this.#native));
      } catch (error) {
        const failure = failureOn(this.path, error);
        if (failure.code === 'MV007') await this.#settle(start, failure);
        else if (wasRepeated || !isOfTheFile(failure)) throw failure;
        else wasRepeated = true;
      }
    }
  }

  /** Waits where nobody is held up, until what is read is whole or the patience of calls since `start` is over. */
  async #settle(start: number, failure: MemvidError): Promise<void> {
    if (this.#view !== undefined) return this.#view.outer.#settle(start, failure);
    for (let last = failure; ;) {
      const waited = performance.now() - start;
      const left = this.settings.lockTimeoutMs - waited;
      if (left <= 0) throw last;
      try {
        // In pieces, as a process that ends waits for the one it is in, and one for all calls, as each takes a thread.
        this.#settling ??= this.#whole.settle(Math.min(left, 100), waited).finally(() => {
          this.#settling = undefined;
        });
        return await this.#settling;
      } catch (error) {
        last = failureOn(this.path, error);
        if (last.code !== 'MV007') throw last;
      }
    }
  }

  /** How often something was written through this memory, so that what is known of it can be kept until the next time. */
  get changes(): number {
    return this.#view?.outer.changes ?? this.#changes;
  }

  #changed(): void {
    if (this.#view === undefined) this.#changes += 1;
    else this.#view.outer.#changed();
  }

  /**
   * `stats` of what this handle sees, at once and waiting for no write; `undefined` where there are no vectors. Those of a
   * scope are counted only when the file has any: it looks at every frame for them.
   */
  peekVectors(): StatsResult | undefined {
    try {
      // Most memories have none, and a first search is not to wait for all that `stats` tells.
      if (!this.#whole.hasVectors()) return undefined;
      const seen = JSON.parse(this.#native.stats()) as StatsResult;
      return seen.effective_vec_dimension === null ? undefined : seen;
    } catch {
      return undefined; // What is wrong the search itself says.
    }
  }

  /** What is in the file, also where this sees a part of it: for names that must not be there twice. Nothing of it is told. */
  get wholeFile(): WholeFile {
    return this.#whole;
  }

  /** The frame that is stored next, if no other process stores one before. For a write that has its turn. */
  nextFrame(): number {
    return (JSON.parse(this.#whole.stats()) as StatsResult).frame_count;
  }

  /** Numbers in the vectors that are stored now; `undefined` when there are none. */
  async storedDimension(operation: string): Promise<number | undefined> {
    this.#assertHeld(operation);
    return (await this.storedVectors()).dimension;
  }

  /**
   * What the vectors that are stored now are like, and the models that made them and those of pictures. Waits for no write: it only saves
   * requests whose answers could not be stored, and the engine looks again. Calls that came before `close` go on with it.
   */
  async storedVectors(): Promise<{
    dimension: number | undefined;
    identities: readonly StoredIdentity[];
    pictureModel: string | null;
  }> {
    try {
      const stats = JSON.parse(this.#whole.stats()) as StatsResult;
      return {
        dimension: stats.effective_vec_dimension ?? undefined,
        identities: identitiesOf(stats),
        pictureModel: stats.picture_model,
      };
    } catch (error) {
      throw failureOn(this.path, error);
    }
  }

  /** Runs a change in its turn. `ready`: what it waits for when its turn has come; reads do not wait for that. */
  write<T>(
    operation: string,
    write: (native: NativeMemory) => T | Promise<T>,
    ready?: Promise<unknown>,
  ): Promise<T> {
    return this.#change(operation, () => this.#queue.run(() => write(this.#native), ready));
  }

  async #change<T>(operation: string, change: () => Promise<T>): Promise<T> {
    this.#assertHeld(operation);
    this.#assertChangeable(operation);
    try {
      return await change();
    } catch (error) {
      throw failureOn(this.path, error);
    } finally {
      this.#changed();
    }
  }

  /**
   * Runs what asks an embedder, a language model or a source of documents, until `signal` is aborted (MV018) or this handle is closed
   * (MV018): at once for a source, a second later for a question, and ten seconds for a write.
   */
  async embedding<T>(
    operation: string,
    purpose: Purpose,
    signal: AbortSignal | undefined,
    embed: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    try {
      return await this.#inFlight.run(purpose, signal, embed);
    } catch (error) {
      if (signal?.aborted !== true) throw error;
      throw purpose === 'question' ? ended(operation, signal) : aborted(operation, signal);
    }
  }

  /**
   * For a question whose answer comes piece by piece. `close` waits for it as for other questions: a second, and then the
   * signal is aborted.
   */
  streaming(): Entered {
    const entered = this.#inFlight.enter('question');
    const over = new AbortController();
    const isOver = new Promise<void>((resolve) => {
      // Whoever reads it may have stopped, and takes no notice.
      for (const signal of [entered.signal, over.signal]) signal.addEventListener('abort', () => resolve());
      if (entered.signal.aborted) resolve();
    });
    void this.lasting(isOver);
    return {
      signal: entered.signal,
      leave: () => {
        over.abort();
        entered.leave();
      },
    };
  }

  /** Stores one document, together with others that wait. */
  put(operation: string, document: NativeDocument, options: NativePutOptions): Promise<StoredDocument> {
    return this.#change(operation, () => {
      const own = this.#native instanceof ScopedMemory ? this.#native.stamped(document, options) : document;
      return this.#queue.put(own, options);
    });
  }

  /** Builds the index of words. It changes no document, so a read-only handle may do it in memory. */
  async enableLex(): Promise<void> {
    this.assertOpen('enableLex');
    this.#assertTurn('enableLex');
    try {
      await this.#queue.run(() => this.#native.enableLex());
    } catch (error) {
      throw failureOn(this.path, error);
    }
  }

  /** Flushes what was written; nothing to do on a read-only handle. */
  async seal(): Promise<void> {
    this.assertOpen('seal');
    if (this.isReadOnly) return;
    await this.write('seal', (native) => native.seal());
  }

  /** Has something let go when this handle is closed, behind the file. `close` waits a second for it, whatever becomes of it. */
  whenClosed(free: () => unknown): void {
    this.#ends.push(free);
  }

  /** Seals, unless told not to, and lets go of the file. Calling it again waits for the first and does nothing more. */
  close(seal = true): Promise<void> {
    this.#closed ??= this.#release(seal && !this.isReadOnly);
    return this.#closed;
  }

  async #release(seal: boolean): Promise<void> {
    const end = (purpose: Purpose): void => this.#inFlight.end(purpose, closedMeanwhile(this.path));
    // Nobody knows how long a source goes on, which would hold the file.
    end('source');
    // What was promised to be stored may still get its vectors, but an embedder that hangs must not hold the file.
    const timers = [setTimeout(end, SHORT_GRACE, 'question'), setTimeout(end, GRACE, 'write')];
    const pause = (time: number): Promise<void> =>
      new Promise((resolve) => {
        timers.push(setTimeout(resolve, time));
      });
    try {
      const calls = Promise.allSettled(this.#underWay);
      let before = -1;
      // For as long as they get on: no call can be new, and none is cut in the middle of its documents.
      while (this.#underWay.size > 0 && this.#steps > before) {
        before = this.#steps;
        await Promise.race([calls, pause(GRACE + SHORT_GRACE)]);
      }
      this.#isReleased = true;
      await this.#queue.run(async () => {
        // The file is let go of with all of its parts.
        if (this.#outerClosed !== undefined) return;
        try {
          if (seal) await this.#native.seal();
        } finally {
          await this.#native.close(seal);
        }
      });
      await this.#outerClosed;
    } catch (error) {
      throw failureOn(this.path, error);
    } finally {
      if (this.#ends.length > 0) {
        await Promise.race([Promise.allSettled(this.#ends.map(async (free) => free())), pause(SHORT_GRACE)]);
      }
      for (const timer of timers) clearTimeout(timer);
    }
  }
}
