import { Buffer } from 'node:buffer';
import { readVarint } from '../../../native-like/bytes/index.js';

/** Walks over the bytes of a token. Throws RangeError beyond its end; the callers expect that. */
export class TokenReader {
  readonly #bytes: Uint8Array;
  readonly #cursor: { at: number };

  constructor(bytes: Uint8Array, at: number) {
    this.#bytes = bytes;
    this.#cursor = { at };
  }

  get done(): boolean {
    return this.#cursor.at === this.#bytes.length;
  }

  number(): number {
    return readVarint(this.#bytes, this.#cursor);
  }

  text(): string {
    return Buffer.from(this.bytes(this.number())).toString();
  }

  bytes(length: number): Uint8Array {
    const { at } = this.#cursor;
    if (at + length > this.#bytes.length) throw new RangeError('cut short');
    this.#cursor.at = at + length;
    return this.#bytes.subarray(at, at + length);
  }
}
