import {
  checkArray,
  declaredDimension,
  embedAll,
  embedEach,
  type Embedder,
  type EmbeddingIdentity,
  type EmbedProgress,
  invalidInput,
  type MemvidError,
  type NativeDocument,
} from '@memvid/core';
import { reading } from '../border.js';
import { isRecord, optionalBoolean, optionalFilledString, type Options } from '../check.js';
import { getConfig } from '../configure.js';
import { dimensionMismatch, embedderMismatch, vectorOfAnother, vectorsDisabled } from '../failures.js';
import type { Handle } from '../handle.js';
import { isPicture } from '../image.js';
import { type EmbedderInput, embedderInput } from './embedder-input.js';
import type { Vector } from '../vector-column.js';
import { modelsOf } from '../stats.js';
import { checkFilled, type EmbeddingVector, finiteVector, identityOf, vectorOf } from './given-vector.js';
import { makesVectorsOf } from './models.js';
import { otherModel } from './other-model.js';

/** Ways to give a document a vector. */
export interface VectorInput {
  embedding?: EmbeddingVector | undefined;
  embeddingIdentity?: EmbeddingIdentity | undefined;
  /** Makes the vector. Default: the embedder the memory was opened with, if any. */
  embedder?: EmbedderInput | undefined;
  /**
   * Whether a vector is made. Default: `true` when there is an embedder, of the call or of the memory, or an
   * `embeddingModel`, else `false`. `true` without any: by the default of `embeddingModel`.
   */
  enableEmbedding?: boolean | undefined;
  /**
   * The name of an embedder that a plugin has; `embedder` comes first. Default: `defaultEmbeddingProvider` of
   * `configure`, else `"bge-small"`.
   */
  embeddingModel?: string | undefined;
  /** Ends the call before the document is stored, and with it the work of the embedder: MV018. */
  signal?: AbortSignal | undefined;
}

/** A vector on its way into the file, and who made it. */
export interface DocumentVector extends Vector {
  readonly vector: Float32Array;
}

/** The vectors that documents bring, or that stand in the list of the call, each looked at when its document is taken. */
export class ListedVectors {
  readonly #list: readonly unknown[] | undefined;
  readonly #identity: unknown;

