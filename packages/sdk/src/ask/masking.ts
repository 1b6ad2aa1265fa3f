import type { AskResult } from '../ask.js';
import { mask } from '../mask-pii.js';

/** Keys whose text came from documents. Names, numbers and the caller's own question stay. */
const TEXT_KEYS: ReadonlySet<string> = /* @__PURE__ */ new Set([
  'answer',
  'text',
  'context',
  'snippet',
  'title',
  'content',
  'available_topics',
  'suggestions',
  'tags',
  'labels',
  'metadata',
]);

/** The result with personal data masked wherever stored text shows: answer, context, hits, fragments, sources, chunks. */
export function maskedResult(result: AskResult): AskResult {
  return masked(result);
}

/** The same of a part of a result. */
export function masked<T>(value: T): T {
  return maskedValue(value, false) as T;
}

function maskedValue(value: unknown, isText: boolean): unknown {
  if (typeof value === 'string') return isText ? mask(value) : value;
  if (Array.isArray(value)) return value.map((item) => maskedValue(item, isText));
  if (typeof value !== 'object' || value === null) return value;
  return Object.fromEntries(
    Object.entries(value).map(([key, part]) => [key, maskedValue(part, isText || TEXT_KEYS.has(key))]),
  );
}
