import * as fc from 'fast-check';
import { RESP_LIMITS, type RespLimits } from '../../../../native-like/resp-scan/index.js';

/** A request as an array of bulk strings. */
export function arrayOf(words: readonly string[]): string {
  return `*${words.length}\r\n${words.map((word) => `$${word.length}\r\n${word}\r\n`).join('')}`;
}

const byteString = fc.uint8Array({ maxLength: 24 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
const request = fc.array(byteString, { minLength: 1, maxLength: 6 }).map(arrayOf);

const numbers = fc.oneof(
  fc.integer({ min: -3, max: 30 }).map(String),
  fc.constantFrom('', '0', '00', '01', '-0', '-', '+1', ' 1', '1 ', '0x1', '9'.repeat(9), '1'.repeat(10)),
  fc.constantFrom('9223372036854775807', '9223372036854775808', '-9223372036854775808', '-9223372036854775809'),
  fc.bigInt({ min: -(2n ** 65n), max: 2n ** 65n }).map(String),
);
const header = fc.tuple(fc.constantFrom('*', '$', ':', ''), numbers, fc.constantFrom('\r\n', '\r', '\n', '\rX', ''));

/** Everything that the quoting rules of inline commands know of. */
export const inlinePieces = fc
  .array(
    fc.oneof(
      fc.constantFrom('"', '"', "'", "'", '\\', '\\', ' ', ' ', '\t', '\v', '\f', '\r'),
      fc.constantFrom(
        '\\n',
        '\\r',
        '\\t',
        '\\b',
        '\\a',
        '\\"',
        "\\'",
        '\\\\',
        '\\x41',
        '\\xfF',
        '\\x4',
        '\\xg1',
        '\\q',
      ),
      fc.constantFrom('"a b"', "'c d'", '""', "''", 'foo', 'é', '\xff', '*', '$'),
    ),
    { maxLength: 12 },
  )
  .map((pieces) => pieces.join(''));
const inline = fc.tuple(inlinePieces, fc.constantFrom('\r\n', '\n', '\0\n')).map((parts) => parts.join(''));

/** Requests, then perhaps something damaged: a flipped byte, a wrong header, quotes, noise. */
export const someStream: fc.Arbitrary<string> = fc
  .tuple(
    fc.array(
      fc.oneof(
        request,
        inline,
        header.map((parts) => parts.join('')),
        byteString,
      ),
      { maxLength: 5 },
    ),
    fc.option(fc.tuple(fc.nat({ max: 80 }), fc.constantFrom('*', '$', '\r', '\n', '\0', '1', '9', '-', ' ', '"'))),
  )
  .map(([parts, change]) => {
    const stream = parts.join('');
    if (change === null || change[0] >= stream.length) return stream;
    return stream.slice(0, change[0]) + change[1] + stream.slice(change[0] + 1);
  });

/** Small limits, so that short streams meet them. */
export const someLimits: fc.Arbitrary<RespLimits> = fc.oneof(
  fc.constant(RESP_LIMITS),
  fc.record({
    argumentsMax: fc.constantFrom(3, 1024),
    bulkBytesMax: fc.constantFrom(10, 100_000),
    lineBytesMax: fc.constantFrom(10, 12, 64),
    requestBytesMax: fc.constantFrom(50, 100_000),
    authenticated: fc.boolean(),
  }),
);
