import type { Embedder } from '../providers/embedder.js';
import { checkInteger, checkNumber, checkString, invalidInput } from '../validate.js';

/** How the calls of an embedder are made; numbers that a caller may set as well. */
export type CallSettings = Pick<Embedder, 'concurrency' | 'timeoutMs' | 'maxRetries'>;

/**
 * Looks at what the pipeline relies on: MV019 that names the member. A `concurrency` of 0 would do no work, and a
 * `maxRetries` that is no number would never end.
 */
export function checkEmbedder(value: unknown, argument: string): Embedder {
  if (typeof value !== 'object' || value === null) throw invalidInput(argument, value, 'an Embedder');
  const embedder = value as Embedder;
  if (embedder.spec !== 'embedder/v1') {
    throw invalidInput(`${argument}.spec`, embedder.spec, '"embedder/v1"');
  }
  checkString(`${argument}.provider`, embedder.provider, { notBlank: true });
  checkString(`${argument}.model`, embedder.model, { notBlank: true });
  checkInteger(`${argument}.maxBatch`, embedder.maxBatch, { min: 1 });
  // 0 stands for a size that only the first answer tells.
  whole(`${argument}.dimensions`, embedder.dimensions, 0);
  atLeast(`${argument}.maxTokens`, embedder.maxTokens, 1);
  atLeast(`${argument}.maxBatchTokens`, embedder.maxBatchTokens, 1);
  checkCallSettings(embedder, `${argument}.`);
  if (typeof embedder.embed !== 'function') {
    throw invalidInput(`${argument}.embed`, embedder.embed, 'a function');
  }
  return embedder;
}

/** The settings of calls, each where it is given; `prefix` stands before their names in messages. */
export function checkCallSettings(settings: CallSettings, prefix: string): void {
  whole(`${prefix}concurrency`, settings.concurrency, 1);
  atLeast(`${prefix}timeoutMs`, settings.timeoutMs, 1);
  whole(`${prefix}maxRetries`, settings.maxRetries, 0);
}

/** Numbers in the vectors of an embedder as far as it says; `undefined`: its first answer tells. */
export function declaredDimension({ dimensions }: Pick<Embedder, 'dimensions'>): number | undefined {
  return dimensions === 0 ? undefined : dimensions;
}

function whole(argument: string, value: unknown, min: number): void {
  if (value !== undefined && value !== null) checkInteger(argument, value, { min });
}

/** `Infinity` is no limit. */
function atLeast(argument: string, value: unknown, min: number): void {
  if (value !== undefined && value !== null && value !== Infinity) checkNumber(argument, value, { min });
}
