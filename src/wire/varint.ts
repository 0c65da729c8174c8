import { WireError } from './wire-error.js';

/** Wire types of protobuf that matter here (https://protobuf.dev/programming-guides/encoding). */
export const VARINT = 0;
export const FIXED64 = 1;
export const LENGTH_DELIMITED = 2;
export const FIXED32 = 5;

/**
 * Walks over protobuf fields of one buffer. Nothing is allocated, every length is checked against `end` before use, and
 * every read moves forward: no input makes it loop or allocate.
 */
export class FieldReader {
  buffer: Uint8Array = new Uint8Array(0);
  at = 0;
  end = 0;

  /** Reads `buffer` from `start` to `end` from here on. */
  reset(buffer: Uint8Array, start: number, end: number): void {
    this.buffer = buffer;
    this.at = start;
    this.end = end;
  }

  /** A varint that is a safe integer. */
  varint(): number {
    const { buffer, end } = this;
    let at = this.at;
    if (at >= end) throw truncated();
    let byte = buffer[at++] as number;
    if (byte < 0x80) {
      this.at = at;
      return byte;
    }
    let value = byte & 0x7f;
    let scale = 128;
    for (let count = 1; count < 10; count++) {
      if (at >= end) throw truncated();
      byte = buffer[at++] as number;
      value += (byte & 0x7f) * scale;
      if (byte < 0x80) {
        if (!Number.isSafeInteger(value)) throw new WireError('out_of_range', 'a number above 2^53 - 1');
        this.at = at;
        return value;
      }
      scale *= 128;
    }
    throw new WireError('malformed', 'a varint of more than 10 bytes');
  }

  /** The length of a length-delimited field, checked to lie within the buffer. */
  length(): number {
    const length = this.varint();
    if (length > this.end - this.at) throw truncated();
    return length;
  }

  /** A field's tag; its number is `tag >>> 3`, its wire type `tag & 7`. */
  tag(): number {
    const tag = this.varint();
    if (tag < 8 || tag > 0xffff_ffff) throw new WireError('malformed', 'a field number out of range');
    return tag >>> 0;
  }

  /** Passes over a field that this version does not know. */
  skip(wireType: number): void {
    switch (wireType) {
      case VARINT:
        this.skipVarint();
        return;
      case FIXED64:
        this.advance(8);
        return;
      case LENGTH_DELIMITED:
        this.advance(this.varint());
        return;
      case FIXED32:
        this.advance(4);
        return;
      default:
        // Groups (3, 4) are not used by proto3, and would nest.
        throw new WireError('malformed', `wire type ${wireType}`);
    }
  }

  /** A skipped number may have any 64-bit value. */
  private skipVarint(): void {
    for (let count = 0; count < 10; count++) {
      if (this.at >= this.end) throw truncated();
      if ((this.buffer[this.at++] as number) < 0x80) return;
    }
    throw new WireError('malformed', 'a varint of more than 10 bytes');
  }

  private advance(bytes: number): void {
    if (bytes > this.end - this.at) throw truncated();
    this.at += bytes;
  }
}

function truncated(): WireError {
  return new WireError('malformed', 'the message ends inside a field');
}
