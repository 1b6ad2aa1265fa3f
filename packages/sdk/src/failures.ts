import {
  ClosedHandleError,
  createError,
  EmbeddingFailedError,
  type MemvidError,
  PluginMissingError,
  ReadOnlyError,
  toMemvidError,
  UnsupportedOperationError,
  VecDimensionMismatchError,
  VecIndexDisabledError,
} from '@memvid/core';

/** The failures that several calls share, worded once. */

export function readOnly(operation: string, path: string, isSalvaged: boolean): ReadOnlyError {
  const option = isSalvaged ? 'salvage' : 'readOnly';
  return new ReadOnlyError(`${operation} changes ${path}, which was opened with ${option}: true`, {
    details: { operation, path },
    ...(isSalvaged
      ? { suggestion: 'Repair the file with `use.doctor(path)`, and open it without `salvage`.' }
      : {}),
  });
}

export function closed(operation: string, path: string): ClosedHandleError {
  return new ClosedHandleError(`${operation} was called on ${path} after close()`, {
    details: { operation, path },
  });
}

/** A call of the contract that this version does not carry out. Said, never passed over in silence. */
export function notYet(operation: string, what: string, suggestion: string): UnsupportedOperationError {
  return new UnsupportedOperationError(`${operation} is not available in this version: ${what}`, {
    details: { operation },
    suggestion,
  });
}

/** No plugin that was passed can do `what`; `maker` is what the package exports to make one that can. */
export function pluginMissing(
  operation: string,
  what: string,
  packageName: string,
  maker: string,
): PluginMissingError {
  return new PluginMissingError(
    `${operation} needs a plugin of ${packageName}, and none was passed: ${what}`,
    {
      details: { operation, package: packageName },
      suggestion: `Install it: npm install ${packageName}. Then pass it: import { ${maker} } from '${packageName}', and open(path, { plugins: [${maker}()] }).`,
    },
  );
}

/** The signal given to a call was aborted. */
export function ended(operation: string, signal: AbortSignal, how = ''): UnsupportedOperationError {
  return new UnsupportedOperationError(`${operation} was ended by its signal${how}`, {
    details: { operation, reason: 'aborted' },
    cause: signal.reason,
  });
}

/** The signal given to a write was aborted before anything was stored. */
export function aborted(operation: string, signal: AbortSignal): UnsupportedOperationError {
  return ended(operation, signal, ' before anything was stored');
}

/** The memory was closed while code of others worked for a call: a source of documents, an embedder, a language model, a reader. */
export function closedMeanwhile(path: string): ClosedHandleError {
  return new ClosedHandleError(
    `${path} was closed while this call waited for documents, an embedder, a language model or a reader of documents`,
    {
      details: { path, reason: 'closed' },
    },
  );
}

export function vectorsDisabled(operation: string): VecIndexDisabledError {
  return new VecIndexDisabledError(
    `${operation} works with vectors, but the memory was opened with enableVec: false`,
    {
      details: { operation, reason: 'disabled' },
    },
  );
}

export function noVectors(operation: string): VecIndexDisabledError {
  return new VecIndexDisabledError(
    `${operation} searches by meaning, but there are no vectors stored yet in this memory`,
    {
      details: { operation, reason: 'empty' },
    },
  );
}

function vectorAt(index: number | undefined): string {
  return index === undefined ? 'the given vector' : `vector ${index}`;
}

function sizesOf(
  expected: number,
  actual: number,
  index: number | undefined,
): { expected: number; actual: number; index?: number } {
  return index === undefined ? { expected, actual } : { expected, actual, index };
}

export function dimensionMismatch(
  expected: number,
  actual: number,
  index?: number,
): VecDimensionMismatchError {
  return new VecDimensionMismatchError(
    `Vector dimension mismatch: expected ${expected} numbers, but ${vectorAt(index)} has ${actual}`,
    { details: sizesOf(expected, actual, index) },
  );
}

