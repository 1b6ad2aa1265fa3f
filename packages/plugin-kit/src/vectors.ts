import assert from 'node:assert/strict';

/** How far equal vectors may differ: services round, and compute in other orders from time to time. */
const SAME = 0.999;

export function cosine(left: Float32Array, right: Float32Array): number {
  let [dot, leftSquares, rightSquares] = [0, 0, 0];
  for (let at = 0; at < left.length; at += 1) {
    const [a, b] = [left[at] ?? 0, right[at] ?? 0];
    dot += a * b;
    leftSquares += a * a;
    rightSquares += b * b;
  }
  return dot / Math.sqrt(leftSquares * rightSquares);
}

export function assertSame(
  actual: Float32Array | undefined,
  expected: Float32Array | undefined,
  what: string,
): void {
  assert.ok(actual !== undefined && expected !== undefined, `${what}: a vector is missing`);
  assert.equal(actual.length, expected.length, `${what}: another dimension`);
  const similarity = cosine(actual, expected);
  assert.ok(similarity >= SAME, `${what}: cosine ${similarity.toFixed(4)} instead of 1`);
}

/** One vector for each of `count` inputs, of one size, of finite numbers, not all zero. */
export function assertVectors(
  vectors: unknown,
  count: number,
  dimension: number | undefined,
): asserts vectors is readonly Float32Array[] {
  assert.ok(Array.isArray(vectors), '`vectors` must be an array');
  assert.equal(vectors.length, count, `one vector an input: ${count} inputs, ${vectors.length} vectors`);
  let expected = dimension;
  vectors.forEach((vector: unknown, index) => {
    assert.ok(vector instanceof Float32Array, `vectors[${index}] must be a Float32Array`);
    assert.ok(vector.length > 0, `vectors[${index}] is empty`);
    expected ??= vector.length;
    assert.equal(
      vector.length,
      expected,
      `vectors[${index}] has ${vector.length} numbers instead of ${expected}`,
    );
    assert.ok(vector.every(Number.isFinite), `vectors[${index}] holds a number that is not finite`);
    assert.ok(
      vector.some((number) => number !== 0),
      `vectors[${index}] is nothing but zeros`,
    );
  });
}
