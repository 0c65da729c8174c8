import { latin1Write, varintSize, writeVarint } from '../../native-like/bytes/index.js';
import { assert } from '../base/assert.js';

/** Up to here a loop beats TypedArray.set with its view (measured on Node 20: 21 ns against 55 ns at 16 bytes). */
const COPY_LOOP_BYTES = 24;

/** Copies [start, end) of `source` to `at` of `target`; returns the position after it. */
export function copyBytes(target: Uint8Array, at: number, source: Uint8Array, start: number, end: number): number {
  const length = end - start;
  if (length <= COPY_LOOP_BYTES) {
    for (let index = 0; index < length; index++) target[at + index] = source[start + index] as number;
  } else {
    target.set(source.subarray(start, end), at);
  }
  return at + length;
}

const FIRST_BYTES = 4096;
/** What a writer keeps between two uses: more than a usual batch, so that its buffer is grown once in its life. */
const RETAINED_BYTES_MAX = 1024 * 1024;

/**
 * A growing buffer that is written from front to end and then taken as a copy of exactly its bytes. The buffer itself is
 * never handed out: what was taken belongs to the taker, and pins neither this buffer nor a slab shared with others.
 */
export class ByteWriter {
  buffer = new Uint8Array(FIRST_BYTES);
  at = 0;

  /** Makes room for `bytes` more. */
  reserve(bytes: number): void {
    const needed = this.at + bytes;
    if (needed <= this.buffer.length) return;
    const grown = new Uint8Array(Math.max(needed, this.buffer.length * 2));
    grown.set(this.buffer.subarray(0, this.at));
    this.buffer = grown;
  }

  byte(value: number): void {
    assert(value >= 0 && value <= 0xff, 'a byte is 0 to 255');
    this.reserve(1);
    this.buffer[this.at++] = value;
  }

  varint(value: number): void {
    assert(Number.isSafeInteger(value) && value >= 0, 'only safe non-negative integers are encoded');
    this.reserve(varintSize(value));
    this.at = writeVarint(this.buffer, this.at, value);
  }

  /** A signed 64-bit integer, little endian. */
  int64(value: bigint): void {
    assert(BigInt.asIntN(64, value) === value, 'the number fits 64 bits');
    this.reserve(8);
    new DataView(this.buffer.buffer).setBigInt64(this.at, value, true);
    this.at += 8;
  }

  bytes(source: Uint8Array, start: number, end: number): void {
    this.reserve(end - start);
    this.at = copyBytes(this.buffer, this.at, source, start, end);
  }

  /** A byte string. */
  text(text: string): void {
    this.reserve(text.length);
    latin1Write(this.buffer, this.at, text);
    this.at += text.length;
  }

  /** What was written since the last call, in memory of its own. */
  take(): Uint8Array {
    const taken = this.buffer.slice(0, this.at);
    this.at = 0;
    if (this.buffer.length > RETAINED_BYTES_MAX) this.buffer = new Uint8Array(FIRST_BYTES);
    return taken;
  }
}
