import * as fc from 'fast-check';
import t from 'tap';
import { originId } from '../../../src/base/brand.js';
import { decodeBatch, encodeBatch } from '../../../src/engines/leaderless/batch-codec.js';
import { kvorum } from '../../../src/wire/protobuf.js';
import { plain } from './arbitraries.js';

const { OriginBatch } = kvorum.log;

const number = fc.oneof(fc.nat(300), fc.integer({ min: 1, max: 2 ** 52 }), fc.constantFrom(127, 128, 2 ** 28, 2 ** 49));
const positive = number.map((value) => Math.max(1, value));
const origin = fc.constantFrom('n1~0123456789abcdef', 'n2~1', `${'r'.repeat(64)}~0123456789abcdef`).map(originId);
const header = fc
  .record({
    origin,
    seq: positive,
    boot: positive,
    counter: positive,
    commands: fc.integer({ min: 1, max: 100_000 }),
    dependencies: fc.uniqueArray(fc.record({ origin, seq: positive }), { selector: (dot) => dot.origin }),
    wallMs: positive,
  })
  .map((fields) => ({
    ...fields,
    dependencies: fields.dependencies.filter((dot) => dot.origin !== fields.origin),
  }));
const payload = fc.uint8Array({ minLength: 1, maxLength: 300 });

t.test('a batch of an origin is what log.proto says it is, byte by byte', async (t) => {
  fc.assert(
    fc.property(header, payload, (header, payload) => {
      const { encoded } = encodeBatch(header, payload);
      const generated = OriginBatch.encode({ ...header, dependencies: [...header.dependencies], payload }).finish();
      t.ok(Buffer.from(encoded).equals(generated), 'the same bytes');
      t.strictSame(
        plain(OriginBatch.toObject(OriginBatch.decode(encoded), { arrays: true })),
        plain({ ...header, payload }),
      );
      t.strictSame(plain(decodeBatch(generated)), plain({ ...header, payload, encoded }));
    }),
    { numRuns: 200 },
  );
});

t.test('a number that is 0 is written, too', async (t) => {
  const fields = { origin: originId('n1~1'), seq: 1, boot: 0, counter: 1, commands: 1, dependencies: [], wallMs: 0 };
  const { encoded } = encodeBatch(fields, new Uint8Array([1]));
  t.match(OriginBatch.decode(encoded), { boot: 0, wallMs: 0, commands: 1 });
  t.match(decodeBatch(encoded), fields);
  t.equal(
    decodeBatch(OriginBatch.encode({ ...fields, payload: new Uint8Array([1]) }).finish()),
    null,
    'there is one way',
  );
});

t.test('there is one way to write a batch: whatever else protobuf would take is refused', async (t) => {
  const fields = { origin: originId('n1~1'), seq: 1, boot: 1, counter: 5, commands: 2, dependencies: [], wallMs: 7 };
  const { encoded } = encodeBatch(fields, new Uint8Array([1]));
  const bytes = [...encoded];
  const accepted = (changed: readonly number[]): boolean => decodeBatch(Uint8Array.from(changed)) !== null;
  t.ok(accepted(bytes));
  t.notOk(accepted([...bytes, 0x38, 7]), 'a field after the payload');
  t.notOk(accepted([0x38, 7, ...bytes]), 'a field twice');
  t.notOk(accepted([...bytes.slice(6), ...bytes.slice(0, 6)]), 'another order');
  t.notOk(accepted(bytes.slice(0, -1)), 'cut short');
  for (let at = 0; at < bytes.length; at++) t.notOk(accepted(bytes.slice(0, at)), `cut at ${at}`);
});
