import type { Embedder, MemvidError } from '@memvid/core';
import { embeddingFailed } from '../failures.js';
import type { Handle } from '../handle.js';
import { modelsOf, type StoredIdentity } from '../stats.js';
import { pluginOfProvider } from './models.js';

/**
 * MV015 for the embedder of a memory whose vectors are of another model: the two cannot be compared. A file that was opened
 * with the wrong embedder is not to be spoilt by it.
 */
export function otherModel(
  handle: Handle,
  stored: readonly StoredIdentity[],
  { provider, model }: Embedder,
): MemvidError {
  const theirs = modelsOf(stored) ?? 'another model';
  const isOpenedWith = handle.settings.embedder !== undefined;
  const own = `${isOpenedWith ? 'it was opened with' : 'the embedder is'} ${provider} ${model}`;
  return embeddingFailed(
    `The vectors of the memory are of ${theirs}, and ${own}: open it with an embedder of ${theirs}, or make all vectors anew with \`reembed\``,
    { reason: 'other_model', provider, model, expected: theirs },
    {
      suggestion: `${howToOpen(handle, stored, provider) ?? `Open the memory with an embedder of ${theirs}.`} Or change the model: \`reembed({ embedder })\` gives every document a vector of it.`,
    },
  );
}

/** The lines that bring the one embedder that fits, where a package has it that is not here. */
function howToOpen(
  { embedders }: Handle,
  [identity, ...others]: readonly StoredIdentity[],
  own: string,
): string | null | undefined {
  if (identity === undefined || others.length > 0) return undefined;
  const { provider, model } = identity;
  if (provider === null || model === null || provider.toLowerCase() === own.toLowerCase()) return undefined;
  if (pluginOfProvider(provider) === undefined || embedders.has(identity)) return undefined;
  return embedders.missing(`${provider}:${model}`).suggestion;
}
