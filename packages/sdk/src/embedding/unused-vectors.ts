import type { Handle } from '../handle.js';
import { identitiesOf, modelsOf } from '../stats.js';

/** What was found out about a memory, and behind how many changes. */
const known = /* @__PURE__ */ new WeakMap<
  Handle,
  { readonly changes: number; readonly warnings: string[] }
>();

/**
 * A warning when a memory that holds vectors is searched by words because nobody said otherwise: whoever stored them wants
 * them used, and forgot the embedder when opening, or takes a plugin for one. Asked of the file once, and again when
 * something was written through this memory.
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
  const models = modelsOf(identities) ?? 'an unnamed model';
  // A plugin only says who could embed a question; that one is to be embedded is said by `embedder` or `mode`.
  const named = identities.find((identity) => handle.embedders.has(identity));
  const instead =
    named === undefined
      ? 'pass the same `embedder` to `open`'
      : `a plugin makes such vectors, so pass \`embedder: "${named.provider}:${named.model}"\` to \`open\`, or \`mode: "auto"\``;
  return [
    `The memory holds vectors of ${models} and was opened without an embedder, so it was searched by words only: ${instead}, or \`mode: "lex"\` where words are what you want.`,
  ];
}
