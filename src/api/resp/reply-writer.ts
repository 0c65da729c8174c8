import { Buffer } from 'node:buffer';
import { assert } from '../../base/assert.js';

/** 2 and 3: the two dialects of the Redis protocol. */
export type RespVersion = 2 | 3;

const CR = 13;
const LF = 10;
const ZERO = 48;
const MINUS = 45;
const INITIAL_BYTES = 16 * 1024;
/** Up to this many bytes a loop is faster than a call of TypedArray.set. */
const LOOP_BYTES_MAX = 40;
const NIL_ARRAY = Buffer.from('*-1\r\n');

/**
 * Replies, encoded one after another into a buffer that grows. `take` hands the bytes over; `giveBack` returns the
 * buffer when nobody holds it any more, so that a busy connection needs one buffer only.
 */
export class ReplyWriter {
  version: RespVersion = 2;
  #buffer: Buffer | null = null;
  #length = 0;

  get length(): number {
    return this.#length;
  }

  /** The bytes written since the last take. The writer forgets them and their buffer. */
  take(): Buffer {
    const buffer = this.#buffer;
    if (buffer === null) return Buffer.alloc(0);
    const bytes = buffer.subarray(0, this.#length);
    this.#spare = buffer;
    this.#buffer = null;
    this.#length = 0;
    return bytes;
  }

  /** The buffer of the last take, until it is given back or forgotten. */
  #spare: Buffer | null = null;

  /** The bytes of the last take were copied by whoever got them: their buffer may be written again. */
  giveBack(): void {
    const spare = this.#spare;
    this.#spare = null;
    if (spare === null || this.#buffer !== null || spare.length > 4 * INITIAL_BYTES) return;
    this.#buffer = spare;
  }

  /** Someone still holds the bytes of the last take: a new buffer will be used. */
  forget(): void {
    this.#spare = null;
  }

  /** Lets go of all memory, for a connection that is idle. */
  release(): void {
    assert(this.#length === 0, 'nothing unsent is thrown away');
    this.#buffer = null;
    this.#spare = null;
  }

  /** A copy of the bytes since the last take; the writer starts again in the same buffer. */
  takeCopy(): Buffer {
    const copy = Buffer.allocUnsafeSlow(this.#length);
    if (this.#buffer !== null) this.#buffer.copy(copy, 0, 0, this.#length);
    this.#length = 0;
    return copy;
  }

  /** Where the next reply begins: for `rewind`. */
  get mark(): number {
    return this.#length;
  }

  /** Drops what was written since `mark`: a reply that failed half way. */
  rewind(mark: number): void {
    assert(mark <= this.#length, 'a mark lies behind the end');
    this.#length = mark;
  }

  /** The type byte of the reply that begins at `mark`; -1 when there is none. */
  firstByte(mark: number): number {
    return this.#buffer === null || mark >= this.#length ? -1 : (this.#buffer[mark] as number);
  }

  #reserve(bytes: number): Buffer {
    const buffer = this.#buffer;
    const needed = this.#length + bytes;
    if (buffer !== null && needed <= buffer.length) return buffer;
    const size = buffer === null ? INITIAL_BYTES : buffer.length * 2;
    const grown = Buffer.allocUnsafeSlow(Math.max(size, needed));
    if (buffer !== null) buffer.copy(grown, 0, 0, this.#length);
    this.#buffer = grown;
    return grown;
  }

  /** Appends bytes that are a reply already. */
  raw(bytes: Uint8Array): void {
    this.#append(this.#reserve(bytes.length), bytes, 0, bytes.length);
  }

  #append(buffer: Buffer, source: Uint8Array, start: number, end: number): void {
    let at = this.#length;
    if (end - start <= LOOP_BYTES_MAX) {
      for (let from = start; from < end; from++) buffer[at++] = source[from] as number;
    } else {
      buffer.set(start === 0 && end === source.length ? source : source.subarray(start, end), at);
      at += end - start;
    }
    this.#length = at;
  }

  ok(): void {
    const buffer = this.#reserve(5);
    const at = this.#length;
    buffer[at] = 43;
    buffer[at + 1] = 79;
    buffer[at + 2] = 75;
    buffer[at + 3] = CR;
    buffer[at + 4] = LF;
    this.#length = at + 5;
  }

  /** `text` is ASCII without line ends. */
  simple(text: string): void {
    this.#line(43, text);
  }

  /** `message` starts with its prefix, for example `ERR syntax error`. Line ends become blanks as in Redis. */
  error(message: string): void {
    this.#line(MINUS, message.replace(/[\r\n]/g, ' '));
  }

  #line(type: number, text: string): void {
    const buffer = this.#reserve(3 + text.length);
    buffer[this.#length] = type;
    buffer.write(text, this.#length + 1, 'latin1');
    this.#length += 1 + text.length;
    this.#crlf(buffer);
  }

  #crlf(buffer: Buffer): void {
    buffer[this.#length] = CR;
    buffer[this.#length + 1] = LF;
    this.#length += 2;
  }

  integer(value: number | bigint): void {
    if (typeof value === 'number' && value >= 0 && value < 0x7fffffff) this.#header(58, value);
    else this.#line(58, value.toString());
  }

  /** A type byte, a small number and a line end: `$3\r\n`. */
  #header(type: number, value: number): void {
    const buffer = this.#reserve(13);
    buffer[this.#length++] = type;
    let digits = 1;
    for (let rest = value; rest >= 10; rest = (rest / 10) | 0) digits++;
    let rest = value;
    for (let at = this.#length + digits - 1; at >= this.#length; at--) {
      const next = (rest / 10) | 0;
      buffer[at] = ZERO + rest - next * 10;
      rest = next;
    }
    this.#length += digits;
    this.#crlf(buffer);
  }

  nil(): void {
    const buffer = this.#reserve(5);
    let at = this.#length;
    if (this.version === 3) {
      buffer[at++] = 95;
    } else {
      buffer[at++] = 36;
      buffer[at++] = MINUS;
      buffer[at++] = 49;
    }
    this.#length = at;
    this.#crlf(buffer);
  }

  /** A null array: only RESP2 tells it from a null string. */
  nilArray(): void {
    this.raw(NIL_ARRAY);
  }

  bulk(source: Uint8Array, start = 0, end = source.length): void {
    this.#header(36, end - start);
    const buffer = this.#reserve(end - start + 2);
    this.#append(buffer, source, start, end);
    this.#crlf(buffer);
  }

  /** Text as a bulk string, in UTF-8. */
  text(value: string): void {
    this.bulk(Buffer.from(value, 'utf8'));
  }

  /** A byte string (one char per byte) as a bulk string. */
  byteString(value: string): void {
    this.bulk(Buffer.from(value, 'latin1'));
  }

  /** Text that a person reads (INFO): a verbatim string where the dialect has it. */
  verbatim(value: string): void {
    if (this.version === 2) {
      this.text(value);
      return;
    }
    const bytes = Buffer.from(`txt:${value}`, 'utf8');
    this.#header(61, bytes.length);
    const buffer = this.#reserve(bytes.length + 2);
    this.#append(buffer, bytes, 0, bytes.length);
    this.#crlf(buffer);
  }

  array(length: number): void {
    this.#header(42, length);
  }

  /** Begins a map of `pairs` keys and values: a flat array in RESP2. */
  map(pairs: number): void {
    if (this.version === 3) this.#header(37, pairs);
    else this.#header(42, pairs * 2);
  }

  set(length: number): void {
    this.#header(this.version === 3 ? 126 : 42, length);
  }
}
