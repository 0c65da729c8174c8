import * as fc from 'fast-check';
import t from 'tap';
import { crc32c } from '../../../../native-like/crc32c/index.js';
import { crc32cReference } from '../../../../native-like/crc32c/reference.js';

const ascii = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

t.test('published check values', (t) => {
  // RFC 3720 appendix B.4, and "123456789", the check value of every CRC catalogue.
  const vectors: readonly (readonly [string, Uint8Array, number])[] = [
    ['the catalogue check', ascii('123456789'), 0xe3069283],
    ['32 zeros', new Uint8Array(32), 0x8a9136aa],
    ['32 bytes of 0xff', new Uint8Array(32).fill(0xff), 0x62a8ab43],
    ['0 to 31', Uint8Array.from({ length: 32 }, (_, at) => at), 0x46dd794e],
    ['31 to 0', Uint8Array.from({ length: 32 }, (_, at) => 31 - at), 0x113fdb5c],
    ['nothing', new Uint8Array(0), 0],
  ];
  for (const [name, bytes, expected] of vectors) {
    t.equal(crc32c(bytes, 0, bytes.length), expected, name);
    t.equal(crc32cReference(bytes, 0, bytes.length), expected, `${name}, reference`);
  }
  t.end();
});

t.test('equals the reference on any range and seed', (t) => {
  const input = fc.record({
    bytes: fc.uint8Array({ maxLength: 600 }),
    from: fc.nat({ max: 40 }),
    cut: fc.nat({ max: 40 }),
    seed: fc.nat({ max: 0xffffffff }),
  });
  fc.assert(
    fc.property(input, ({ bytes, from, cut, seed }) => {
      const start = Math.min(from, bytes.length);
      const end = Math.max(start, bytes.length - cut);
      return crc32c(bytes, start, end, seed) === crc32cReference(bytes, start, end, seed);
    }),
    { numRuns: 500 },
  );
  t.end();
});

t.test('equals the reference on large blocks at every alignment', (t) => {
  const bytes = Uint8Array.from({ length: 70_000 }, (_, at) => Math.imul(at, 2654435761) >>> 24);
  for (let start = 0; start < 9; start++) {
    const end = bytes.length - 3 * start;
    t.equal(crc32c(bytes, start, end), crc32cReference(bytes, start, end), `from ${start}`);
  }
  t.end();
});

t.test('pieces chain through the seed', (t) => {
  fc.assert(
    fc.property(fc.array(fc.uint8Array({ maxLength: 40 }), { maxLength: 8 }), (pieces) => {
      const whole = Buffer.concat(pieces);
      const chained = pieces.reduce((crc, piece) => crc32c(piece, 0, piece.length, crc), 0);
      return chained === crc32c(whole, 0, whole.length);
    }),
  );
  t.end();
});

t.test('finds every flip of one bit', (t) => {
  const bytes = ascii('a record of the log, 41 bytes long, say.!');
  const sound = crc32c(bytes, 0, bytes.length);
  for (let bit = 0; bit < bytes.length * 8; bit++) {
    const damaged = bytes.slice();
    damaged[bit >> 3] = (damaged[bit >> 3] as number) ^ (1 << (bit & 7));
    if (crc32c(damaged, 0, damaged.length) === sound) t.fail(`bit ${bit} was missed`);
  }
  t.end();
});
