import {
  createError,
  type Embedder,
  embedEach,
  type EmbeddingIdentity,
  invalidInput,
  MemvidError,
  type NativeMemory,
  toMemvidError,
  UnsupportedOperationError,
} from '@memvid/core';
import { signalOf } from './batch-options.js';
import { optionalFunction, optionalNumber, optionsOf } from './check.js';
import { type EmbedderInput, embedderInput } from './embedding/embedder-input.js';
import { embeddingFailed, vectorsDisabled } from './failures.js';
import type { Handle } from './handle.js';
import type { StoredIdentity } from './stats.js';

export interface ReembedInput {
  /** Makes the new vectors. Default: the embedder the memory was opened with. */
  embedder?: EmbedderInput | undefined;
  /** Documents whose vectors are stored together, 1 to 100 000. Default 2048. */
  batchSize?: number | undefined;
  /** Called behind each batch. What it throws ends the call; a later one goes on from there. */
  onProgress?: ((progress: ReembedProgress) => void) | undefined;
  /** Ends the call behind the batch in flight; a later one goes on from there. */
  signal?: AbortSignal | undefined;
}

export interface ReembedProgress {
  /** Documents that have a vector of this embedder: those of an earlier call too. */
  readonly embedded: number;
  /** Documents without a word, and those whose text the embedder refused. */
  readonly skipped: number;
  readonly total: number;
}

/** What became of the documents. */
export interface ReembedResult extends ReembedProgress {
  /** Of `embedded`, those that had such a vector before. */
  readonly kept: number;
  /** The documents whose text the embedder refused; they keep the vector they had. */
  readonly failed: readonly { readonly frame_id: number; readonly error: MemvidError }[];
  /** Who made the vectors now. */
  readonly identity: EmbeddingIdentity;
}

const DEFAULT_BATCH = 2048;
/** Others may write while vectors are made: how often what they wrote is taken in before it is given up. */
const MOST_ROUNDS = 5;
const NO_VECTOR = -2;

/** The active documents, and what made the vector of each. */
interface Listed {
  readonly identities: readonly StoredIdentity[];
  readonly ids: readonly number[];
  readonly made_by: readonly number[];
}

/** A document with its new vector. */
type Made = readonly [id: number, vector: Float32Array];

/**
 * Gives every document a vector of one embedder.
 *
 * A file has vectors of one size. When the new ones are of the size of those that are stored, they take their place batch
 * by batch, each durably, and a call that was ended goes on where it stopped: documents that have a vector of this
 * embedder are passed over. Otherwise all of them are made first, kept in memory, and take the place of the old ones in
 * one step; until then the old ones serve, and a call that was ended begins anew.
 */
export async function reembed(handle: Handle, options?: ReembedInput): Promise<ReembedResult> {
  handle.assertWhole('reembed');
  handle.assertWritable('reembed');
  if (!handle.settings.enableVec) throw vectorsDisabled('reembed');
  const given = optionsOf(options);
  const chosen = embedderInput(given['embedder'], 'embedder') ?? handle.settings.embedder;
  if (chosen === undefined) {
    throw invalidInput('embedder', chosen, 'an embedder, of the call or of the memory');
  }
  const batchSize =
    optionalNumber(given['batchSize'], 'batchSize', { min: 1, max: 100_000, integer: true }) ?? DEFAULT_BATCH;
  const onProgress: ReembedInput['onProgress'] = optionalFunction(given['onProgress'], 'onProgress');
  const run = new Run(handle, {
    embedder: await handle.embedders.of(chosen),
    batchSize,
    onProgress,
    signal: signalOf(given['signal']),
  });
  return run.result();
}

interface Settings extends Pick<ReembedInput, 'onProgress' | 'signal'> {
  readonly embedder: Embedder;
  readonly batchSize: number;
}

class Run {
  readonly #handle: Handle;
  readonly #settings: Settings;
  /** Of the vectors that were made. */
  #identity: EmbeddingIdentity | undefined;
  readonly #failed = new Map<number, MemvidError>();
  readonly #blank = new Set<number>();
  #total = 0;
  #embedded = 0;
  #kept = 0;

  constructor(handle: Handle, settings: Settings) {
    this.#handle = handle;
    this.#settings = settings;
  }

  async result(): Promise<ReembedResult> {
    const listed = await this.#list();
    const todo = listed.ids.filter((_, at) => !this.#isDone(listed, at));
    this.#total = listed.ids.length;
    this.#kept = this.#total - todo.length;
    this.#embedded = this.#kept;
    const stored = await this.#handle.storedDimension('reembed');
    // Some tell their size with their first answer only.
    const first = await this.#make(todo.slice(0, this.#settings.batchSize));
    const size = first[0]?.[1].length;
    if (size === undefined || stored === undefined || size === stored) {
      await this.#replaceByBatches(todo, first);
    } else {
      await this.#replaceAll(listed, first);
    }
    const { provider, model, dimensions } = this.#settings.embedder;
    const dimension = dimensions ?? stored;
    return {
      ...this.#progress(),
      kept: this.#kept,
      failed: [...this.#failed].map(([frame_id, error]) => ({ frame_id, error })),
      identity: this.#identity ?? {
        provider: provider.toLowerCase(),
        model,
        ...(dimension === undefined ? {} : { dimension }),
      },
    };
  }

  /** New vectors beside old ones of the same size. */
  async #replaceByBatches(todo: readonly number[], first: readonly Made[]): Promise<void> {
    let made = first;
    for (let at = 0; at < todo.length;) {
      await this.#store(made);
      at += this.#settings.batchSize;
      this.#report();
      if (at < todo.length) made = await this.#make(todo.slice(at, at + this.#settings.batchSize));
    }
  }

