import type { Prng } from '../../base/prng.js';

/** YCSB's constant: the most wanted of n items is wanted about n^0.99 times as often as the least wanted one. */
export const THETA = 0.99;
/** YCSB scrambles a zipfian over this many items, whatever the number of keys, as its sum is known beforehand. */
const SCRAMBLED_ITEMS = 10_000_000_000;
/** Terms of a sum that are added one by one; the rest is integrated, to within 1e-12 of the whole. */
const EXACT_TERMS = 10_000;

/** The sum of 1/k^theta over k = 1 … n, for n of any size at once (Euler-Maclaurin behind the first terms). */
export function zeta(n: number, theta: number): number {
  const exact = Math.min(n, EXACT_TERMS);
  let sum = 0;
  for (let k = 1; k <= exact; k++) sum += k ** -theta;
  if (n === exact) return sum;
  const integral = (n ** (1 - theta) - exact ** (1 - theta)) / (1 - theta);
  const ends = (n ** -theta - exact ** -theta) / 2;
  const slopes = (theta * (exact ** (-theta - 1) - n ** (-theta - 1))) / 12;
  return sum + integral + ends + slopes;
}

/**
 * Ranks from 0 (the most wanted) to `items` - 1 with probability proportional to 1/(rank + 1)^theta, by the method of
 * Gray et al. ("Quickly generating billion-record synthetic databases", SIGMOD 1994), which is also YCSB's.
 */
export class Zipfian {
  #items: number;
  #zeta: number;
  #eta = 0;
  readonly #theta: number;
  readonly #alpha: number;
  readonly #zeta2: number;

  constructor(items: number, theta = THETA) {
    this.#items = items;
    this.#theta = theta;
    this.#alpha = 1 / (1 - theta);
    this.#zeta2 = zeta(2, theta);
    this.#zeta = zeta(items, theta);
    this.#update();
  }

  /** More items than before: the sum goes on where it was. */
  grow(items: number): void {
    if (items <= this.#items) return;
    for (let k = this.#items + 1; k <= items; k++) this.#zeta += k ** -this.#theta;
    this.#items = items;
    this.#update();
  }

  next(prng: Prng): number {
    const u = prng.float();
    const scaled = u * this.#zeta;
    if (scaled < 1 || this.#items === 1) return 0;
    if (scaled < 1 + 0.5 ** this.#theta) return 1;
    const rank = Math.floor(this.#items * (this.#eta * u - this.#eta + 1) ** this.#alpha);
    return Math.min(rank, this.#items - 1);
  }

  #update(): void {
    this.#eta = (1 - (2 / this.#items) ** (1 - this.#theta)) / (1 - this.#zeta2 / this.#zeta);
  }
}

/** YCSB's scrambled zipfian: the wanted keys are spread over the whole range by a hash of their rank. */
export class ScrambledZipfian {
  readonly #zipfian = new Zipfian(SCRAMBLED_ITEMS);

  /** A key from 0 to `keys` - 1. */
  next(prng: Prng, keys: number): number {
    return hashModulo(this.#zipfian.next(prng), keys);
  }
}

const FNV_OFFSET_HIGH = 0xcbf29ce4;
const FNV_OFFSET_LOW = 0x84222325;
/** The 64-bit prime of FNV is 2^40 + this. */
const FNV_PRIME_LOW = 0x1b3;
const TWO_32 = 0x1_0000_0000;

/**
 * |FNV-1a, 64 bits, of the 8 bytes of `value`, read as a signed number| modulo `modulus` (at most 2^37), as YCSB's
 * Utils.hash does it, in halves of 32 bits without BigInt.
 */
export function hashModulo(value: number, modulus: number): number {
  let low = FNV_OFFSET_LOW;
  let high = FNV_OFFSET_HIGH;
  let word = value >>> 0;
  for (let octet = 0; octet < 8; octet++) {
    if (octet === 4) word = Math.floor(value / TWO_32);
    low = (low ^ (word & 0xff)) >>> 0;
    word >>>= 8;
    const product = low * FNV_PRIME_LOW;
    high = (Math.imul(high, FNV_PRIME_LOW) + Math.floor(product / TWO_32) + (low << 8)) >>> 0;
    low = product % TWO_32;
  }
  if (high >= 0x8000_0000) {
    // Two's complement: the absolute value of a negative number.
    low = (~low + 1) >>> 0;
    high = (~high + (low === 0 ? 1 : 0)) >>> 0;
  }
  let rest = high % modulus;
  rest = (rest * 0x10000 + (low >>> 16)) % modulus;
  return (rest * 0x10000 + (low & 0xffff)) % modulus;
}
