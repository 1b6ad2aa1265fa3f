import type { Handle } from '../handle.js';
import { identitiesOf, modelsOf } from '../stats.js';

/** What was found out about a memory, and behind how many changes. */
const known = /* @__PURE__ */ new WeakMap<
  Handle,
  { readonly changes: number; readonly warnings: string[] }
>();

/**
 * A warning when a memory that holds vectors is searched by words because nobody said otherwise: whoever stored them wants
 * them used, and forgot the embedder when opening. None when an embedder that makes them is registered, so that
 * `mode: "auto"` does it. Asked of the file once, and again when something was written through this memory.
 */
export function unusedVectors(handle: Handle): string[] {
  if (!handle.settings.enableVec) return [];
  const { changes } = handle;
  const before = known.get(handle);
  if (before?.changes === changes) return before.warnings;
  const warnings = warningsOf(handle);
  known.set(handle, { changes, warnings });
  return warnings;
}

function warningsOf(handle: Handle): string[] {
  const stats = handle.peekVectors();
  if (stats === undefined) return [];
  const identities = identitiesOf(stats);
  if (identities.some((identity) => handle.embedders.has(identity))) return [];
  const models = modelsOf(identities) ?? 'an unnamed model';
  return [
    `The memory holds vectors of ${models} and was opened without an embedder, so it was searched by words only: pass the same \`embedder\` to \`open\`, or \`mode: "lex"\` where words are what you want.`,
  ];
}
