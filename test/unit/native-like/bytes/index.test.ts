import * as fc from 'fast-check';
import t from 'tap';
import {
  latin1Slice,
  latin1ToBytes,
  latin1Write,
  readVarint,
  varintSize,
  writeVarint,
} from '../../../../native-like/bytes/index.js';
import {
  latin1SliceReference,
  latin1ToBytesReference,
  latin1WriteReference,
  readVarintReference,
  varintSizeReference,
  writeVarintReference,
} from '../../../../native-like/bytes/reference.js';

const byteString = fc.uint8Array({ maxLength: 120 }).map((bytes) => Buffer.from(bytes).toString('latin1'));
/** Safe integers of every magnitude, and the edges of every varint length. */
const safeInteger = fc.oneof(
  fc.maxSafeNat(),
  fc.nat(),
  fc.nat({ max: 300 }),
  fc
    .tuple(fc.integer({ min: 0, max: 53 }), fc.integer({ min: -1, max: 1 }))
    .map(([bits, off]) => Math.min(Math.max(2 ** bits + off, 0), Number.MAX_SAFE_INTEGER)),
);

t.test('latin1Slice equals its reference, on views too', (t) => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 120 }), fc.nat({ max: 20 }), fc.nat({ max: 20 }), (bytes, from, cut) => {
      const start = Math.min(from, bytes.length);
      const end = Math.max(start, bytes.length - cut);
      t.equal(latin1Slice(bytes, start, end), latin1SliceReference(bytes, start, end));
      const view = bytes.subarray(start);
      t.equal(latin1Slice(view, 0, view.length), latin1SliceReference(view, 0, view.length));
    }),
  );
  t.end();
});

t.test('latin1Write equals its reference and touches nothing else', (t) => {
  fc.assert(
    fc.property(byteString, fc.nat({ max: 10 }), (text, at) => {
      const [fast, reference] = [new Uint8Array(140).fill(7), new Uint8Array(140).fill(7)];
      t.equal(latin1Write(fast, at, text), latin1WriteReference(reference, at, text));
      t.same(fast, reference);
      t.same(latin1ToBytes(text), latin1ToBytesReference(text));
      t.equal(latin1Slice(fast, at, at + text.length), text);
    }),
  );
  t.end();
});

t.test('latin1 at every length up to 300, across the switches between loop and native call', (t) => {
  for (let length = 0; length <= 300; length++) {
    const text = Array.from({ length }, (_, at) => String.fromCharCode((at * 7 + length) & 0xff)).join('');
    const bytes = latin1ToBytes(text);
    if (latin1Slice(bytes, 0, length) !== text) t.fail(`${length} bytes`);
    if (Buffer.compare(bytes, Buffer.from(text, 'latin1')) !== 0) t.fail(`${length} chars`);
  }
  t.end();
});

t.test('the reference refuses what is no byte string', (t) => {
  t.throws(() => latin1ToBytesReference('snowman ☃'), RangeError);
  t.throws(() => latin1WriteReference(new Uint8Array(2), 0, 'abc'), RangeError);
  t.end();
});

t.test('latin1ToBytes owns its memory', (t) => {
  const bytes = latin1ToBytes('abc');
  t.equal(bytes.buffer.byteLength, 3);
  t.end();
});

t.test('varints are written and read as the reference does', (t) => {
  fc.assert(
    fc.property(safeInteger, fc.nat({ max: 4 }), (n, at) => {
      const [fast, reference] = [new Uint8Array(16), new Uint8Array(16)];
      const end = writeVarint(fast, at, n);
      t.equal(end, writeVarintReference(reference, at, n));
      t.same(fast, reference);
      t.equal(varintSize(n), end - at);
      t.equal(varintSizeReference(n), end - at);
      const cursor = { at };
      t.equal(readVarint(fast, cursor), n);
      t.equal(cursor.at, end);
    }),
    { numRuns: 1000 },
  );
  t.end();
});

t.test('varints change their length at every seventh bit', (t) => {
  for (let bits = 0; bits <= 53; bits++) {
    for (const n of [2 ** bits - 1, Math.min(2 ** bits, Number.MAX_SAFE_INTEGER)]) {
      t.equal(varintSize(n), varintSizeReference(n), `${n}`);
      t.equal(writeVarint(new Uint8Array(8), 0, n), varintSizeReference(n));
    }
  }
  t.end();
});

t.test('any bytes are read, or refused, as the reference does', (t) => {
  const byte = fc.oneof(fc.integer({ min: 0x80, max: 0xff }), fc.integer({ min: 0, max: 0xff }));
  const attempt = (read: typeof readVarint, bytes: Uint8Array, at: number): unknown => {
    const cursor = { at };
    try {
      return { value: read(bytes, cursor), at: cursor.at };
    } catch (error) {
      t.ok(error instanceof RangeError);
      t.equal(cursor.at, at, 'the cursor stays');
      return String(error);
    }
  };
  fc.assert(
    fc.property(fc.array(byte, { maxLength: 12 }), fc.nat({ max: 3 }), (numbers, at) => {
      const bytes = Uint8Array.from(numbers);
      t.same(attempt(readVarint, bytes, at), attempt(readVarintReference, bytes, at));
    }),
    { numRuns: 1000 },
  );
  t.end();
});

t.test('the edges of readVarint', (t) => {
  const read = (...bytes: number[]): number => readVarint(Uint8Array.from(bytes), { at: 0 });
  t.equal(read(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x0f), Number.MAX_SAFE_INTEGER);
  t.throws(() => read(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x10), /above 2\^53/);
  t.throws(() => read(0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01), /longer than 8/);
  t.throws(() => read(0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00), /longer than 8/);
  t.throws(() => read(), /cut short/);
  t.throws(() => read(0x80), /cut short/);
  t.equal(read(0x80, 0x00), 0, 'padding within 8 bytes is protobuf');
  t.end();
});
