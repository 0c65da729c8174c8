import { keyHash } from '../../../native-like/key-hash/index.js';
import { assert } from '../../base/assert.js';
import { DELETED, type Version } from './item.js';
import type { KeyString } from '../types.js';

const LEAF_BITS = 10;
export const LEAVES = 1 << LEAF_BITS;
export const LEAF_BYTES = 8;
/** Part of the protocol: members compare leaves. */
const SEED = 0x6c65_6166;

/** Decides about a key's leaf and is part of its versions' hashes. */
export function hashKey(key: KeyString): number {
  return keyHash(key, SEED);
}

export function leafOf(hash: number): number {
  return hash >>> (32 - LEAF_BITS);
}

/**
 * The range hash (ap.md §1.0.7): every version has a 64-bit hash, and a leaf is the sum over its keys, so that it is
 * kept by adding and subtracting as versions come and go, in any order. Two lanes of 32 bits without a carry between them.
 *
 * A version's hash is of its key, dot, counter, kind, length and expiry. Not of its bytes: a write's dot stands for them, the log and
 * the wire have their own checksums, and hashing them would cost more than all the rest of applying them.
 */
export class LeafSums {
  /** Lane by lane: high, low. */
  readonly #sums = new Int32Array(2 * LEAVES);
  #rootHigh = 0;
  #rootLow = 0;

  /** `sign` 1 when the version comes, -1 when it goes. */
  add(key: number, version: Version, sign: 1 | -1): void {
    const { write, counter, start, end, expiresAtMs } = version;
    const low32 = counter | 0;
    let low = Math.imul(key ^ write.hash, 0x9e3779b1);
    low = Math.imul(low ^ (low >>> 16) ^ low32, 0x85ebca6b);
    // A tombstone has no length, not even 0.
    low = Math.imul(low ^ (low >>> 13) ^ (version.source === DELETED ? -1 : end - start), 0xc2b2ae35);
    if (expiresAtMs > 0) low = Math.imul(low ^ (expiresAtMs | 0) ^ ((expiresAtMs / 0x1_0000_0000) | 0), 0x27d4eb2f);
    low ^= low >>> 16;
    let high = Math.imul(low ^ write.hash ^ ((counter / 0x1_0000_0000) | 0), 0x5f356495);
    high = Math.imul(high ^ (high >>> 15) ^ key, 0x85ebca77) ^ low32;
    high = Math.imul(high ^ (high >>> 13), 0x165667b1);
    high ^= high >>> 16;
    const at = 2 * leafOf(key);
    const sums = this.#sums;
    if (sign < 0) {
      high = -high;
      low = -low;
    }
    sums[at] = (sums[at] as number) + high;
    sums[at + 1] = (sums[at + 1] as number) + low;
    this.#rootHigh = (this.#rootHigh + high) | 0;
    this.#rootLow = (this.#rootLow + low) | 0;
  }

  /** 16 hex digits. */
  get root(): string {
    return [this.#rootHigh, this.#rootLow].map((lane) => (lane >>> 0).toString(16).padStart(8, '0')).join('');
  }

  /** All leaves, 8 bytes each, little endian. */
  encode(): Uint8Array {
    const bytes = new Uint8Array(LEAVES * LEAF_BYTES);
    const view = new DataView(bytes.buffer);
    for (const [at, lane] of this.#sums.entries()) view.setInt32(4 * at, lane, true);
    return bytes;
  }

  /** What `encode` gave. */
  load(source: Uint8Array, start: number): void {
    assert(source.length - start >= LEAVES * LEAF_BYTES, 'all leaves are there');
    const view = new DataView(source.buffer, source.byteOffset + start, LEAVES * LEAF_BYTES);
    this.#rootHigh = 0;
    this.#rootLow = 0;
    for (let at = 0; at < 2 * LEAVES; at++) {
      const lane = view.getInt32(4 * at, true);
      this.#sums[at] = lane;
      if (at % 2 === 0) this.#rootHigh = (this.#rootHigh + lane) | 0;
      else this.#rootLow = (this.#rootLow + lane) | 0;
    }
  }
}
