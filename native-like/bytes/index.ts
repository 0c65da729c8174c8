/** The two methods of Buffer that work on any Uint8Array and that its types do not declare. */
interface Latin1Methods {
  readonly latin1Slice?: (this: Uint8Array, start: number, end: number) => string;
  readonly latin1Write?: (this: Uint8Array, text: string, at: number, length: number) => number;
}
const methods: Latin1Methods = typeof Buffer === 'undefined' ? {} : Buffer.prototype;
const nativeSlice = methods.latin1Slice;
const nativeWrite = methods.latin1Write;

// Up to these lengths JavaScript beats the call into C++, which costs about 50 ns (measured, see README.md).
const WRITE_LOOP_BYTES = 24;
/** V8 keeps typed arrays up to this size in its own heap; a native call would first move one out of it (300 ns). */
const HEAP_ARRAY_BYTES = 64;
/** Also the longest string that V8 concatenates by copying: above it the result would be a tree that is flattened later. */
const SHORT_SLICE_BYTES = 12;

/** The bytes [start, end) as a byte string: one char, U+0000 to U+00FF, per byte. Keeps nothing of `bytes` alive. */
export function latin1Slice(bytes: Uint8Array, start: number, end: number): string {
  if (end - start > SHORT_SLICE_BYTES && nativeSlice !== undefined) return nativeSlice.call(bytes, start, end);
  const char = String.fromCharCode;
  let text = '';
  let at = start;
  for (; at + 4 <= end; at += 4) {
    text += char(bytes[at] as number, bytes[at + 1] as number, bytes[at + 2] as number, bytes[at + 3] as number);
  }
  switch (end - at) {
    case 3:
      return text + char(bytes[at] as number, bytes[at + 1] as number, bytes[at + 2] as number);
    case 2:
      return text + char(bytes[at] as number, bytes[at + 1] as number);
    case 1:
      return text + char(bytes[at] as number);
    default:
      return text;
  }
}

/**
 * Writes a byte string at `at`, one byte per char, and returns the position after it. There must be room for all of it;
 * chars above U+00FF are the caller's mistake (their low byte is written).
 */
export function latin1Write(target: Uint8Array, at: number, text: string): number {
  const length = text.length;
  if (length <= WRITE_LOOP_BYTES || nativeWrite === undefined) return writeChars(target, at, text);
  nativeWrite.call(target, text, at, length);
  return at + length;
}

function writeChars(target: Uint8Array, at: number, text: string): number {
  const length = text.length;
  for (let index = 0; index < length; index++) target[at + index] = text.charCodeAt(index);
  return at + length;
}

/** A byte string as bytes of its own (never a piece of a shared pool). */
export function latin1ToBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(text.length);
  if (text.length <= HEAP_ARRAY_BYTES) writeChars(bytes, 0, text);
  else latin1Write(bytes, 0, text);
  return bytes;
}

const TWO_28 = 0x1000_0000;

/** Bytes of the varint of `n`, a safe non-negative integer: 1 to 8. */
export function varintSize(n: number): number {
  if (n < 0x80) return 1;
  if (n < 0x4000) return 2;
  if (n < 0x20_0000) return 3;
  if (n < TWO_28) return 4;
  if (n < 0x8_0000_0000) return 5;
  if (n < 0x400_0000_0000) return 6;
  return n < 0x2_0000_0000_0000 ? 7 : 8;
}

/** Writes `n`, a safe non-negative integer, as a protobuf varint at `at`; returns the position after it. */
export function writeVarint(target: Uint8Array, at: number, n: number): number {
  let rest = n;
  // Bit operations see 32 bits only: above them, four groups of seven by division first.
  if (rest >= TWO_28) {
    let low = rest % TWO_28;
    rest = (rest - low) / TWO_28;
    for (let group = 0; group < 4; group++) {
      target[at++] = low | 0x80;
      low >>>= 7;
    }
  }
  while (rest >= 0x80) {
    target[at++] = rest | 0x80;
    rest >>>= 7;
  }
  target[at++] = rest;
  return at;
}

/** Where `readVarint` reads; it moves `at` behind what it read. */
export interface Cursor {
  at: number;
}

/**
 * Reads a protobuf varint at `cursor.at`. Throws RangeError, with the cursor unmoved, when it is cut short, longer than 8
 * bytes or above 2^53 - 1. Padding within 8 bytes (`80 00` for 0) is accepted, as protobuf does.
 */
export function readVarint(source: Uint8Array, cursor: Cursor): number {
  let at = cursor.at;
  const first = source[at++] as number;
  if (first < 0x80) {
    cursor.at = at;
    return first;
  }
  let value = first & 0x7f;
  let scale = 0x80;
  for (const end = cursor.at + 8; at < end; scale *= 0x80) {
    const byte = source[at++];
    if (byte === undefined) throw new RangeError('varint cut short');
    value += (byte & 0x7f) * scale;
    if (byte < 0x80) {
      if (value > Number.MAX_SAFE_INTEGER) throw new RangeError('varint above 2^53 - 1');
      cursor.at = at;
      return value;
    }
  }
  throw new RangeError('varint longer than 8 bytes');
}
