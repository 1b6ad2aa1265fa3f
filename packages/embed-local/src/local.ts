import {
  checkArray,
  checkOneOf,
  type Embedder,
  type EmbedOptions,
  type EmbedResult,
  invalidInput,
} from '@memvid/core';
import { batchesOf, defaultThreads, Loader, type Row, sha256Of } from '@memvid/onnx';
import { setImmediate } from 'node:timers/promises';
import { failureOf } from './failure.js';
import { type FolderRequest, type ModelFolder, readModelFolder } from './model-folder.js';
import {
  DYNAMIC_SUFFIX,
  type LocalModel,
  modelOfName,
  type Pooling,
  type Prefixes,
  REFERENCE_PROVIDER,
} from './models.js';
import { loadNetwork, type Network } from './network.js';
import { checkedOptions, type LocalOptions, type Variant } from './options.js';
import { pooled } from './pooling.js';

/** Everything that decides what a vector means. Vectors of two models may be compared when all of it is equal. */
export interface ModelDescription {
  readonly provider: string;
  readonly model: string;
  readonly dimensions: number;
  readonly pooling: Pooling;
  readonly normalized: boolean;
  readonly prefixes: Prefixes;
  /** Texts are cut here. */
  readonly maxTokens: number;
  /** How the network keeps its weights. */
  readonly variant: Variant;
  /** Of the network. */
  readonly sha256: string;
  /** The file of the network. */
  readonly path: string;
}

export interface LocalUsage {
  /** Tokens that were computed, without padding. */
  readonly tokens: number;
  /** Texts that were longer than the model takes, and cut. */
  readonly truncated: number;
}

export interface LocalEmbedResult extends EmbedResult {
  readonly usage: LocalUsage;
}

/** An embedder that runs on this machine. */
export interface LocalEmbedder extends Embedder {
  readonly dimensions: number;
  readonly maxTokens: number;
  /** One call computes while the next is taken apart into tokens; more would only wait. */
  readonly concurrency: number;
  /** A slow machine is no failure. */
  readonly timeoutMs: number;
  /** What failed here fails again. */
  readonly maxRetries: number;
  embed(texts: readonly string[], options: EmbedOptions): Promise<LocalEmbedResult>;
  /** Reads the files of the model and says what it is; the network is not loaded for it. */
  describe(): Promise<ModelDescription>;
  /** Waits for calls that run and frees the network. The next call of `embed` loads it again. */
  close(): Promise<void>;
}

/** Most texts of a call, and of what is sorted by length together. */
const MAX_BATCH = 512;
/** How long taking apart may keep the event loop, in milliseconds. */
const SLICE = 8;
/** Batches that are under way: one computes, and the next is ready behind it. */
const LANES = 2;

/**
 * Embeds text with a model on this machine; no socket is opened, ever. The model is looked for and loaded with the
 * first call of `embed`; when it is not there that fails with MV015, which says how to get it.
 *
 * @param name `bge-small` (the default), `bge-base`, `nomic`, `gte-large` or `all-minilm`, or a model's id.
 */
export function local(name: string = 'bge-small', options?: LocalOptions): LocalEmbedder {
  const { model, dynamic, reference } = modelOfName(name);
  const checked = checkedOptions(options);
  const compatible = reference || checked.compatibility === 'reference';
  if (compatible && !model.inReference) {
    throw invalidInput('model', name, 'a model that the reference has, when `compatibility` is given');
  }
  if (dynamic && checked.variant !== undefined && checked.variant !== 'int8dyn') {
    throw invalidInput(
      'variant',
      checked.variant,
      `"int8dyn" for a model with ${DYNAMIC_SUFFIX} in its name`,
    );
  }
  const variant = dynamic ? 'int8dyn' : checked.variant;
  return new LocalModelEmbedder(compatible ? asReference(model) : model, { ...checked, variant }, compatible);
}

/** As the reference runs the model. */
function asReference(model: LocalModel): LocalModel {
  return { ...model, pooling: 'cls', prefixes: { query: '', document: '' }, maxTokens: 512 };
}