  /** `count`: of the documents, when it is known. */
  constructor(handle: Handle, operation: string, options: Options, count: number | undefined) {
    const list = options['embeddings'];
    this.#list = vectorList(list, count ?? (Array.isArray(list) ? list.length : 0), true);
    this.#identity = options['embeddingIdentity'];
    identityOf(this.#identity, 'embeddingIdentity', undefined);
    if (this.#list !== undefined && !handle.settings.enableVec) throw vectorsDisabled(operation);
  }

  of(document: unknown, index: number): Vector | undefined {
    const own = broughtVector(document, index, this.#identity);
    if (own !== undefined || this.#list === undefined) return own;
    const argument = `embeddings[${index}]`;
    return givenVector(this.#list[index], argument, index, this.#identity, 'embeddingIdentity');
  }

  /** MV019 when documents and vectors turn out not to be equally many: they may be shifted against each other. */
  checkCount(count: number): void {
    if (this.#list !== undefined) vectorList(this.#list, count, true);
  }
}

/**
 * The vectors that the documents of a large batch bring, looked at one after the other as the documents are taken, and
 * copied by who takes them. What does not fit the file the engine refuses.
 */
export class GivenVectors {
  readonly #operation: string;
  readonly #isEnabled: boolean;
  readonly #listed: ListedVectors;
  #dimension: number | undefined;

  /** `count`: of the documents, when it is known. */
  constructor(handle: Handle, operation: string, options: Options, count: number | undefined) {
    this.#operation = operation;
    this.#isEnabled = handle.settings.enableVec;
    this.#listed = new ListedVectors(handle, operation, options, count);
  }

  of(document: unknown, index: number): Vector | undefined {
    const vector = this.#listed.of(document, index);
    if (vector === undefined) return undefined;
    if (!this.#isEnabled) throw vectorsDisabled(this.#operation);
    this.#dimension ??= vector.vector.length;
    if (vector.vector.length !== this.#dimension) {
      throw dimensionMismatch(this.#dimension, vector.vector.length, index);
    }
    return vector;
  }
}

/** What a write asks for in vectors, checked in itself. */
export interface VectorRequest {
  /** By the number of the document. */
  readonly given: ReadonlyMap<number, DocumentVector>;
  /** Makes those that are not given. */
  readonly embedder: Embedder | string | undefined;
  /** Whether the call itself asks for them: then a text that has none is an error, else it goes without. */
  readonly isAsked: boolean;
  /**
   * Whether the call itself names the embedder: who brings one beside vectors says who made them. The memory's own says
   * nothing about vectors that come from elsewhere.
   */
  readonly isNamed: boolean;
  /** Documents, by number, for which none is made because they say so. */
  readonly leftOut?: ReadonlySet<number> | undefined;
}

const DEFAULT_MODEL = 'bge-small';

/** The vector that a document brings, with its identity; `undefined` when it brings none. */
function vectorOfDocument(
  document: unknown,
  index: number | undefined,
  fallback?: unknown,
): DocumentVector | undefined {
  const given = broughtVector(document, index, fallback);
  return given && copied(given, index);
}

function broughtVector(document: unknown, index: number | undefined, fallback: unknown): Vector | undefined {
  const at = index === undefined ? '' : `docs[${index}].`;
  const [given, identity] = reading(`${at}embedding`, () =>
    isRecord(document) ? [document['embedding'], document['embeddingIdentity']] : [],
  );
  if (given === undefined || given === null) {
    identityOf(identity, `${at}embeddingIdentity`, undefined);
    return undefined;
  }
  return givenVector(given, `${at}embedding`, index, identity ?? fallback, `${at}embeddingIdentity`);
}

function givenVector(
  given: unknown,
  argument: string,
  index: number | undefined,
  identity: unknown,
  identityArgument: string,
): Vector {
  const vector = vectorOf(given, argument);
  checkFilled(vector, index);
  return { vector, identity: identityOf(identity, identityArgument, vector.length) };
}

/** The vector in numbers of its own, whatever becomes of those that were given. */
export function copied({ vector, identity }: Vector, index: number | undefined): DocumentVector {
  return { vector: finiteVector(vector, index), identity };
}

/**
 * What a write asks for in vectors; `undefined` when it asks for none. `batch`: messages name documents by number, of
 * which that of the first is `start`.
 */
export function vectorRequest(
  handle: Handle,
  operation: string,
  options: Options,
  documents: readonly unknown[],
  batch: boolean,
  start: number = 0,
): VectorRequest | undefined {
  const own = embedderInput(options['embedder'], 'embedder');
  const wanted = optionalBoolean(options['enableEmbedding'], 'enableEmbedding', undefined);
  const model = optionalFilledString(options['embeddingModel'], 'embeddingModel');
  const list = vectorList(options['embeddings'], documents.length, batch);
  const brings = documents.map((document) => hasEmbedding(document));
  const isNamed = model !== undefined && wanted !== false;
  const isAsked =
    own !== undefined || wanted === true || isNamed || list !== undefined || brings.includes(true);
  // Before any vector is looked at: what is switched off is switched off.
  if (isAsked && !handle.settings.enableVec) throw vectorsDisabled(operation);
  const identity = options['embeddingIdentity'];
  identityOf(identity, 'embeddingIdentity', undefined);
  const given = new Map<number, DocumentVector>();
  documents.forEach((document, index) => {
    const vector =
      vectorOfDocument(document, batch ? start + index : undefined, identity) ??
      (list &&
        copied(
          givenVector(list[index], `embeddings[${index}]`, index, identity, 'embeddingIdentity'),
          index,
        ));
    if (vector !== undefined) given.set(index, vector);
  });
  checkSizes(given, batch, start);
  const embedder = embedderFor(handle, own, wanted, model);
  if (given.size === 0 && embedder === undefined) return undefined;
  const leftOut =
    batch && embedder !== undefined
      ? new Set(documents.flatMap((document, index) => (isLeftOut(document) ? [index] : [])))
      : undefined;
  return { given, embedder, isAsked, isNamed: own !== undefined || isNamed, leftOut };
}

/** Who makes the vectors that are not given. */
function embedderFor(
  handle: Handle,
  own: Embedder | string | undefined,
  wanted: boolean | undefined,
  model: string | undefined,
): Embedder | string | undefined {
  if (own !== undefined) return own;
  if (wanted === true || (wanted !== false && model !== undefined)) {
    return model ?? handle.settings.embedder ?? getConfig().defaultEmbeddingProvider ?? DEFAULT_MODEL;
  }
  return wanted === false ? undefined : handle.settings.embedder;
}

/** Whether a document of a batch says that no vector is to be made of it. */
export function isLeftOut(document: unknown): boolean {
  return reading(
    'enableEmbedding',
    () =>
      isRecord(document) &&
      (document['enableEmbedding'] === false ||
        // Nothing can be said of a picture without words.
        (!document['text'] && !document['searchText'] && isPicture(document))),
  );
}

function hasEmbedding(document: unknown): boolean {
  return reading('embedding', () => isRecord(document) && (document['embedding'] ?? undefined) !== undefined);
}

function vectorList(value: unknown, count: number, batch: boolean): unknown[] | undefined {
  if (!batch || value === undefined || value === null) return undefined;
  if (!Array.isArray(value) || value.length !== count) {
    throw invalidInput('embeddings', value, `an array of ${count} vectors, one for each document`);
  }
  return checkArray('embeddings', value, 'an array of vectors');
}

/** MV014 when the vectors of one call are not of one size. */
function checkSizes(given: ReadonlyMap<number, DocumentVector>, batch: boolean, start: number): void {
  let expected: number | undefined;
  for (const [index, { vector }] of given) {
    expected ??= vector.length;
    if (vector.length !== expected) {
      throw dimensionMismatch(expected, vector.length, batch ? start + index : undefined);
    }
  }
}

/** How the vectors of a write are made. */
export interface MakingOptions {
  readonly signal?: AbortSignal | undefined;
  /** `onEmbedding` of the call. */
  readonly onProgress?: ((progress: EmbedProgress) => unknown) | undefined;
  /** What a document's text is called in messages. */
  readonly nameOf: (index: number) => string;
}

/** What became of each document. */
export interface MadeVectors {
  readonly vectors: readonly (DocumentVector | undefined)[];
  /** By the number of the document. */
  readonly errors: ReadonlyMap<number, MemvidError>;
  /** The error that would meet every other document too. */
  readonly fatal: MemvidError | undefined;
}

/**
 * The vectors of a write, one a document, or an error and nothing stored. Begins to embed at once, so that several
 * writes embed at the same time; each is stored when its turn comes.
 */
export async function documentVectors(
  handle: Handle,
  operation: string,
  request: VectorRequest,
  texts: readonly string[],
  options: MakingOptions,
): Promise<readonly (DocumentVector | undefined)[]> {
  return (await make(embedAll, handle, operation, request, texts, options)).vectors;
}

/** The same for documents that stand each for itself: those whose text cannot be embedded are told with the error. */
export function eachDocumentVector(
  handle: Handle,
  operation: string,
  request: VectorRequest,
  texts: readonly string[],
  options: MakingOptions,
): Promise<MadeVectors> {
  return make(embedEach, handle, operation, request, texts, options);
}

async function make(
  embed: typeof embedAll | typeof embedEach,
  handle: Handle,
  operation: string,
  request: VectorRequest,
  texts: readonly string[],
  options: MakingOptions,
): Promise<MadeVectors> {
  return handle.embedding(operation, 'write', options.signal, (signal) =>
    makeWith(embed, handle, request, texts, { ...options, signal }),
  );
}

async function makeWith(
  embed: typeof embedAll | typeof embedEach,
  handle: Handle,
  request: VectorRequest,
  texts: readonly string[],
  { signal, onProgress, nameOf }: MakingOptions,
): Promise<MadeVectors> {
  const missing = indexesWithout(request, texts);
  // Without texts it is asked whether vectors could be made. An embedder that has nothing to do need not fit.
  const isNeeded = missing.length > 0 || texts.length === 0 || request.isNamed;
  const { embedder, dimension, given } = await prepare(handle, request, isNeeded);
  const vectors = texts.map((_, index) => given(index));
  const errors = new Map<number, MemvidError>();
  if (embedder === undefined || missing.length === 0) return { vectors, errors, fatal: undefined };
  const outcome = await embed(
    embedder,
    missing.map((index) => texts[index] ?? ''),
    {
      kind: 'document',
      signal,
      onProgress,
      progressName: 'onEmbedding',
      dimension,
      nameOf: (place) => nameOf(missing[place] ?? 0),
    },
  );
  missing.forEach((index, place) => {
    const vector = outcome.vectors[place];
    if (vector !== undefined) vectors[index] = { vector, identity: outcome.identity };
  });
  for (const { indexes, error } of outcome.failures) {
    for (const place of indexes) errors.set(missing[place] ?? 0, error);
  }
  return { vectors, errors, fatal: outcome.stoppedBy };
}

/** The documents that the embedder is asked for. A blank text has no vector, unless the call insists on one. */
function indexesWithout(request: VectorRequest, texts: readonly string[]): number[] {
  return texts.flatMap((text, index) =>
    request.given.has(index) ||
    request.leftOut?.has(index) === true ||
    (!request.isAsked && text.trim() === '')
      ? []
      : [index],
  );
}

/** The embedder behind its name, and what the file asks of vectors. Everything that can be refused without a request is. */
async function prepare(
  handle: Handle,
  { given, embedder, isNamed }: VectorRequest,
  isNeeded: boolean,
): Promise<{
  embedder: Embedder | undefined;
  dimension: number | undefined;
  given: (index: number) => DocumentVector | undefined;
}> {
  // That of the memory is there already, and what it declares is asked of vectors that come from elsewhere.
  const isThere = isNeeded || embedder === handle.settings.embedder;
  const made = embedder === undefined || !isThere ? undefined : await handle.embedders.of(embedder);
  const first = given.values().next().value?.vector.length;
  const { dimension: stored, identities } = await handle.storedVectors();
  for (const [index, { vector }] of given) {
    if (stored !== undefined && vector.length !== stored) {
      throw dimensionMismatch(stored, vector.length, given.size > 1 || index > 0 ? index : undefined);
    }
  }
  const declared = made && declaredDimension(made);
  // In a memory without vectors the embedder says how long they are: a given one that is not, and does not say that it is
  // of another model, is at fault.
  if (made !== undefined && declared !== undefined && stored === undefined) {
    for (const [index, { vector, identity }] of given) {
      if (vector.length === declared || (!isNeeded && identity !== undefined)) continue;
      const number = given.size > 1 || index > 0 ? index : undefined;
      throw vectorOfAnother(made, declared, vector.length, number);
    }
  }
  const dimension = stored ?? first;
  const isOther = declared !== undefined && dimension !== undefined && declared !== dimension;
  if (made !== undefined && isNeeded && isOther) {
    throw embedderMismatch(dimension, modelsOf(identities), made);
  }
  // Who names an embedder in the call, or a vector's model, may want vectors of both.
  const isOurs =
    made === undefined || identities.length === 0 || identities.some((one) => makesVectorsOf(made, one));
  if (isNeeded && !isNamed && !isOurs) throw otherModel(handle, identities, made);
  return {
    embedder: isNeeded ? made : undefined,
    dimension,
    given(index) {
      const vector = given.get(index);
      const isAsItIs = made === undefined || !isNamed || vector?.identity !== undefined;
      if (vector === undefined || isAsItIs) return vector;
      const identity = {
        provider: made.provider.toLowerCase(),
        model: made.model,
        dimension: vector.vector.length,
        normalized: isUnit(vector.vector),
      };
      return { vector: vector.vector, identity };
    },
  };
}

/** Whether a vector has length 1, as far as 32-bit numbers can hold it. */
function isUnit(vector: Float32Array): boolean {
  const squares = vector.reduce((sum, number) => sum + number * number, 0);
  return Math.abs(Math.sqrt(squares) - 1) <= 1e-6;
}

/**
 * Whether a given vector is as long as the embedder of the memory makes them, as far as it is known without asking, or is
 * said to be of another model.
 */
export function fitsOwn({ settings: { embedder } }: Handle, { vector, identity }: DocumentVector): boolean {
  if (embedder === undefined || identity !== undefined) return true;
  return typeof embedder !== 'string' && (declaredDimension(embedder) ?? vector.length) === vector.length;
}

/** Looks at vectors that documents bring one after the other. What the file says is asked for once. */
export class BroughtVectors {
  readonly #handle: Handle;
  readonly #operation: string;
  #dimension: Promise<number | undefined> | undefined;

  constructor(handle: Handle, operation: string) {
    this.#handle = handle;
    this.#operation = operation;
  }

  /** Refuses a vector of another size than those before it, or than the file's. */
  async check({ vector }: DocumentVector, index: number): Promise<void> {
    if (!this.#handle.settings.enableVec) throw vectorsDisabled(this.#operation);
    this.#dimension ??= this.#handle.storedDimension(this.#operation);
    const expected = await this.#dimension;
    if (expected !== undefined && vector.length !== expected) {
      throw dimensionMismatch(expected, vector.length, index);
    }
    if (expected === undefined) this.#dimension = Promise.resolve(vector.length);
  }
}

/** The document with its vector, as the engine takes it. */
export function withVector(document: NativeDocument, vector: DocumentVector | undefined): NativeDocument {
  if (vector === undefined) return document;
  return Object.assign(document, {
    vector: vector.vector,
    ...(vector.identity === undefined ? {} : { vectorIdentity: vector.identity }),
  });
}

/** What of a document a vector is made of: what is indexed. */
export function textToEmbed({ searchText, text }: NativeDocument): string {
  return searchText ?? text ?? '';
}
