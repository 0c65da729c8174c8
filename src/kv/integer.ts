const MIN = -(2n ** 63n);
const MAX = 2n ** 63n - 1n;
/** "-9223372036854775808" */
const TEXT_BYTES_MAX = 20;
const MINUS = 0x2d;
const ZERO = 0x30;
const NINE = 0x39;
/** Up to so many digits a number is exact as a double. */
const DOUBLE_DIGITS = 15;

export function isInt64(value: bigint): boolean {
  return value >= MIN && value <= MAX;
}

/**
 * The signed 64-bit integer that the bytes [start, end) spell, or null. As strict as Redis (string2ll): digits with an
 * optional minus; no plus, no spaces, no leading zeros but "0" itself, no "-0".
 */
export function parseInt64(source: Uint8Array, start: number, end: number): bigint | null {
  const length = end - start;
  if (length === 0 || length > TEXT_BYTES_MAX) return null;
  if (length === 1 && source[start] === ZERO) return 0n;
  const isNegative = source[start] === MINUS;
  const first = isNegative ? start + 1 : start;
  if (first === end || source[first] === ZERO) return null;
  let text = '';
  for (let at = first; at < end; at++) {
    const byte = source[at] as number;
    if (byte < ZERO || byte > NINE) return null;
    text += String.fromCharCode(byte);
  }
  const magnitude = text.length <= DOUBLE_DIGITS ? BigInt(Number(text)) : BigInt(text);
  const value = isNegative ? -magnitude : magnitude;
  return isInt64(value) ? value : null;
}
