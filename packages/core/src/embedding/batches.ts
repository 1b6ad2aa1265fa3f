import type { Embedder } from '../providers/embedder.js';
import { checkInteger } from '../validate.js';

/**
 * Tokens a text may have, estimated from above for most: a third of its bytes in UTF-8. That is a third of its
 * characters for English, and one token a character for Chinese, Japanese and Korean.
 */
function estimatedTokens(text: string): number {
  return Math.ceil(Buffer.byteLength(text) / 3);
}

/**
 * The texts at `indexes` in batches that one call takes, in their order: at most `maxBatch` of them, and about
 * `maxBatchTokens` together. A text that is longer by itself goes alone.
 */
export function batchesOf(
  texts: readonly string[],
  indexes: readonly number[],
  {
    maxBatch,
    maxBatchTokens = Infinity,
    maxTokens = Infinity,
  }: Pick<Embedder, 'maxBatch' | 'maxBatchTokens' | 'maxTokens'>,
): number[][] {
  checkInteger('embedder.maxBatch', maxBatch, { min: 1 });
  const batches: number[][] = [];
  let batch: number[] = [];
  let tokens = 0;
  for (const index of indexes) {
    // What is longer than the model reads is cut by the service and costs no more.
    const more = Math.min(estimatedTokens(texts[index] ?? ''), maxTokens);
    if (batch.length > 0 && (batch.length >= maxBatch || tokens + more > maxBatchTokens)) {
      batches.push(batch);
      batch = [];
      tokens = 0;
    }
    batch.push(index);
    tokens += more;
  }
  if (batch.length > 0) batches.push(batch);
  return batches;
}
