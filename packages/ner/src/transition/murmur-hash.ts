const MASK = (1n << 64n) - 1n;
const MULTIPLIER = 0xc6a4a7935bd1e995n;
const SHIFT = 47n;
/** The seed of the hashes that stand for strings. */
const STRING_SEED = 1n;

const utf8 = new TextEncoder();

/** MurmurHash64A of a text in UTF-8. */
export function stringHash(text: string): bigint {
  const bytes = utf8.encode(text);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
  const whole = bytes.length - (bytes.length % 8);
  let hash = STRING_SEED ^ ((BigInt(bytes.length) * MULTIPLIER) & MASK);
  for (let at = 0; at < whole; at += 8) {
    let block = (view.getBigUint64(at, true) * MULTIPLIER) & MASK;
    block = ((block ^ (block >> SHIFT)) * MULTIPLIER) & MASK;
    hash = ((hash ^ block) * MULTIPLIER) & MASK;
  }
  if (whole < bytes.length) {
    let tail = 0n;
    for (let at = bytes.length - 1; at >= whole; at -= 1) tail = (tail << 8n) | BigInt(bytes[at] ?? 0);
    hash = ((hash ^ tail) * MULTIPLIER) & MASK;
  }
  hash = ((hash ^ (hash >> SHIFT)) * MULTIPLIER) & MASK;
  return hash ^ (hash >> SHIFT);
}

const C1 = 0x87c37b91114253d5n;
const C2 = 0x4cf5ad432745937fn;

/**
 * MurmurHash3 (the 128 bits of its x64 form) of a number as its 8 bytes, lower ones first: four numbers of 32 bits.
 * It is what the tables were taught with, and what thinc calls `x86`.
 */
export function hashOfKey(key: bigint, seed: number): [number, number, number, number] {
  // 8 bytes are no whole block of 16, so only the function's tail runs.
  const product = (key * C1) & MASK;
  const turned = ((product << 31n) | (product >> 33n)) & MASK;
  const length = 8n;
  let first = BigInt(seed) ^ ((turned * C2) & MASK) ^ length;
  let second = BigInt(seed) ^ length;
  first = (first + second) & MASK;
  second = (second + first) & MASK;
  first = mixed(first);
  second = mixed(second);
  first = (first + second) & MASK;
  second = (second + first) & MASK;
  return [low(first), Number(first >> 32n), low(second), Number(second >> 32n)];
}

function mixed(value: bigint): bigint {
  let hash = value ^ (value >> 33n);
  hash = (hash * 0xff51afd7ed558ccdn) & MASK;
  hash ^= hash >> 33n;
  hash = (hash * 0xc4ceb9fe1a85ec53n) & MASK;
  return hash ^ (hash >> 33n);
}

function low(value: bigint): number {
  return Number(value & 0xffffffffn);
}
