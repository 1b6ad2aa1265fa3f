import { toMemvidError, type NativeDocument, type NativeMemory, type NativePutOptions } from '@memvid/core';
import { isEnvironmental } from './failures.js';
import { fieldsInOrder } from './native-fields.js';

/** What became of one document. */
export interface StoredDocument {
  /** Frame id. With `dedupe: "skip"` and an equal document present: the id of that one. */
  readonly id: number;
  /** The frame that held the same content before, when there was one. */
  readonly duplicateOf: number | null;
}

interface PendingPut {
  readonly document: NativeDocument;
  readonly options: NativePutOptions;
  readonly resolve: (stored: StoredDocument) => void;
  readonly reject: (error: unknown) => void;
}

interface Run {
  readonly run: () => Promise<void>;
  /** Whether what it needs, the vectors of its documents, is not there yet. */
  isWaiting: boolean;
}

type Job = { readonly put: PendingPut } | Run;

/** Most documents and characters that waiting `put`s may be joined to in one transaction. */
const MOST_DOCUMENTS = 1024;
const MOST_CHARACTERS = 8 * 1024 * 1024;

/** Most characters of a document that is stored while its caller waits. */
const SHORT = 16 * 1024;

/** Milliseconds of one turn of the event loop that may go into puts whose callers wait. */
const MOST_OF_A_TURN = 5;

/**
 * Runs the writes of one handle in the order they were called. While one is in flight, further single
 * `put`s gather and go as one transaction with one sync; a single `put` on an idle handle goes at once.
 *
 * On a fast disk a lone short `put` is over before another thread would have begun with it, so it is stored at
 * once, on this one: never two in a row without a microtask between them, never while the last puts came together
 * (one sync for all of them is cheaper), and never for longer than a part of a turn of the event loop.
 *
 * Each keeps its own outcome: when a joined transaction is refused, its documents are tried one by one.
 */
export class WriteQueue {
  readonly #native: NativeMemory;
  readonly #jobs: Job[] = [];
  readonly #waiting: { readonly after: number; readonly resolve: () => void }[] = [];
  #running: Promise<void> | undefined;
  #added = 0;
  #taken = 0;
  #finished = 0;
  /** The write that has its turn, when it is no `put`. */
  #current: Run | undefined;
  /** How many writes wait for what they need. */
  #unready = 0;
  /** Whether a put was stored at once since the last microtask. */
  #justStored = false;
  /** Whether the last puts of this handle came together. */
  #crowded = false;
  /** Milliseconds spent in this turn of the event loop; `undefined` before the first put of the turn. */
  #spent: number | undefined;

  constructor(native: NativeMemory) {
    this.#native = native;
  }

