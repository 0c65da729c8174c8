import { assert } from '../../base/assert.js';
import { DELETED, type Version } from './item.js';

const LEAF_BITS = 10;
export const LEAVES = 1 << LEAF_BITS;
export const LEAF_BYTES = 8;

/**
 * The range hash (ap.md §1.0.7): every version has a 64-bit hash, and a leaf is the sum over those that fall into it, so
 * that it is kept by adding and subtracting as versions come and go, in any order. Two lanes of 32 bits without a carry.
 *
 * A version's hash, and so its leaf, is of its dot, counter, kind, length and expiry: counter and origin name one command
 * among all that ever were, and stand for its key and the bytes of its value. Those are guarded by the checksums of logs,
 * wires and checkpoints; hashing them here would cost more than all the rest of applying a write (measured: the key
 * alone, of 16 bytes, a third of it; a value of 100 bytes two fifths, of 1 KiB one and a half times as much as all the rest;
 * this way a tenth). It would not find bits that rot, either: a sum is kept from when a version came, not made anew from
 * what is stored. A key that differs between two members shows in the leaves of both of its versions.
 */
export class LeafSums {
  /** Leaf by leaf: high lane, low lane. */
  readonly #sums = new Int32Array(2 * LEAVES);
  #rootHigh = 0;
  #rootLow = 0;
  /** What `#hash` found: kept here, so that a hash costs no object. */
  #high = 0;
  #low = 0;

  #hash(version: Version): void {
    const { write, counter, expiresAtMs, source, start, end } = version;
    // A tombstone has no length, not even 0.
    let low = Math.imul(write.hash ^ Math.imul(counter | 0, 0x9e3779b1), 0x85ebca6b);
    low ^= (low >>> 15) ^ (source === DELETED ? -1 : end - start);
    if (expiresAtMs > 0) low = Math.imul(low ^ (expiresAtMs | 0), 0x27d4eb2f) ^ ((expiresAtMs / 0x1_0000_0000) | 0);
    low = Math.imul(low, 0xc2b2ae35);
    low ^= low >>> 13;
    const high = Math.imul(low ^ write.hash, 0x5f356495) ^ counter;
    this.#low = low;
    this.#high = Math.imul(high ^ (high >>> 15), 0x165667b1);
  }

  add(version: Version): void {
    this.#hash(version);
    this.#sum(this.#high, this.#low, leafOf(this.#high));
  }

  subtract(version: Version): void {
    this.#hash(version);
    this.#sum(-this.#high, -this.#low, leafOf(this.#high));
  }

  #sum(high: number, low: number, leaf: number): void {
    const sums = this.#sums;
    const at = 2 * leaf;
    sums[at] = (sums[at] as number) + high;
    sums[at + 1] = (sums[at + 1] as number) + low;
    this.#rootHigh = (this.#rootHigh + high) | 0;
    this.#rootLow = (this.#rootLow + low) | 0;
  }

  /** Which leaf `version` is part of. */
  leafOf(version: Version): number {
    this.#hash(version);
    return leafOf(this.#high);
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

function leafOf(high: number): number {
  return high >>> (32 - LEAF_BITS);
}
