import {
  createError,
  embedAll,
  embedEach,
  type Embedder,
  type EmbedResult,
  type ImageEmbedder,
  MemvidError,
} from '@memvid/core';

/** How long one call may take: the first loads a network, and a large picture takes its time. */
const TIMEOUT_MS = 600_000;

/** What an embedder said of one thing. */
interface Blame {
  readonly index: number;
  readonly error: MemvidError;
}

/** What became of things that stand each for itself. */
interface EachVector {
  /** By the numbers of the things; a hole where there is an error. */
  readonly vectors: readonly (Float32Array | undefined)[];
  readonly errors: ReadonlyMap<number, MemvidError>;
  /** What would meet every other thing too. */
  readonly fatal: MemvidError | undefined;
}

interface NumberedVectors {
  /** A vector for each of so many things, or an error. */
  all(count: number, signal: AbortSignal): Promise<readonly Float32Array[]>;
  /** The same for those that have one. */
  each(count: number, signal: AbortSignal): Promise<EachVector>;
}

/** The vectors of things that are known by number: with the batches, tries and checks of every embedder. */
export function numbered(
  { provider, model, dimensions, maxBatch }: ImageEmbedder,
  nameOf: (index: number) => string,
  embed: (indexes: readonly number[], signal: AbortSignal | undefined) => Promise<EmbedResult>,
): NumberedVectors {
  const blames = new Map<unknown, Blame>();
  const embedder: Embedder = {
    spec: 'embedder/v1',
    provider,
    model,
    dimensions,
    maxBatch,
    concurrency: 1,
    timeoutMs: TIMEOUT_MS,
    embed: async (numbers, options) => {
      const indexes = numbers.map(Number);
      try {
        return await embed(indexes, options.signal);
      } catch (error) {
        const place = MemvidError.isMemvidError(error) ? error.details?.['index'] : undefined;
        const index = typeof place === 'number' ? indexes[place] : undefined;
        if (index === undefined) throw error;
        const own = named(error as MemvidError, nameOf(index));
        for (const known of [error, own]) blames.set(known, { index, error: own });
        throw own;
      }
    },
  };
  /** What is wrong with a thing is no failure of who makes the vectors, and is told as it was said. */
  const blameOf = (error: unknown): Blame | undefined =>
    blames.get(error) ?? (MemvidError.isMemvidError(error) ? blames.get(error.cause) : undefined);
  return {
    async all(count, signal) {
      const numbers = Array.from({ length: count }, (_, index) => String(index));
      try {
        return (await embedAll(embedder, numbers, { kind: 'document', signal, nameOf })).vectors;
      } catch (error) {
        throw blameOf(error)?.error ?? error;
      }
    },
    async each(count, signal) {
      const vectors = Array.from<Float32Array | undefined>({ length: count });
      const errors = new Map<number, MemvidError>();
      let dimension: number | undefined;
      let fatal: MemvidError | undefined;
      /** Gives those that are to be tried again. What is embedded by then is not embedded again. */
      const embedSome = async (indexes: readonly number[]): Promise<readonly number[]> => {
        const at = (place: number): number => indexes[place] ?? 0;
        const made = await embedEach(embedder, indexes.map(String), {
          kind: 'document',
          signal,
          dimension,
          nameOf: (place) => nameOf(at(place)),
        });
        dimension ??= made.identity?.dimension;
        made.vectors.forEach((vector, place) => {
          vectors[at(place)] = vector;
        });
        const blame = blameOf(made.stoppedBy);
        if (blame !== undefined) errors.set(blame.index, blame.error);
        for (const { indexes: places, error } of made.failures) {
          // What ended the work with one of them is no fault of the others.
          if (blame !== undefined && error === made.stoppedBy) continue;
          for (const place of places) errors.set(at(place), blameOf(error)?.error ?? error);
        }
        if (blame === undefined) {
          fatal = made.stoppedBy;
          return [];
        }
        return indexes.filter((index) => vectors[index] === undefined && !errors.has(index));
      };
      let rest: readonly number[] = vectors.map((_, index) => index);
      while (rest.length > 0) rest = await embedSome(rest);
      return { vectors, errors, fatal };
    },
  };
}

/** An error about a picture, in which that is called what the caller calls it and not what the embedder does. */
function named(error: MemvidError, name: string): MemvidError {
  const { index: _ofTheCall, ...details } = error.details ?? {};
  return createError(
    error.code,
    error.message.replace(/^images\[\d+\]/, () => name),
    {
      details: { ...details, argument: name },
      suggestion: error.suggestion ?? undefined,
      cause: error,
    },
  );
}
