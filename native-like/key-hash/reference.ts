const MASK = 0xffffffffn;
const [PRIME_1, PRIME_2, PRIME_3, PRIME_4, PRIME_5] = [2654435761n, 2246822519n, 3266489917n, 668265263n, 374761393n];

const rotateLeft = (value: bigint, bits: bigint): bigint => ((value << bits) | (value >> (32n - bits))) & MASK;

/** XXH32 over bytes, step by step as doc/xxhash_spec.md states it, in exact arithmetic. */
export function xxh32Reference(bytes: Uint8Array, seed: number): number {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const lane = (at: number): bigint => BigInt(view.getUint32(at, true));
  const start = BigInt(seed >>> 0);
  // Steps 1 and 2: four accumulators over stripes of 16 bytes.
  const accumulators = [start + PRIME_1 + PRIME_2, start + PRIME_2, start, start - PRIME_1].map((v) => v & MASK);
  let at = 0;
  for (; at + 16 <= bytes.length; at += 16) {
    for (const [index, accumulator] of accumulators.entries()) {
      const mixed = (accumulator + lane(at + 4 * index) * PRIME_2) & MASK;
      accumulators[index] = (rotateLeft(mixed, 13n) * PRIME_1) & MASK;
    }
  }
  // Step 3: convergence; short inputs skip the stripes.
  const [a = 0n, b = 0n, c = 0n, d = 0n] = accumulators;
  const converged = rotateLeft(a, 1n) + rotateLeft(b, 7n) + rotateLeft(c, 12n) + rotateLeft(d, 18n);
  let hash = bytes.length >= 16 ? converged : start + PRIME_5;
  // Step 4: length. Step 5: what is left, by words, then by bytes.
  hash = (hash + BigInt(bytes.length)) & MASK;
  for (; at + 4 <= bytes.length; at += 4) {
    hash = (rotateLeft((hash + lane(at) * PRIME_3) & MASK, 17n) * PRIME_4) & MASK;
  }
  for (; at < bytes.length; at++) {
    hash = (rotateLeft((hash + BigInt(view.getUint8(at)) * PRIME_5) & MASK, 11n) * PRIME_1) & MASK;
  }
  // Step 6: avalanche.
  hash = ((hash ^ (hash >> 15n)) * PRIME_2) & MASK;
  hash = ((hash ^ (hash >> 13n)) * PRIME_3) & MASK;
  return Number(hash ^ (hash >> 16n));
}

/** Same contract as `keyHash` in index.ts: the string becomes bytes first. */
export function keyHashReference(key: string, seed: number): number {
  return xxh32Reference(
    Uint8Array.from(key, (char) => char.charCodeAt(0)),
    seed,
  );
}
