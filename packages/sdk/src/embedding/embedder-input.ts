import { checkEmbedder, checkInteger, declaredDimension, type Embedder, invalidInput } from '@memvid/core';
import { reading } from '../border.js';
import { filledString } from '../check.js';
import { type EmbeddingProvider, fromReference, isReferenceShaped } from './reference-embedder.js';

/** What may be passed as `embedder`: an object, or a name that one of the plugins has. */
export type EmbedderInput = Embedder | EmbeddingProvider | string;

/** Most numbers in a vector that a file can keep. */
const MOST_NUMBERS = 4096;

/** An `embedder` argument: the embedder itself, or its name; `undefined` when none was given. */
export function embedderInput(value: unknown, argument: string): Embedder | string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return filledString(value, argument);
  return reading(argument, () => embedderObject(value, argument));
}

/** An object as an `Embedder`: one of this version, or one of the reference's shape through its adapter. */
export function embedderObject(value: unknown, argument: string): Embedder {
  if (typeof value !== 'object' || value === null) throw noEmbedder(value, argument);
  if ((value as { spec?: unknown }).spec !== undefined) return checked(value, argument);
  if (isReferenceShaped(value)) return checked(fromReference(value), argument);
  throw noEmbedder(value, argument);
}

/** What is wrong with an embedder is told where it comes in, before it is asked for anything. */
function checked(value: object, argument: string): Embedder {
  const embedder = checkEmbedder(value, argument);
  checkInteger(`${argument}.dimensions`, declaredDimension(embedder) ?? 1, { min: 1, max: MOST_NUMBERS });
  return embedder;
}

function noEmbedder(value: unknown, argument: string): Error {
  return invalidInput(
    argument,
    value,
    'an Embedder, an object with embedDocuments and embedQuery, or the name of an embedder',
  );
}
