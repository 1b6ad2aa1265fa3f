import { declaredDimension, embedAll, type Embedder, MemvidError } from '@memvid/core';
import { signalOf } from '../batch-options.js';
import { optionalFilledString, type Options } from '../check.js';
import { embedderMismatch, embeddingFailed, ended, noVectors, vectorsDisabled } from '../failures.js';
import type { Handle } from '../handle.js';
import { identitiesOf, modelsOf, type StatsResult, type StoredIdentity } from '../stats.js';
import { type EmbedderInput, embedderInput } from './embedder-input.js';
import { type EmbeddingVector, finiteVector, vectorOf } from './given-vector.js';
import { canonicalModel, makesVectorsOf, modelForDimension, modelOf, pluginOfProvider } from './models.js';
import { otherModel } from './other-model.js';

/** Ways to give a question a vector. */
export interface QueryVectorInput {
  queryEmbedding?: EmbeddingVector | undefined;
  /** Makes the vector of the question. Default: the one whose vectors the memory holds. */
  embedder?: EmbedderInput | undefined;
  /** The same by the name of an embedder that a plugin has. */
  queryEmbeddingModel?: string | undefined;
  /** Ends the call while the question is embedded: MV018. */
  signal?: AbortSignal | undefined;
}

/** The vector of a question, or the reasons why the search goes by words only. */
export interface QueryVector {
  readonly vector: Float32Array | undefined;
  readonly warnings: string[];
}

export type VectorMode = 'lex' | 'sem' | 'auto';

const UNUSED =
  'The memory was searched by words only, which is the usual `mode`: pass `mode: "auto"` or `"sem"` to search by the vector too.';

/**
 * The vector that a search by meaning needs. `sem` is refused with the error of the first thing missing; `auto` goes on
 * by words and gets the reason as a warning, but for what the call itself asked for.
 */
export async function queryVector(
  handle: Handle,
  operation: string,
  mode: VectorMode,
  options: Options,
  question: string,
): Promise<QueryVector> {
  const given = options['queryEmbedding'] ?? undefined;
  const numbers = given === undefined ? undefined : vectorOf(given, 'queryEmbedding');
  const own = embedderInput(options['embedder'], 'embedder');
  const named = optionalFilledString(options['queryEmbeddingModel'], 'queryEmbeddingModel');
  const signal = signalOf(options['signal']);
  if (isAborted(signal)) throw ended(operation, signal);
  if (mode === 'lex') {
    // Words are the usual way, and who brings a vector may not know it.
    const isBrought = (given ?? own ?? named) !== undefined && (options['mode'] ?? undefined) === undefined;
    return isBrought ? byWords(UNUSED) : byWords();
  }
  if (!handle.settings.enableVec) {
    if (mode === 'sem') throw vectorsDisabled(operation);
    return byWords('The memory was opened with enableVec: false, so it was searched by words only.');
  }
  // The engine compares it with what is stored, and says what is wrong.
  if (numbers !== undefined) return { vector: finiteVector(numbers, undefined), warnings: [] };
  const stats = JSON.parse(await handle.read(operation, (native) => native.stats())) as StatsResult;
  const dimension = stats.effective_vec_dimension;
  if (dimension === null) {
    if (mode === 'sem') throw noVectors(operation);
    return byWords('The memory holds no vectors, so it was searched by words only.');
  }
  const asked = own ?? named;
  const embedded = async (stop: AbortSignal): Promise<QueryVector> => {
    const embedder = await (asked === undefined
      ? embedderOfFile(handle, stats, dimension)
      : handle.embedders.of(asked));
    const declared = declaredDimension(embedder);
    if (declared !== undefined && declared !== dimension) {
      throw embedderMismatch(dimension, modelsOf(identitiesOf(stats)), embedder);
    }
    const { vectors, truncated } = await embedAll(embedder, [question], {
      kind: 'query',
      dimension,
      signal: stop,
      nameOf: () => 'the question',
    });
    return { vector: vectors[0], warnings: [...strangers(embedder, stats), ...cutOff(embedder, truncated)] };
  };
  try {
    return await handle.embedding(operation, 'question', signal, embedded);
  } catch (error) {
    // What the call itself gives is never passed over, and nobody waits for words when the call was ended.
    const isLoud = mode === 'sem' || asked !== undefined || isAborted(signal);
    if (isLoud || !MemvidError.isMemvidError(error)) throw error;
    return byWords(`${error.message}. The memory was searched by words only.`);
  }
}

