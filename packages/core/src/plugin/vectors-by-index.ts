import { EmbeddingFailedError } from '../errors.js';
import { describeValue } from '../validate.js';
import type { ServiceCall } from './environment-checks.js';

/** An entry of an answer in the shape of OpenAI's: its place is `index`, not where it stands. */
export interface IndexedEmbedding {
  index?: unknown;
  /** Numbers, or the bytes of 32-bit little-endian ones in base64. */
  embedding?: unknown;
}

const BASE64 = /^[A-Za-z0-9+/]*={0,2}$/;

/**
 * The vectors of an answer in the order of the texts. Entries without `index` are taken as they stand; indexes that
 * are not 0 … n−1, each once, are MV015, since nobody knows then which vector belongs to which text.
 */
export function vectorsByIndex(data: unknown, call: ServiceCall): Float32Array[] {
  const entries = listOf(data, call) as (IndexedEmbedding | null)[];
  const vectors: (Float32Array | undefined)[] = Array.from(entries, () => undefined);
  entries.forEach((entry, at) => {
    const index = entry?.index ?? at;
    if (
      !Number.isInteger(index) ||
      Number(index) < 0 ||
      Number(index) >= entries.length ||
      vectors[Number(index)] !== undefined
    ) {
      throw unreadable(call, `the answer's entry ${at} has index ${describeValue(index)}`);
    }
    vectors[Number(index)] = numbersOf(entry?.embedding, call, at);
  });
  return vectors as Float32Array[];
}

/** The vectors of an answer that is a bare list of lists of numbers, in the order of the texts. */
export function vectorsInOrder(rows: unknown, call: ServiceCall): Float32Array[] {
  // An empty vector, or a missing one, is the pipeline's to refuse: it knows whose it is.
  return listOf(rows, call).map((row) => floats(Array.isArray(row) ? row : []));
}

function listOf(data: unknown, call: ServiceCall): unknown[] {
  // Cut on its way, most often: worth another try.
  if (!Array.isArray(data)) throw unreadable(call, 'the answer has no list of embeddings', true);
  return data;
}

function numbersOf(embedding: unknown, call: ServiceCall, at: number): Float32Array {
  if (embedding instanceof Float32Array) return embedding;
  if (Array.isArray(embedding)) return floats(embedding);
  if (typeof embedding !== 'string') throw unreadable(call, `the answer's entry ${at} has no embedding`);
  // `Buffer.from` passes over what is no base64, and would make a vector of any words.
  if (embedding.length % 4 !== 0 || !BASE64.test(embedding)) {
    throw unreadable(call, `the answer's entry ${at} has an embedding that is no base64`);
  }
  const bytes = Buffer.from(embedding, 'base64');
  if (bytes.byteLength % 4 !== 0) {
    throw unreadable(
      call,
      `the answer's entry ${at} has ${bytes.byteLength} bytes, which are no 32-bit numbers`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float32Array.from({ length: bytes.byteLength >> 2 }, (_, place) => view.getFloat32(place * 4, true));
}

/** What is no number must not become one (`null` would be 0): the pipeline finds NaN. */
function floats(numbers: readonly unknown[]): Float32Array {
  return Float32Array.from(numbers, (number) => (typeof number === 'number' ? number : NaN));
}

function unreadable({ provider, model }: ServiceCall, what: string, retryable = false): EmbeddingFailedError {
  return new EmbeddingFailedError(`${provider} ${model}: ${what}`, {
    details: { provider, model, reason: 'malformed', retryable },
  });
}
