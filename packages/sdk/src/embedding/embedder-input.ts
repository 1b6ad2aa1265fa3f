import { checkNumber, type Embedder, invalidInput } from '@memvid/core';
import { reading } from '../border.js';
import { filledString } from '../check.js';
import { type EmbeddingProvider, fromReference, isReferenceShaped } from './reference-embedder.js';

/** What may be passed as `embedder`: an object, or a name that one of the plugins has. */
export type EmbedderInput = Embedder | EmbeddingProvider | string;

/** An `embedder` argument: the embedder itself, or its name; `undefined` when none was given. */
export function embedderInput(value: unknown, argument: string): Embedder | string | undefined {
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return filledString(value, argument);
  return reading(argument, () => embedderObject(value, argument));
}

/** An object as an `Embedder`: one of this version, or one of the reference's shape through its adapter. */
export function embedderObject(value: unknown, argument: string): Embedder {
  if (typeof value === 'object' && value !== null) {
    const { spec } = value as { spec?: unknown };
    if (spec === 'embedder/v1') return checked(value as Embedder, argument);
    if (spec !== undefined) throw invalidInput(`${argument}.spec`, spec, '"embedder/v1"');
    if (isReferenceShaped(value)) return fromReference(value);
  }
  throw invalidInput(
    argument,
    value,
    'an Embedder, an object with embedDocuments and embedQuery, or the name of an embedder',
  );
}

/** Looks at what the pipeline relies on, so that a fault is told where the embedder comes in. */
function checked(embedder: Embedder, argument: string): Embedder {
  filledString(embedder.provider, `${argument}.provider`);
  filledString(embedder.model, `${argument}.model`);
  checkNumber(`${argument}.maxBatch`, embedder.maxBatch, { min: 1, integer: true });
  if (typeof embedder.embed !== 'function') {
    throw invalidInput(`${argument}.embed`, embedder.embed, 'a function');
  }
  return embedder;
}