/** Asked again each time: it changes while others are waited for. */
function isAborted(signal: AbortSignal | undefined): signal is AbortSignal {
  return signal?.aborted === true;
}

function byWords(...warnings: string[]): QueryVector {
  return { vector: undefined, warnings };
}

/**
 * The embedder whose vectors the file holds: by its identity, else the memory's own, else by the dimension of the
 * vectors. MV015 tells which of them failed.
 */
async function embedderOfFile(handle: Handle, stats: StatsResult, dimension: number): Promise<Embedder> {
  const { embedder } = handle.settings;
  const own = embedder === undefined ? undefined : await handle.embedders.of(embedder);
  const known = modelsApart(stats);
  if (own !== undefined && known.some((identity) => makesVectorsOf(own, identity))) return own;
  const [identity, ...others] = known;
  if (others.length > 0) {
    const models = known.map((part) => part.model ?? 'unknown').join(', ');
    throw embeddingFailed(
      `The file holds vectors of several models (${models}), so none of them can be chosen for the question`,
      { reason: 'mixed_identity' },
    );
  }
  if (identity !== undefined) return byIdentity(handle, identity, own);
  if (own !== undefined) return own;
  const model = modelForDimension(dimension);
  if (model === undefined) {
    throw embeddingFailed(
      `The file does not say which model made its vectors, and ${dimension} numbers fit no known one`,
      { reason: 'unknown_identity' },
    );
  }
  return handle.embedders.named(model);
}

/**
 * The models that made the vectors of a file, one entry each. Identities that differ in the name of one model alone, or in
 * what they say of lengths, are of one model: its vectors can be compared.
 */
function modelsApart(stats: StatsResult): readonly StoredIdentity[] {
  const apart = new Map<string, StoredIdentity>();
  for (const identity of identitiesOf(stats)) {
    const { provider, model } = identity;
    if (provider === null && model === null) continue;
    const name = JSON.stringify([provider?.toLowerCase(), model === null ? null : canonicalModel(model)]);
    if (!apart.has(name)) apart.set(name, identity);
  }
  return [...apart.values()];
}

async function byIdentity(
  handle: Handle,
  identity: StoredIdentity,
  own: Embedder | undefined,
): Promise<Embedder> {
  const { provider, model } = identity;
  // A file may name one of the two only.
  const wanted = provider !== null && model !== null ? { provider, model } : modelOf(model ?? provider ?? '');
  const found = wanted === undefined ? undefined : await handle.embedders.ofIdentity(wanted);
  if (found !== undefined) return found;
  if (own !== undefined) throw otherModel(handle, [identity], own);
  const whose = [provider, model].filter((part) => part !== null).join(' ');
  const plugin = wanted === undefined ? undefined : pluginOfProvider(wanted.provider);
  if (wanted !== undefined && plugin !== undefined) {
    throw handle.embedders.missing(`${wanted.provider}:${wanted.model}`);
  }
  throw embeddingFailed(`The question must be embedded with ${whose}, and no embedder for it was given`, {
    reason: 'no_embedder',
    ...(provider === null ? {} : { provider }),
    ...(model === null ? {} : { model }),
  });
}

/** A warning when vectors of the memory were made by another model than that of the question: their nearness means nothing then. */
function strangers(embedder: Embedder, stats: StatsResult): string[] {
  const others = modelsApart(stats).filter((identity) => !makesVectorsOf(embedder, identity));
  if (others.length === 0) return [];
  const isAny = others.length < modelsApart(stats).length;
  return [
    `The question was embedded with ${whoseOf(embedder)}, but ${isAny ? 'some vectors' : 'the vectors'} of the memory were made by ${modelsOf(others, ', ')}: how near they are means little.`,
  ];
}

/** A warning when the embedder read a part of the question only. */
function cutOff(embedder: Embedder, truncated: number | undefined): string[] {
  if (truncated === undefined || truncated === 0) return [];
  return [`The question is longer than ${whoseOf(embedder)} reads: its end was not looked for by meaning.`];
}

function whoseOf({ provider, model }: Embedder): string {
  return `${provider} ${model}`;
}
