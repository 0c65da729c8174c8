const MINUS = 0x2d;
const ZERO = 0x30;
/** 2^63 = HIGH · 10^9 + LOW. */
const TEN_9 = 1e9;
const LIMIT_HIGH = 9_223_372_036;
const LIMIT_LOW = 854_775_808;

/**
 * The decimal 64-bit integer in bytes [start, end), written as Redis demands it (string2ll): no plus, no space, no leading
 * zero, no `-0`. NaN when it is none. Above 2^53 the result is rounded: good enough to compare it with a limit.
 */
export function parseInteger(bytes: Uint8Array, start: number, end: number): number {
  const negative = start < end && bytes[start] === MINUS;
  const first = negative ? start + 1 : start;
  const digits = end - first;
  if (digits < 1 || digits > 19) return Number.NaN;
  if (bytes[first] === ZERO) return digits === 1 && !negative ? 0 : Number.NaN;
  const split = Math.max(first, end - 9);
  const high = parseDigits(bytes, first, split);
  const low = parseDigits(bytes, split, end);
  if (Number.isNaN(high) || Number.isNaN(low)) return Number.NaN;
  // -2^63 is an integer of 64 bits, 2^63 is not.
  const lowMax = negative ? LIMIT_LOW : LIMIT_LOW - 1;
  if (high > LIMIT_HIGH || (high === LIMIT_HIGH && low > lowMax)) return Number.NaN;
  const magnitude = high * TEN_9 + low;
  return negative ? -magnitude : magnitude;
}

function parseDigits(bytes: Uint8Array, start: number, end: number): number {
  let value = 0;
  for (let at = start; at < end; at++) {
    const digit = (bytes[at] as number) - ZERO;
    if (digit < 0 || digit > 9) return Number.NaN;
    value = value * 10 + digit;
  }
  return value;
}
