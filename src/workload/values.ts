import { Buffer } from 'node:buffer';
import type { Prng } from '../base/prng.js';
import type { ByteRange } from './settings.js';

const ALPHABET = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_';
/** Values begin at this many places of the pool: two that are written one after the other are seldom the same. */
const OFFSETS = 16_384;

/** Values are pieces of one random text: printable, so that JSON can show them, and nothing is made on the hot path. */
export class Values {
  readonly bytesMax: number;
  readonly #pool: Buffer;
  readonly #range: ByteRange;
  readonly #prng: Prng;

  constructor(range: ByteRange, prng: Prng) {
    this.#range = range;
    this.#prng = prng;
    this.bytesMax = range.max;
    this.#pool = Buffer.allocUnsafeSlow(range.max + OFFSETS);
    for (let at = 0; at < this.#pool.length; at++) this.#pool[at] = ALPHABET.charCodeAt(prng.uint32() & 63);
  }

  /** The length of the next value. */
  drawLength(): number {
    const { max, min } = this.#range;
    return min === max ? min : this.#prng.between(min, max);
  }

  /** Writes a value of that length at `at`; returns the position after it. */
  write(target: Buffer, at: number, length: number): number {
    const from = this.#prng.uint32() & (OFFSETS - 1);
    this.#pool.copy(target, at, from, from + length);
    return at + length;
  }
}
