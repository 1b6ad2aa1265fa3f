import { checkArray, invalidInput, type EmbeddingIdentity, UnsupportedOperationError } from '@memvid/core';
import { reading } from './border.js';
import { isRecord, optionalBoolean, optionalFilledString, type Options } from './check.js';
import {
  dimensionMismatch,
  embeddingFailed,
  noVectors,
  semanticNotYet,
  vectorsDisabled,
} from './failures.js';
import type { Handle } from './handle.js';
import type { StatsResult } from './stats.js';
import { keyVariable, modelForDimension, runtimeOfModel } from './embedding-models.js';

/** An embedding provider in the shape the reference uses; `Embedder` objects of `@memvid/core` do as well. */
export interface EmbeddingProvider {
  readonly dimension: number;
  readonly modelName: string;
  readonly provider?: string | undefined;
  embedDocuments(texts: string[]): Promise<number[][]>;
  embedQuery(text: string): Promise<number[]>;
}

/** Ways to give a document a vector. */
export interface VectorInput {
  embedding?: readonly number[] | Float32Array | undefined;
  embeddingIdentity?: EmbeddingIdentity | undefined;
  embedder?: EmbeddingProvider | object | undefined;
  enableEmbedding?: boolean | undefined;
  embeddingModel?: string | undefined;
}

/** Ways to give a question a vector. */
export interface QueryVectorInput {
  queryEmbedding?: readonly number[] | Float32Array | undefined;
  embedder?: EmbeddingProvider | object | undefined;
  queryEmbeddingModel?: string | undefined;
}

export interface VectorRequest {
  readonly vectors: readonly { readonly vector: ArrayLike<number>; readonly index: number | undefined }[];
  readonly hasEmbedder: boolean;
  readonly model: string | undefined;
}

const DEFAULT_MODEL = 'bge-small';

/** The vector that a document brings, checked in itself. */
export function vectorOfDocument(
  document: unknown,
  index: number,
  batch: boolean,
): ArrayLike<number> | undefined {
  const vector = reading(`docs[${index}].embedding`, () =>
    isRecord(document) ? document['embedding'] : undefined,
  );
  if (vector === undefined || vector === null) return undefined;
  return vectorOf(vector, batch ? `docs[${index}].embedding` : 'embedding');
}

/** What a write asks for in vectors, checked in itself; `undefined` when it asks for none. */
export function vectorRequest(
  options: Options,
  documents: readonly unknown[],
  batch: boolean,
): VectorRequest | undefined {
  const vectors: { vector: ArrayLike<number>; index: number | undefined }[] = [];
  documents.forEach((document, index) => {
    const vector = vectorOfDocument(document, index, batch);
    if (vector !== undefined) vectors.push({ vector, index: batch ? index : undefined });
  });
  if (batch && options['embeddings'] !== undefined && options['embeddings'] !== null) {
    const given = options['embeddings'];
    if (!Array.isArray(given) || given.length !== documents.length) {
      throw invalidInput(
        'embeddings',
        given,
        `an array of ${documents.length} vectors, one for each document`,
      );
    }
    checkArray('embeddings', given, 'an array of vectors').forEach((vector, index) =>
      vectors.push({ vector: vectorOf(vector, `embeddings[${index}]`), index }),
    );
  }
  const hasEmbedder = embedderGiven(options['embedder']);
  const wanted = optionalBoolean(options['enableEmbedding'], 'enableEmbedding', false);
  const model = optionalFilledString(options['embeddingModel'], 'embeddingModel');
  const missing = wanted && !hasEmbedder && vectors.length < documents.length;
  if (vectors.length === 0 && !hasEmbedder && !missing) return undefined;
  return { vectors, hasEmbedder, model: missing ? (model ?? DEFAULT_MODEL) : undefined };
}

/**
 * Refuses what a write asks for in vectors, with the error of its first fault. Nothing has been stored yet.
 * This version searches by words: a sound vector is refused too (MV018) instead of being dropped in silence.
 */
export async function checkVectors(
  handle: Handle,
  operation: string,
  request: VectorRequest | undefined,
): Promise<void> {
  if (request === undefined) return;
  if (!handle.settings.enableVec) throw vectorsDisabled(operation);
  request.vectors.forEach(({ vector, index }) => checkFinite(vector, index));
  if (request.model !== undefined) throw noRuntime(request.model);
  const stored = await storedDimension(handle);
  const expected = stored ?? request.vectors[0]?.vector.length;
  for (const { vector, index } of request.vectors) {
    if (expected !== undefined && vector.length !== expected) {
      throw dimensionMismatch(expected, vector.length, index);
    }
  }
  throw new UnsupportedOperationError(
    `${operation} was given ${request.vectors.length > 0 ? 'vectors' : 'an embedder'}, but this version does not store vectors yet; nothing was stored`,
    {
      details: { operation },
      suggestion:
        'Leave `embedding`, `embeddings` and `embedder` out: documents are found by their words with `find(query)`.',
    },
  );
}

/**
 * Looks at what a search by meaning would need. `sem` is refused with the error of the first thing missing;
 * `auto` goes on by words and gets the reason as a warning.
 */