class LocalModelEmbedder implements LocalEmbedder {
  readonly spec = 'embedder/v1';
  readonly provider: string;
  readonly model: string;
  readonly dimensions: number;
  readonly maxBatch: number = MAX_BATCH;
  readonly maxTokens: number;
  readonly concurrency: number = 2;
  readonly timeoutMs: number = Number.POSITIVE_INFINITY;
  readonly maxRetries: number = 0;
  readonly #facts: LocalModel;
  readonly #options: LocalOptions;
  readonly #request: FolderRequest;
  readonly #running = new Set<Promise<unknown>>();
  readonly #model = new Loader(
    () => this.#load(),
    ({ network }) => network.usable,
  );

  constructor(facts: LocalModel, options: LocalOptions, compatible: boolean) {
    const { variant, maxTokens, directory } = options;
    this.#facts = facts;
    this.#options = options;
    this.provider = compatible ? REFERENCE_PROVIDER : 'local';
    this.model = variant === 'int8dyn' ? `${facts.id}${DYNAMIC_SUFFIX}` : facts.id;
    this.dimensions = facts.dimensions;
    this.maxTokens = maxTokens ?? facts.maxTokens;
    this.#request = {
      model: facts,
      directory,
      variant,
      // The reference cuts at 512 whatever the files say.
      maxTokens: maxTokens ?? (compatible ? facts.maxTokens : undefined),
      pooling: compatible ? facts.pooling : undefined,
      fail: failureOf(this.provider, this.model),
    };
  }

  async embed(texts: readonly string[], options: EmbedOptions): Promise<LocalEmbedResult> {
    const given = checkArray('texts', texts).map((text, index) => {
      if (typeof text !== 'string') throw invalidInput(`texts[${index}]`, text, 'a string');
      return text;
    });
    const { kind: purpose, signal } = options;
    const kind = checkOneOf('kind', purpose, ['document', 'query']);
    signal?.throwIfAborted();
    if (given.length === 0) return { vectors: [], usage: { tokens: 0, truncated: 0 } };
    const running = this.#embed(given, kind, signal);
    this.#running.add(running);
    try {
      return await running;
    } finally {
      this.#running.delete(running);
    }
  }

  async describe(): Promise<ModelDescription> {
    const { network, pooling, maxTokens, variant } = await readModelFolder(this.#request);
    const { prefixes, normalized } = this.#facts;
    const sha256 = await sha256Of(network, this.#request.fail);
    const { provider, model, dimensions } = this;
    return {
      provider,
      model,
      dimensions,
      pooling,
      normalized,
      prefixes: { ...prefixes },
      maxTokens,
      variant,
      sha256,
      path: network,
    };
  }

  async close(): Promise<void> {
    const loading = this.#model.take();
    await Promise.allSettled(this.#running);
    const loaded = await loading?.catch(() => undefined);
    await loaded?.network.close();
  }

  async #embed(
    texts: readonly string[],
    kind: EmbedOptions['kind'],
    signal: AbortSignal | undefined,
  ): Promise<LocalEmbedResult> {
    const { folder, network } = await this.#model.loaded();
    const { normalized, prefixes } = this.#facts;
    const vectors = Array.from<Float32Array>({ length: texts.length });
    const usage = { tokens: 0, truncated: 0 };
    const prefix = prefixes[kind];
    const budget =
      this.#options.batchTokens ??
      Math.min(4096, Math.max(512, 256 * (this.#options.threads ?? defaultThreads())));
    // The scale of dynamic quantisation is that of a whole batch: alone, a text gets the same vector every time.
    const mostRows = folder.variant === 'int8dyn' ? 1 : Number.POSITIVE_INFINITY;
    const { fail } = this.#request;

    async function* batches(): AsyncGenerator<Row[], undefined> {
      for (let start = 0; start < texts.length; start += MAX_BATCH) {
        const rows: Row[] = [];
        let since = performance.now();
        for (let index = start; index < Math.min(start + MAX_BATCH, texts.length); index += 1) {
          if (performance.now() - since > SLICE) {
            await setImmediate();
            signal?.throwIfAborted();
            since = performance.now();
          }
          const { ids, cut } = network.tokenizer.encode(prefix + (texts[index] ?? ''), folder.maxTokens);
          usage.tokens += ids.length;
          usage.truncated += cut ? 1 : 0;
          rows.push({ index, ids });
        }
        yield* batchesOf(rows, budget, mostRows);
      }
    }

    const queue = batches();
    const lane = async (): Promise<void> => {
      // `for await` would end the queue for the other lane too.
      for (let next = await queue.next(); next.done !== true; next = await queue.next()) {
        const batch = next.value;
        signal?.throwIfAborted();
        const hidden = await network.run(batch, signal);
        batch.forEach(({ index, ids }, row) => {
          const vector = pooled(hidden, row, ids.length, folder.pooling, normalized);
          if (vector === undefined) {
            throw fail(`The network in ${folder.network} gave no usable vector for texts[${index}]`, {
              details: { reason: 'not_finite', path: folder.network, index },
              suggestion: 'Put the network of the published model there.',
            });
          }
          vectors[index] = vector;
        });
      }
    };
    try {
      await Promise.all(Array.from({ length: LANES }, lane));
    } finally {
      await queue.return(undefined);
    }
    return { vectors, usage };
  }

  async #load(): Promise<{ folder: ModelFolder; network: Network }> {
    const folder = await readModelFolder(this.#request);
    const { dimensions } = this.#facts;
    const { threads, runtime } = this.#options;
    const { fail } = this.#request;
    return { folder, network: await loadNetwork({ folder, dimensions, threads, runtime, fail }) };
  }
}
