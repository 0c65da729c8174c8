import type { Cursor } from './index.js';

/** Same contract as `latin1Slice` in index.ts. */
export function latin1SliceReference(bytes: Uint8Array, start: number, end: number): string {
  return Array.from(bytes.slice(start, end), (byte) => String.fromCharCode(byte)).join('');
}

/** Same contract as `latin1Write` in index.ts, but throws RangeError on a char above U+00FF or a lack of room. */
export function latin1WriteReference(target: Uint8Array, at: number, text: string): number {
  const codes = latin1Codes(text);
  target.set(codes, at);
  return at + codes.length;
}

/** Same contract as `latin1ToBytes` in index.ts, but throws RangeError on a char above U+00FF. */
export function latin1ToBytesReference(text: string): Uint8Array {
  return Uint8Array.from(latin1Codes(text));
}

function latin1Codes(text: string): number[] {
  return text.split('').map((char) => {
    const code = char.charCodeAt(0);
    if (code > 0xff) throw new RangeError(`not a byte: U+${code.toString(16)}`);
    return code;
  });
}

/** The bytes of the varint of `n`: groups of seven bits, lowest first, the high bit on all but the last. */
function varintBytes(n: number): number[] {
  const bytes: number[] = [];
  for (let rest = BigInt(n); rest > 0n || bytes.length === 0; rest >>= 7n) bytes.push(Number(rest & 0x7fn));
  return bytes.map((group, index) => (index < bytes.length - 1 ? group + 0x80 : group));
}

/** Same contract as `varintSize` in index.ts. */
export function varintSizeReference(n: number): number {
  return varintBytes(n).length;
}

/** Same contract as `writeVarint` in index.ts. */
export function writeVarintReference(target: Uint8Array, at: number, n: number): number {
  const bytes = varintBytes(n);
  target.set(bytes, at);
  return at + bytes.length;
}

/** Same contract as `readVarint` in index.ts. */
export function readVarintReference(source: Uint8Array, cursor: Cursor): number {
  const rest = source.slice(cursor.at, cursor.at + 8);
  const last = rest.findIndex((byte) => byte < 0x80);
  if (last < 0) throw new RangeError(rest.length < 8 ? 'varint cut short' : 'varint longer than 8 bytes');
  const value = rest.slice(0, last + 1).reduceRight((sum, byte) => (sum << 7n) + BigInt(byte & 0x7f), 0n);
  if (value > BigInt(Number.MAX_SAFE_INTEGER)) throw new RangeError('varint above 2^53 - 1');
  cursor.at += last + 1;
  return Number(value);
}
