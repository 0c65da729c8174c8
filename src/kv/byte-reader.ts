import { readVarint } from '../../native-like/bytes/index.js';
import { DecodeError } from './decode-error.js';

/** Wire types of protobuf that command.proto uses, and those that a reader must be able to skip. */
const WIRE_VARINT = 0;
const WIRE_FIXED64 = 1;
const WIRE_LENGTH = 2;
const WIRE_FIXED32 = 5;
/** A 64-bit varint. */
const VARINT_BYTES_MAX = 10;

/**
 * Reads numbers and byte ranges from [at, end) of one buffer. Throws DecodeError instead of reading beyond `end`; every
 * read moves forward, and nothing is allocated because of a length that was only claimed.
 */
export class ByteReader {
  source: Uint8Array;
  at: number;
  end: number;

  constructor(source: Uint8Array, start = 0, end = source.length) {
    this.source = source;
    this.at = start;
    this.end = end;
  }

  get done(): boolean {
    return this.at >= this.end;
  }

  /** A safe non-negative integer. */
  varint(): number {
    let value: number;
    try {
      value = readVarint(this.source, this);
    } catch (error) {
      throw new DecodeError('a number is cut short or above 2^53 - 1', { cause: error });
    }
    if (this.at > this.end) throw new DecodeError('the bytes end inside a number');
    return value;
  }

  byte(): number {
    if (this.at >= this.end) throw new DecodeError('a byte is missing');
    return this.source[this.at++] as number;
  }

  /** Passes over `length` bytes; returns where they start. */
  take(length: number): number {
    if (length > this.end - this.at) throw new DecodeError('the bytes end inside a field');
    const start = this.at;
    this.at += length;
    return start;
  }

  /** A signed 64-bit integer, little endian. */
  int64(): bigint {
    const start = this.take(8);
    const { buffer, byteOffset } = this.source;
    return new DataView(buffer, byteOffset + start, 8).getBigInt64(0, true);
  }

  /** Passes over a protobuf field that this version does not know. */
  skip(tag: number): void {
    if (tag >>> 3 === 0 || tag > 0xffff_ffff) throw new DecodeError('a field number is out of range');
    switch (tag % 8) {
      case WIRE_VARINT:
        this.#skipVarint();
        return;
      case WIRE_FIXED64:
        this.take(8);
        return;
      case WIRE_LENGTH:
        this.take(this.varint());
        return;
      case WIRE_FIXED32:
        this.take(4);
        return;
      default:
        // Groups are not part of proto3, and would nest.
        throw new DecodeError(`wire type ${tag % 8}`);
    }
  }

  /** A skipped number may use all 64 bits. */
  #skipVarint(): void {
    for (let count = 0; count < VARINT_BYTES_MAX; count++) if (this.byte() < 0x80) return;
    throw new DecodeError('a number of more than 10 bytes');
  }
}
