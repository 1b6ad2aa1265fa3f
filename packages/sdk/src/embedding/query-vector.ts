import { embedAll, type Embedder, type EmbeddingIdentity, MemvidError } from '@memvid/core';
import { optionalFilledString, type Options } from '../check.js';
import { embedderMismatch, embeddingFailed, noVectors, vectorsDisabled } from '../failures.js';
import type { Handle } from '../handle.js';
import { identitiesOf, modelsOf, type StatsResult, type StoredIdentity } from '../stats.js';
import { type EmbedderInput, embedderInput } from './embedder-input.js';
import { finiteVector, vectorOf } from './given-vector.js';
import { modelForDimension, modelOf, pluginOfProvider } from './models.js';

/** Ways to give a question a vector. */
export interface QueryVectorInput {
  queryEmbedding?: readonly number[] | Float32Array | undefined;
  /** Makes the vector of the question. Default: the one whose vectors the memory holds. */
  embedder?: EmbedderInput | undefined;
  /** The same by the name of an embedder that a plugin has. */
  queryEmbeddingModel?: string | undefined;
}

/** The vector of a question, or the reasons why the search goes by words only. */
export interface QueryVector {
  readonly vector: Float32Array | undefined;
  readonly warnings: string[];
}

export type VectorMode = 'lex' | 'sem' | 'auto';

const BY_WORDS = 'so the memory was searched by words only.';

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
  if (mode === 'lex') return byWords();
  if (!handle.settings.enableVec) {
    if (mode === 'sem') throw vectorsDisabled(operation);
    return byWords(`The memory was opened with enableVec: false, ${BY_WORDS}`);
  }
  // The engine compares it with what is stored, and says what is wrong.
  if (numbers !== undefined) return { vector: finiteVector(numbers, undefined), warnings: [] };
  const stats = JSON.parse(await handle.read(operation, (native) => native.stats())) as StatsResult;
  const dimension = stats.effective_vec_dimension;
  if (dimension === null) {
    if (mode === 'sem') throw noVectors(operation);
    return byWords(`The memory holds no vectors, ${BY_WORDS}`);
  }
  const asked = own ?? named;
  const withoutVector = (error: unknown): QueryVector => {
    if (mode === 'sem' || asked !== undefined || !MemvidError.isMemvidError(error)) throw error;
    return byWords(`${error.message}, ${BY_WORDS}`);
  };
  let embedder: Embedder;
  try {
    embedder = await (asked === undefined
      ? embedderOfFile(handle, stats, dimension)
      : handle.embedders.of(asked));
  } catch (error) {
    return withoutVector(error);
  }
  if (embedder.dimensions !== undefined && embedder.dimensions !== dimension) {
    throw embedderMismatch(dimension, modelsOf(identitiesOf(stats)), embedder);
  }
  try {
    const { vectors } = await embedAll(embedder, [question], {
      kind: 'query',
      dimension,
      nameOf: () => 'the question',
    });
    return { vector: vectors[0], warnings: asked === undefined ? [] : strangers(embedder, stats) };
  } catch (error) {
    return withoutVector(error);
  }
}

function byWords(...warnings: string[]): QueryVector {
  return { vector: undefined, warnings };
}

/**
 * The embedder whose vectors the file holds: by its identity, else the memory's own, else by the dimension of the
 * vectors. MV015 tells which of them failed.
 */
async function embedderOfFile(handle: Handle, stats: StatsResult, dimension: number): Promise<Embedder> {
  const identity = stats.embedding_identity;
  if (identity !== null && 'mixed' in identity) {
    const models = identity.mixed.map((part) => part.model ?? 'unknown').join(', ');
    throw embeddingFailed(
      `The file holds vectors of several models (${models}), so none of them can be chosen for the question`,
      { reason: 'mixed_identity' },
    );
  }
  const { embedder } = handle.settings;
  const own = embedder === undefined ? undefined : await handle.embedders.of(embedder);
  if (identity !== null && (identity.provider !== null || identity.model !== null)) {
    if (own !== undefined && isOf(own, identity)) return own;
    return byIdentity(handle, identity, own);
  }
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

async function byIdentity(
  handle: Handle,
  { provider, model }: StoredIdentity,
  own: Embedder | undefined,
): Promise<Embedder> {
  // A file may name one of the two only.
  const wanted = provider !== null && model !== null ? { provider, model } : modelOf(model ?? provider ?? '');
  const found = wanted === undefined ? undefined : await handle.embedders.ofIdentity(wanted);
  if (found !== undefined) return found;
  const whose = [provider, model].filter((part) => part !== null).join(' ');
  const plugin = wanted === undefined ? undefined : pluginOfProvider(wanted.provider);
  if (wanted !== undefined && plugin !== undefined) {
    throw handle.embedders.missing(`${wanted.provider}:${wanted.model}`);
  }
  const other =
    own === undefined ? 'no embedder for it was given' : `the memory was opened with ${whoseOf(own)}`;
  throw embeddingFailed(`The question must be embedded with ${whose}, and ${other}`, {
    reason: 'no_embedder',
    ...(provider === null ? {} : { provider }),
    ...(model === null ? {} : { model }),
  });
}

/** Whether an embedder makes the vectors of an identity; what the file does not say does not contradict. */
function isOf(embedder: Embedder, identity: StoredIdentity | EmbeddingIdentity): boolean {
  const { provider, model } = identity;
  return (
    (provider === null ||
      provider === undefined ||
      provider.toLowerCase() === embedder.provider.toLowerCase()) &&
    (model === null || model === undefined || sameModel(model, embedder.model))
  );
}

function sameModel(left: string, right: string): boolean {
  const full = (name: string): string => (modelOf(name)?.model ?? name).toLowerCase();
  return full(left) === full(right);
}

/** A warning when the embedder of a call is not the one that made the vectors: their nearness means nothing then. */
function strangers(embedder: Embedder, stats: StatsResult): string[] {
  const known = identitiesOf(stats);
  if (known.length === 0 || known.some((part) => isOf(embedder, part))) return [];
  return [
    `The question was embedded with ${whoseOf(embedder)}, but the vectors of the memory were made by ${modelsOf(known, ', ')}: how near they are means little.`,
  ];
}

function whoseOf({ provider, model }: Embedder): string {
  return `${provider} ${model}`;
}
