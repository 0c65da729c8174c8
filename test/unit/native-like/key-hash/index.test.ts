import * as fc from 'fast-check';
import t from 'tap';
import xxhash from 'xxhash-wasm';
import { keyHash } from '../../../../native-like/key-hash/index.js';
import { keyHashReference } from '../../../../native-like/key-hash/reference.js';

const seeds = fc.nat({ max: 0xffffffff });
const byteString = (maxLength: number): fc.Arbitrary<string> =>
  fc.uint8Array({ maxLength }).map((bytes) => Buffer.from(bytes).toString('latin1'));

t.test('published values of XXH32', (t) => {
  t.equal(keyHash('', 0), 0x02cc5d05);
  t.equal(keyHash('a', 0), 0x550d7456);
  t.equal(keyHash('abc', 0), 0x32d153ff);
  t.equal(keyHash('Nobody inspects the spammish repetition', 0), 0xe2293b2f);
  t.end();
});

t.test('equals the reference and xxhash-wasm', async (t) => {
  const hasher = await xxhash();
  fc.assert(
    fc.property(byteString(200), seeds, (key, seed) => {
      const hash = keyHash(key, seed);
      t.equal(hash, keyHashReference(key, seed));
      t.equal(hash, hasher.h32Raw(Buffer.from(key, 'latin1'), seed));
    }),
    { numRuns: 400 },
  );
});

t.test('every length from 0 to 70 agrees, whatever remains behind the stripes', async (t) => {
  const hasher = await xxhash();
  for (let length = 0; length <= 70; length++) {
    const bytes = Buffer.from(Array.from({ length }, (_, at) => (at * 37 + 200) & 0xff));
    t.equal(keyHash(bytes.toString('latin1'), 0x9747b28c), hasher.h32Raw(bytes, 0x9747b28c), `${length} bytes`);
  }
});

t.test('spreads sequential keys over partitions', (t) => {
  const partitions = 16;
  const keys = 16_000;
  const counts = Array.from({ length: partitions }, () => 0);
  for (let at = 0; at < keys; at++) {
    const partition = keyHash(`user:${at}`, 0) % partitions;
    counts[partition] = (counts[partition] as number) + 1;
  }
  // Fixed input, fixed answer: four standard deviations of a binomial around 1000.
  for (const count of counts) t.ok(Math.abs(count - keys / partitions) < 125, `${count} keys`);
  t.end();
});
