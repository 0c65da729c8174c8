import { Buffer } from 'node:buffer';

const EMPTY = Buffer.alloc(0);
const LLONG_MAX = 9_223_372_036_854_775_807n;
const LLONG_MIN = -9_223_372_036_854_775_808n;

/**
 * One scanned request: where its arguments are in the buffer they arrived in. Reused for every request of a connection;
 * nothing of it may be kept after the command was dispatched, the buffer is written again.
 */
export class Request {
  buffer: Buffer = EMPTY;
  /** Arguments, the command's name included. */
  count = 0;
  /** Argument i is bytes [base + slots[2i], base + slots[2i + 1]), as the scanner tells it. */
  base = 0;
  slots: ArrayLike<number> = [];

  start(at: number): number {
    return this.base + (this.slots[at * 2] as number);
  }

  end(at: number): number {
    return this.base + (this.slots[at * 2 + 1] as number);
  }

  /** An inline request: its arguments are copies, put one behind the other. */
  setInline(words: readonly Uint8Array[]): void {
    const slots: number[] = [];
    let bytes = 0;
    for (const word of words) {
      slots.push(bytes, bytes + word.length);
      bytes += word.length;
    }
    this.buffer = Buffer.concat(words, bytes);
    this.count = words.length;
    this.base = 0;
    this.slots = slots;
  }

  /** Lets go of the buffer. */
  release(): void {
    this.buffer = EMPTY;
    this.count = 0;
  }

  byteLength(at: number): number {
    return this.end(at) - this.start(at);
  }

  /** A view of the argument's bytes: valid during the dispatch only. */
  bytes(at: number): Uint8Array {
    return this.buffer.subarray(this.start(at), this.end(at));
  }

  /** The argument as a byte string, one char per byte. */
  byteString(at: number): string {
    return this.buffer.toString('latin1', this.start(at), this.end(at));
  }

  text(at: number): string {
    return this.buffer.toString('utf8', this.start(at), this.end(at));
  }

  /** True when the argument is `word` (ASCII lower case) in any case. */
  is(at: number, word: string): boolean {
    return equalsIgnoringCase(this.buffer, this.start(at), this.end(at), word);
  }

  /** A signed 64-bit decimal as Redis' string2ll reads it: no blanks, no plus, no leading zeros. */
  integer(at: number): bigint | null {
    const length = this.byteLength(at);
    if (length === 0 || length > 20) return null;
    const text = this.byteString(at);
    if (!/^(0|-?[1-9]\d*)$/.test(text)) return null;
    const value = BigInt(text);
    return value >= LLONG_MIN && value <= LLONG_MAX ? value : null;
  }
}

/** `word` is ASCII letters in lower case, or other bytes that do not change when bit 5 is set. */
export function equalsIgnoringCase(buffer: Uint8Array, start: number, end: number, word: string): boolean {
  if (end - start !== word.length) return false;
  for (let at = 0; at < word.length; at++) {
    const byte = buffer[start + at] ?? 0;
    const lower = byte >= 65 && byte <= 90 ? byte | 32 : byte;
    if (lower !== word.charCodeAt(at)) return false;
  }
  return true;
}
