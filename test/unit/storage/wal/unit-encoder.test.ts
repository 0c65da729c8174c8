import * as fc from 'fast-check';
import t from 'tap';
import { crc32 } from 'node:zlib';
import { groupId, logIndex, replicaId, term, originLog, originOf } from '../../../../src/base/brand.js';
import { readRecordHeader, RECORD_HEADER_BYTES } from '../../../../src/storage/wal/format.js';
import { decodeUnit } from '../../../../src/storage/wal/unit-decoder.js';
import { UnitEncoder, type StoredRecord } from '../../../../src/storage/wal/unit-encoder.js';
import { kvorum } from '../../../../src/wire/protobuf.js';
import { pairOf } from '../../../fixtures/membership.js';

const ownGroup = fc
  .tuple(fc.string({ minLength: 1, maxLength: 20 }), fc.nat(100))
  .map(([name, at]) => groupId(name, at));
const originGroup = fc
  .tuple(ownGroup, fc.string({ minLength: 1, maxLength: 500 }))
  .map(([name, replica]) => originLog(name, originOf(replicaId(replica), '0123456789abcdef')));
const group = fc.oneof(ownGroup, originGroup);
const number = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: Number.MAX_SAFE_INTEGER }));
const payload = fc.oneof(
  fc.uint8Array({ maxLength: 200 }),
  fc.nat(30_000).map((size) => new Uint8Array(size).fill(7)),
);
const position = fc.record({ group, index: number.map(logIndex), term: number.map(term) });

const record: fc.Arbitrary<StoredRecord> = fc.oneof(
  fc
    .record({
      group,
      index: number.map(logIndex),
      term: number.map(term),
      kind: fc.constantFrom('noop' as const, 'commands' as const, 'membership' as const, 'quorum' as const),
      payload,
    })
    .map(({ group, ...entry }): StoredRecord => ({ kind: 'entry', group, entry })),
  fc
    .record({
      group,
      term: number.map(term),
      vote: fc.constantFrom(null, replicaId('n2')),
      commit: number.map(logIndex),
      memberships: fc.constantFrom(null, pairOf('n1', 'é')),
    })
    .map(({ group, memberships, ...hardState }): StoredRecord => {
      return { kind: 'hardState', group, hardState, memberships };
    }),
  position.map((at): StoredRecord => ({ kind: 'checkpoint', ...at })),
  position.map((at): StoredRecord => ({ kind: 'checkpoint', ...at, replaces: true })),
  position.map((at): StoredRecord => ({ kind: 'cut', ...at })),
);

function plain(records: readonly StoredRecord[]): unknown {
  return records.map((each) =>
    each.kind === 'entry'
      ? { ...each, entry: { ...each.entry, payload: Buffer.from(each.entry.payload).toString('hex') } }
      : each,
  );
}

t.test('what is encoded by hand is valid protobuf, with right checksums, whatever is gathered or copied', async (t) => {
  fc.assert(
    fc.property(
      fc.array(fc.array(record, { maxLength: 6 }), { minLength: 1, maxLength: 4 }),
      fc.nat(),
      (units, salt) => {
        const encoder = new UnitEncoder();
        const crcs = units.map((records, at) => encoder.unit(10 + at, at, salt, records));
        const parts = encoder.parts();
        const bytes = Buffer.concat(parts);
        if (bytes.length !== encoder.bytes) return false;
        let offset = 0;
        return units.every((records, at) => {
          const header = readRecordHeader(bytes, offset, salt);
          if (typeof header === 'string' || header.seq !== 10 + at || header.durableSeq !== at) return false;
          const body = bytes.subarray(offset + RECORD_HEADER_BYTES, offset + RECORD_HEADER_BYTES + header.length);
          offset += RECORD_HEADER_BYTES + header.length;
          const crc = crc32(body, crc32(bytes.subarray(offset - header.length - 32, offset - header.length - 8), salt));
          if (crc !== header.payloadCrc || crc !== crcs[at]) return false;
          t.same(plain(decodeUnit(body).records), plain(records));
          // Encoding the decoded message again with protobufjs alone gives the same message.
          const again = kvorum.log.Unit.encode(kvorum.log.Unit.decode(body)).finish();
          t.same(plain(decodeUnit(Buffer.from(again)).records), plain(records));
          return true;
        });
      },
    ),
    { numRuns: 150 },
  );
});

t.test('large payloads are not copied', async (t) => {
  const encoder = new UnitEncoder();
  const large = Buffer.alloc(100_000, 1);
  const entry = { index: logIndex(1), term: term(1), kind: 'commands', payload: large } as const;
  encoder.unit(2, 1, 0, [{ kind: 'entry', group: groupId('g', 0), entry }]);
  t.ok(encoder.parts().includes(large));
  encoder.reset();
  t.equal(encoder.bytes, 0);
  t.same(encoder.parts(), []);
});

t.test('a record never claims to be durable before it is written', async (t) => {
  t.throws(() => new UnitEncoder().unit(5, 5, 0, []), { name: 'InvariantViolation' });
});
