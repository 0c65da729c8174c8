const PRIME_1 = 0x9e3779b1;
const PRIME_2 = 0x85ebca77;
const PRIME_3 = 0xc2b2ae3d;
const PRIME_4 = 0x27d4eb2f;
const PRIME_5 = 0x165667b1;

/**
 * xxHash32 (https://github.com/Cyan4973/xxHash, doc/xxhash_spec.md) of a byte string, one char per byte (U+0000 to
 * U+00FF), as an unsigned 32-bit number. Equals the XXH32 of the bytes, but reads the chars in place: a key is
 * partitioned without becoming a buffer. Chars above U+00FF are the caller's mistake and give a meaningless number.
 *
 * The result decides where a key lives: it must never change between versions.
 */
export function keyHash(key: string, seed: number): number {
  const length = key.length;
  let at = 0;
  let hash: number;
  if (length >= 16) {
    let v1 = (seed + PRIME_1 + PRIME_2) | 0;
    let v2 = (seed + PRIME_2) | 0;
    let v3 = seed | 0;
    let v4 = (seed - PRIME_1) | 0;
    for (const last = length - 16; at <= last; at += 16) {
      v1 = round(v1, word(key, at));
      v2 = round(v2, word(key, at + 4));
      v3 = round(v3, word(key, at + 8));
      v4 = round(v4, word(key, at + 12));
    }
    hash = (rotateLeft(v1, 1) + rotateLeft(v2, 7) + rotateLeft(v3, 12) + rotateLeft(v4, 18)) | 0;
  } else {
    hash = (seed + PRIME_5) | 0;
  }
  hash = (hash + length) | 0;
  for (const last = length - 4; at <= last; at += 4) {
    hash = Math.imul(rotateLeft((hash + Math.imul(word(key, at), PRIME_3)) | 0, 17), PRIME_4);
  }
  for (; at < length; at++) {
    hash = Math.imul(rotateLeft((hash + Math.imul(key.charCodeAt(at), PRIME_5)) | 0, 11), PRIME_1);
  }
  hash = Math.imul(hash ^ (hash >>> 15), PRIME_2);
  hash = Math.imul(hash ^ (hash >>> 13), PRIME_3);
  return (hash ^ (hash >>> 16)) >>> 0;
}

function word(key: string, at: number): number {
  return (
    key.charCodeAt(at) | (key.charCodeAt(at + 1) << 8) | (key.charCodeAt(at + 2) << 16) | (key.charCodeAt(at + 3) << 24)
  );
}

function round(accumulator: number, lane: number): number {
  return Math.imul(rotateLeft((accumulator + Math.imul(lane, PRIME_2)) | 0, 13), PRIME_1);
}

function rotateLeft(value: number, bits: number): number {
  return (value << bits) | (value >>> (32 - bits));
}