  /**
   * Resolves when every write called so far is done, whatever became of it; `undefined` when there is none to wait for.
   * One whose vectors are still being made may take its time and is not waited for, nor is what comes behind it.
   */
  get settled(): Promise<void> | undefined {
    if (this.#running === undefined || this.#current?.isWaiting === true) return undefined;
    const ahead = this.#unready === 0 ? -1 : this.#jobs.findIndex((job) => 'run' in job && job.isWaiting);
    const after = ahead < 0 ? this.#added : this.#taken + ahead;
    if (after <= this.#finished) return undefined;
    return new Promise((resolve) => {
      this.#waiting.push({ after, resolve });
    });
  }

  async put(document: NativeDocument, options: NativePutOptions): Promise<StoredDocument> {
    const id = this.#putAtOnce(document, options);
    if (id !== null) return { id, duplicateOf: null };
    return new Promise((resolve, reject) => {
      this.#add({ put: { document, options, resolve, reject } });
    });
  }

  /** The id of the document when it could be stored without further ado. */
  #putAtOnce(document: NativeDocument, options: NativePutOptions): number | null {
    const spent = this.#spent ?? 0;
    if (this.#running !== undefined || this.#justStored || this.#crowded) return null;
    if (spent > MOST_OF_A_TURN || lengthOf(document) > SHORT || options.dedupe !== 'keep') return null;
    if (options.vectorCompression === true || options.enrich === false) return null;
    const start = performance.now();
    let id: number | null;
    try {
      id = this.#native.putAtOnce(fieldsInOrder(document), options.compressionLevel);
    } catch (error) {
      throw toMemvidError(error);
    }
    if (id === null) return null;
    this.#justStored = true;
    queueMicrotask(() => {
      this.#justStored = false;
    });
    if (this.#spent === undefined) {
      setImmediate(() => {
        this.#spent = undefined;
        this.#native.indexLog();
      });
    }
    this.#spent = spent + performance.now() - start;
    return id;
  }

  /** Runs a write of another kind when its turn has come; `ready` is what it waits for then, if anything. */
  run<T>(write: () => T | Promise<T>, ready?: Promise<unknown>): Promise<T> {
    return new Promise((resolve, reject) => {
      const job: Run = {
        run: async () => {
          try {
            resolve(await write());
          } catch (error) {
            reject(error as Error);
          }
        },
        isWaiting: ready !== undefined,
      };
      if (ready !== undefined) {
        this.#unready += 1;
        const isReady = (): void => {
          job.isWaiting = false;
          this.#unready -= 1;
        };
        ready.then(isReady, isReady);
      }
      this.#add(job);
    });
  }

  #add(job: Job): void {
    this.#jobs.push(job);
    this.#added += 1;
    this.#running ??= this.#drain();
  }

  async #drain(): Promise<void> {
    for (let job = this.#jobs.shift(); job !== undefined; job = this.#jobs.shift()) {
      const group = 'put' in job ? this.#joined(job.put) : undefined;
      this.#taken += group?.length ?? 1;
      this.#current = 'run' in job ? job : undefined;
      await ('run' in job ? job.run() : this.#putTogether(group ?? []));
      this.#finished += group?.length ?? 1;
      while (this.#waiting[0] !== undefined && this.#waiting[0].after <= this.#finished) {
        this.#waiting.shift()?.resolve();
      }
    }
    this.#current = undefined;
    this.#running = undefined;
  }

  /** The given put and those behind it that may share its transaction. */
  #joined(first: PendingPut): PendingPut[] {
    const group = [first];
    let characters = lengthOf(first.document);
    while (group.length < MOST_DOCUMENTS) {
      const next = this.#jobs[0];
      if (next === undefined || !('put' in next) || !sameOptions(next.put.options, first.options)) break;
      characters += lengthOf(next.put.document);
      if (characters > MOST_CHARACTERS) break;
      group.push(next.put);
      this.#jobs.shift();
    }
    return group;
  }

  async #putTogether(group: PendingPut[]): Promise<void> {
    const options = group[0]?.options;
    if (options === undefined) return;
    this.#crowded = group.length > 1;
    const outcomes = await storeEach(
      this.#native,
      group.map((put) => put.document),
      options,
    );
    outcomes.forEach((outcome, index) => {
      const put = group[index];
      if ('error' in outcome) put?.reject(outcome.error);
      else put?.resolve(outcome);
    });
  }
}

/**
 * Stores documents as one transaction and, when that is refused, one by one, so that a bad document never
 * fails its neighbours. What concerns the file and not a document (locked, damaged, read-only) is not retried.
 */
export async function storeEach(
  native: NativeMemory,
  documents: readonly NativeDocument[],
  options: NativePutOptions,
): Promise<(StoredDocument | { error: Error })[]> {
  try {
    return await store(native, documents, options);
  } catch (error) {
    const failure = toMemvidError(error);
    if (documents.length === 1 || isEnvironmental(failure)) return documents.map(() => ({ error: failure }));
  }
  const outcomes: (StoredDocument | { error: Error })[] = [];
  for (const document of documents) outcomes.push(...(await storeEach(native, [document], options)));
  return outcomes;
}

/** Stores documents as one transaction: all or none. */
export async function store(
  native: NativeMemory,
  documents: readonly NativeDocument[],
  options: NativePutOptions,
): Promise<StoredDocument[]> {
  const { ids, duplicateOf } = await native.put([...documents], options);
  return ids.map((id, index) => ({ id, duplicateOf: duplicateOf[index] ?? null }));
}

/** The same for who wants to know nothing but the frame ids. */
export async function storedIds(
  native: NativeMemory,
  documents: readonly NativeDocument[],
  options: NativePutOptions,
): Promise<string[]> {
  return (await store(native, documents, options)).map(({ id }) => String(id));
}

function lengthOf(document: NativeDocument): number {
  return (document.text?.length ?? 0) + (document.bytes?.length ?? 0);
}

function sameOptions(left: NativePutOptions, right: NativePutOptions): boolean {
  return (
    left.compressionLevel === right.compressionLevel &&
    left.dedupe === right.dedupe &&
    left.vectorCompression === right.vectorCompression &&
    left.enrich === right.enrich
  );
}