export async function checkQueryVector(
  handle: Handle,
  operation: string,
  mode: 'lex' | 'sem' | 'auto',
  options: Options,
): Promise<string[]> {
  const given = options['queryEmbedding'] ?? undefined;
  const vector = given === undefined ? undefined : vectorOf(given, 'queryEmbedding');
  const hasEmbedder = embedderGiven(options['embedder']);
  const model = optionalFilledString(options['queryEmbeddingModel'], 'queryEmbeddingModel');
  if (mode === 'lex') return [];
  if (!handle.settings.enableVec) {
    if (mode === 'sem') throw vectorsDisabled(operation);
    return ['The memory was opened with enableVec: false, so it was searched by words only.'];
  }
  if (vector !== undefined) checkFinite(vector, undefined);
  const stats = JSON.parse(await handle.read(operation, (native) => native.stats())) as StatsResult;
  const dimension = stats.effective_vec_dimension;
  if (dimension === null) {
    if (mode === 'sem') throw noVectors(operation);
    return ['The memory holds no vectors, so it was searched by words only.'];
  }
  if (vector !== undefined && vector.length !== dimension) throw dimensionMismatch(dimension, vector.length);
  if (vector === undefined && !hasEmbedder) {
    if (mode === 'sem') throw noQueryRuntime(stats, model);
    return ['Neither queryEmbedding nor embedder was given, so the memory was searched by words only.'];
  }
  if (mode === 'sem') throw semanticNotYet(operation);
  return ['This version does not search by meaning yet, so the memory was searched by words only.'];
}

/** The vector of a call that cannot do without one. */
function vectorOf(value: unknown, argument: string): ArrayLike<number> {
  if (Array.isArray(value) || ArrayBuffer.isView(value)) {
    const list = value as unknown as ArrayLike<unknown>;
    if (typeof list.length === 'number') {
      for (let index = 0; index < list.length; index += 1) {
        if (typeof list[index] !== 'number') {
          throw invalidInput(`${argument}[${index}]`, list[index], 'a number');
        }
      }
      return list as ArrayLike<number>;
    }
  }
  throw invalidInput(argument, value, 'an array of numbers or a Float32Array');
}

/** MV015 for a vector that has no direction to compare. */
function checkFinite(vector: ArrayLike<number>, index: number | undefined): void {
  const which = index === undefined ? 'The given vector' : `Vector ${index}`;
  if (vector.length === 0) throw embeddingFailed(`${which} is empty`, { reason: 'empty_vector' });
  for (let at = 0; at < vector.length; at += 1) {
    if (!Number.isFinite(vector[at])) {
      throw embeddingFailed(`${which} is not finite: number ${at} is ${vector[at]}`, {
        reason: 'non_finite',
      });
    }
  }
}

function embedderGiven(value: unknown): boolean {
  if (value === undefined || value === null) return false;
  const usable =
    typeof value === 'object' &&
    (typeof (value as Options)['embedDocuments'] === 'function' ||
      typeof (value as Options)['embed'] === 'function');
  if (!usable) {
    throw invalidInput('embedder', value, 'an object with embedDocuments and embedQuery, or an Embedder');
  }
  return true;
}

async function storedDimension(handle: Handle): Promise<number | undefined> {
  const stats = JSON.parse(await handle.read('stats', (native) => native.stats())) as StatsResult;
  return stats.effective_vec_dimension ?? undefined;
}

function noRuntime(model: string): Error {
  const runtime = runtimeOfModel(model);
  if (runtime === undefined) {
    return embeddingFailed(`There is no embedding model "${model}"; nothing was stored`, {
      reason: 'unknown_model',
      model,
    });
  }
  const { provider, packageName } = runtime;
  const variable = keyVariable(provider);
  if (variable !== undefined && !process.env[variable]) {
    const message = `The embedding model "${model}" needs a key, and ${variable} is not set; nothing was stored`;
    return embeddingFailed(message, { reason: 'missing_key', provider, model, variable });
  }
  const message = `The embedding model "${model}" needs the package ${packageName}; nothing was stored`;
  return embeddingFailed(message, { reason: 'plugin_missing', provider, model, package: packageName });
}

/** Why no model can be found to embed the question: by name, by the file's identity, by its dimension. */
function noQueryRuntime(stats: StatsResult, named: string | undefined): Error {
  const identity = stats.embedding_identity;
  if (named === undefined && identity !== null && 'mixed' in identity) {
    const models = identity.mixed.map((part) => part.model ?? 'unknown').join(', ');
    const message = `The file holds vectors of several models (${models}), so none of them can be chosen for the question`;
    return embeddingFailed(message, { reason: 'mixed_identity' });
  }
  const single = identity === null || 'mixed' in identity ? undefined : identity;
  const model = named ?? single?.model ?? modelForDimension(stats.effective_vec_dimension ?? 0);
  if (model === undefined) {
    const message = `The file does not say which model made its vectors, and ${stats.effective_vec_dimension} numbers fit no known one`;
    return embeddingFailed(message, { reason: 'unknown_identity' });
  }
  const runtime = runtimeOfModel(model);
  const provider = named === undefined ? (single?.provider ?? runtime?.provider) : runtime?.provider;
  if (provider === undefined) {
    return embeddingFailed(`There is no embedding model "${model}"`, { reason: 'unknown_model', model });
  }
  const variable = keyVariable(provider);
  if (variable !== undefined && !process.env[variable]) {
    const message = `The question must be embedded with ${provider} ${model}, and ${variable} is not set`;
    return embeddingFailed(message, { reason: 'missing_key', provider, model, variable });
  }
  const message = `The question must be embedded with ${provider} ${model}, and no embedder for it was given`;
  return embeddingFailed(message, { reason: 'no_embedder', provider, model });
}