/** MV014 for a given vector that does not fit the embedder of the same call or memory, where nothing else says a size. */
export function vectorOfAnother(
  { provider, model }: { readonly provider: string; readonly model: string },
  expected: number,
  actual: number,
  index?: number,
): VecDimensionMismatchError {
  return new VecDimensionMismatchError(
    `Vector dimension mismatch: expected ${expected} numbers, as ${provider} ${model} makes them, but ${vectorAt(index)} has ${actual}`,
    {
      details: sizesOf(expected, actual, index),
      suggestion: `Pass a vector of ${provider} ${model}, or none, so that it is made; vectors of another model go into a memory opened without this embedder.`,
    },
  );
}

/** MV014 for an embedder whose vectors do not fit those of the file. */
export function embedderMismatch(
  expected: number,
  stored: string | undefined,
  embedder: { readonly dimensions?: number | undefined; readonly provider: string; readonly model: string },
): VecDimensionMismatchError {
  const { dimensions: actual, provider, model } = embedder;
  const theirs = stored === undefined ? '' : `, as ${stored} makes them`;
  return new VecDimensionMismatchError(
    `Vector dimension mismatch: expected ${expected} numbers${theirs}, but ${provider} ${model} makes ${actual}`,
    { details: { expected, actual } },
  );
}

export function embeddingFailed(
  message: string,
  details: {
    reason: string;
    provider?: string;
    model?: string;
    variable?: string;
    package?: string;
    expected?: string;
  },
  options: { suggestion?: string; cause?: unknown } = {},
): EmbeddingFailedError {
  return new EmbeddingFailedError(message, { details, ...options });
}

/** Whether a failure is about a document that was to be stored, and not about the memory. */
function isOfDocument({ details }: MemvidError): boolean {
  return details?.['reason'] === 'document';
}

/**
 * What the engine threw about a file, as a `MemvidError` whose message names the file. The engine says where in the
 * file the damage is; a person who has several files also wants to know in which.
 */
export function failureOn(path: string, thrown: unknown): MemvidError {
  const failure = toMemvidError(thrown);
  if (failure.code !== 'MV012' || isOfDocument(failure) || failure.message.includes(path)) return failure;
  return createError(failure.code, `${path}: ${failure.message}`, {
    details: { path, ...failure.details },
    suggestion: failure.suggestion ?? undefined,
    cause: failure.cause ?? failure,
  });
}

/**
 * The same of a call that takes a path and makes no memory there: where no file is, the path is wrong, or the folder
 * that another file is to be written to is missing.
 */
export function failureOfInput(path: string, thrown: unknown): MemvidError {
  const failure = failureOn(path, thrown);
  if (failure.code !== 'MV013' || failure.details?.['reason'] !== undefined) return failure;
  return missing(failure, failure.details?.['path'] === path ? 'input' : 'parent');
}

/** An MV013 that says what is missing, which leads to the right suggestion. */
export function missing(failure: MemvidError, reason: 'input' | 'parent'): MemvidError {
  return createError('MV013', failure.message, {
    details: { ...failure.details, reason },
    cause: failure.cause ?? failure,
  });
}

/** What a parser threw about the file it read, as a failure that names this file and no memory. */
export function failureOfDocument(name: string, failure: MemvidError): MemvidError {
  if (failure.code !== 'MV012' || isOfDocument(failure)) return failure;
  const message = failure.message.includes(name) ? failure.message : `${name}: ${failure.message}`;
  return createError(failure.code, message, {
    details: { path: name, ...failure.details, reason: 'document' },
    suggestion: failure.suggestion ?? undefined,
    cause: failure.cause ?? failure,
  });
}

/** True for failures that concern the file or the handle: every other document would fail in the same way. */
export function isEnvironmental(error: MemvidError): boolean {
  return ['MV007', 'MV012', 'MV013', 'MV018'].includes(error.code) || error.details?.['reason'] === 'disk';
}
