import { EmbeddingFailedError } from '../errors.js';
import type { ServiceCall } from './environment-checks.js';

/** An entry of an answer in the shape of OpenAI's: its place is `index`, not where it stands. */
export interface IndexedEmbedding {
  index?: unknown;
  /** Numbers, or the bytes of 32-bit little-endian ones in base64. */
  embedding?: unknown;
}

/**
 * The vectors of an answer in the order of the texts. Entries without `index` are taken as they stand; indexes that
 * are not 0 … n−1, each once, are MV015, since nobody knows then which vector belongs to which text.
 */
export function vectorsByIndex(data: unknown, call: ServiceCall): Float32Array[] {
  if (!Array.isArray(data)) throw unreadable(call, 'the answer has no list of embeddings', true);
  const vectors: (Float32Array | undefined)[] = Array.from(data, () => undefined);
  data.forEach((entry: IndexedEmbedding | null, at) => {
    const index = entry?.index ?? at;
    if (
      !Number.isInteger(index) ||
      Number(index) < 0 ||
      Number(index) >= data.length ||
      vectors[Number(index)] !== undefined
    ) {
      throw unreadable(call, `the answer's entry ${at} has index ${String(index)}`);
    }
    vectors[Number(index)] = numbersOf(entry?.embedding, call, at);
  });
  return vectors as Float32Array[];
}

function numbersOf(embedding: unknown, call: ServiceCall, at: number): Float32Array {
  if (embedding instanceof Float32Array) return embedding;
  // What is no number must not become one (`null` would be 0): the pipeline finds NaN.
  if (Array.isArray(embedding)) {
    return Float32Array.from(embedding, (number: unknown) => (typeof number === 'number' ? number : NaN));
  }
  if (typeof embedding !== 'string') throw unreadable(call, `the answer's entry ${at} has no embedding`);
  const bytes = Buffer.from(embedding, 'base64');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength >> 2 }, (_, place) => view.getFloat32(place * 4, true));
}

function unreadable({ provider, model }: ServiceCall, what: string, retryable = false): EmbeddingFailedError {
  return new EmbeddingFailedError(`${provider} ${model}: ${what}`, {
    details: { provider, model, reason: 'malformed', retryable },
  });
}
