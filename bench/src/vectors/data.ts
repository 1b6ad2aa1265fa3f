import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { DATA_FOLDER } from '../corpus/real.ts';

/** Numbers of a vector of all-MiniLM-L6-v2. */
export const DIMENSION = 384;

/** The vectors of a file of the data, by the ids of its texts. */
export function vectorsOf(name: string): Map<string, Float32Array> {
  const ids = readFileSync(join(DATA_FOLDER, `${name}.minilm.ids`), 'utf8')
    .split('\n')
    .filter(Boolean);
  const raw = readFileSync(join(DATA_FOLDER, `${name}.minilm.f32`));
  const numbers = new Float32Array(raw.buffer.slice(raw.byteOffset, raw.byteOffset + raw.byteLength));
  if (numbers.length !== ids.length * DIMENSION) throw new Error(`${name}: ${numbers.length} numbers`);
  return new Map(ids.map((id, row) => [id, numbers.subarray(row * DIMENSION, (row + 1) * DIMENSION)]));
}

/** The vectors of the sentences, which are kept in 8 bits: each number times the scale of its vector is taken for the truth. */
export function sentenceVectors(): Float32Array[] {
  const raw = readFileSync(join(DATA_FOLDER, 'scifact.sentences.minilm.i8'));
  const count = raw.length / (DIMENSION + Float32Array.BYTES_PER_ELEMENT);
  const codes = new Int8Array(raw.buffer, raw.byteOffset, count * DIMENSION);
  return Array.from({ length: count }, (_, row) => {
    const scale = raw.readFloatLE(count * DIMENSION + row * Float32Array.BYTES_PER_ELEMENT);
    const vector = Float32Array.from(
      codes.subarray(row * DIMENSION, (row + 1) * DIMENSION),
      (code) => code * scale,
    );
    return normalise(vector);
  });
}

/** Brings a vector to the length of 1, in place. */
export function normalise(vector: Float32Array): Float32Array {
  let squares = 0;
  for (const number of vector) squares += number * number;
  const factor = 1 / Math.sqrt(squares);
  for (let index = 0; index < vector.length; index += 1) vector[index] = (vector[index] ?? 0) * factor;
  return vector;
}