  /** New vectors of another size than the old ones: all of them in one step. */
  async #replaceAll(listed: Listed, first: readonly Made[]): Promise<void> {
    const made = new Map(first);
    this.#embedded = made.size;
    this.#kept = 0;
    this.#report();
    let current = listed;
    for (let round = 1; ; round += 1) {
      const open = current.ids.filter((id) => !made.has(id) && !this.#isSkipped(id));
      for (let at = 0; at < open.length; at += this.#settings.batchSize) {
        for (const [id, vector] of await this.#make(open.slice(at, at + this.#settings.batchSize))) {
          made.set(id, vector);
        }
        this.#embedded = made.size;
        this.#report();
      }
      this.#refuseLeftBehind(current, made);
      const active = new Set(current.ids);
      try {
        this.#embedded = await this.#set([...made].filter(([id]) => active.has(id)));
        return;
      } catch (error) {
        // Somebody stored, changed or removed documents meanwhile.
        const isMoved = MemvidError.isMemvidError(error) && ['MV010', 'MV014'].includes(error.code);
        if (!isMoved || round === MOST_ROUNDS) throw error;
        current = await this.#list();
        this.#total = current.ids.length;
      }
    }
  }

  /** A document whose old vector cannot be replaced would keep one of another size. */
  #refuseLeftBehind({ ids, made_by: madeBy }: Listed, made: ReadonlyMap<number, Float32Array>): void {
    const left = ids.find((id, at) => madeBy[at] !== NO_VECTOR && !made.has(id));
    if (left === undefined) return;
    const error = this.#failed.get(left);
    throw embeddingFailed(
      `Document ${left} has a vector and ${error === undefined ? 'no text to make a new one of' : `its text got no new one (${error.message})`}: vectors of another size must replace all of them, so none was replaced`,
      { reason: 'left_behind' },
      {
        suggestion: `Change the document with \`update(${left}, { text })\`, or remove it, and call \`reembed\` again.`,
        cause: error,
      },
    );
  }

  /** The vectors of documents. Those without a word, and those that the embedder refuses, are noted. */
  async #make(ids: readonly number[]): Promise<Made[]> {
    const { embedder, signal } = this.#settings;
    this.#refuseAborted();
    const texts: { readonly id: number; readonly text: string }[] = [];
    await this.#handle.read('reembed', (native) => {
      for (const id of ids) {
        const text = textOf(native, id);
        if (text === undefined) continue;
        if (text.trim() === '') this.#blank.add(id);
        else texts.push({ id, text });
      }
    });
    if (texts.length === 0) return [];
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
    this.#refuseAborted();
    if (outcome.stoppedBy !== undefined) throw outcome.stoppedBy;
    for (const { indexes, error } of outcome.failures) {
      for (const index of indexes) this.#failed.set(texts[index]?.id ?? -1, error);
    }
    this.#identity ??= outcome.identity;
    return texts.flatMap(({ id }, index) => {
      const vector = outcome.vectors[index];
      return vector === undefined ? [] : [[id, vector] as const];
    });
  }

  /** Stores vectors of the size there is; documents that went meanwhile are left out. */
  async #store(made: readonly Made[]): Promise<void> {
    for (let round = 1, left = made; left.length > 0; round += 1) {
      try {
        this.#embedded += await this.#set(left);
        return;
      } catch (error) {
        if (!MemvidError.isMemvidError(error) || error.code !== 'MV010' || round === MOST_ROUNDS) throw error;
        const active = new Set((await this.#list()).ids);
        this.#total -= left.filter(([id]) => !active.has(id)).length;
        left = left.filter(([id]) => active.has(id));
      }
    }
  }

  #set(made: readonly Made[]): Promise<number> {
    const size = made[0]?.[1].length ?? 0;
    const flat = new Float32Array(made.length * size);
    made.forEach(([, vector], index) => flat.set(vector, index * size));
    const ids = made.map(([id]) => id);
    return this.#handle.write('reembed', (native) => native.setVectors(ids, flat, this.#identity ?? {}));
  }

  async #list(): Promise<Listed> {
    return JSON.parse(await this.#handle.read('reembed', (native) => native.embeddedFrames())) as Listed;
  }

  /** Whether the vector of a document is one of this embedder. */
  #isDone({ identities, made_by: madeBy }: Listed, at: number): boolean {
    const identity = identities[madeBy[at] ?? NO_VECTOR];
    const { provider, model, dimensions } = this.#settings.embedder;
    return (
      identity !== undefined &&
      identity.provider === provider.toLowerCase() &&
      identity.model === model &&
      (dimensions === undefined || identity.dimension === dimensions)
    );
  }

  #isSkipped(id: number): boolean {
    return this.#failed.has(id) || this.#blank.has(id);
  }

  #progress(): ReembedProgress {
    return {
      embedded: this.#embedded,
      skipped: this.#failed.size + this.#blank.size,
      total: this.#total,
    };
  }

  #report(): void {
    try {
      this.#settings.onProgress?.(this.#progress());
    } catch (cause) {
      throw createError('MV019', '`onProgress` must be a function that does not throw', {
        details: { argument: 'onProgress', received: 'an error', expected: 'a function that does not throw' },
        cause,
      });
    }
  }

  #refuseAborted(): void {
    const { signal } = this.#settings;
    if (signal?.aborted !== true) return;
    const { embedded, total } = this.#progress();
    throw new UnsupportedOperationError(
      `reembed was ended by its signal when ${embedded} of ${total} documents had their new vector`,
      {
        details: { operation: 'reembed', reason: 'aborted', embedded, total },
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
