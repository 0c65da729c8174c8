import * as fc from 'fast-check';
import t from 'tap';
import { unreachable } from '../../../src/base/assert.js';
import type { OriginId } from '../../../src/base/brand.js';
import { LIMITS } from '../../../src/base/limits.js';
import { BatchBuilder, decodeBatch, validateBatch, type Command, type Operation } from '../../../src/kv/index.js';
import { kvorum } from '../../../src/wire/protobuf.js';
import { command, key, value } from './arbitraries.js';
import { batchOf, bytes, put, ref } from './support.js';

const { Batch, OperationKind } = kvorum.command;
const KIND = {
  put: OperationKind.PUT,
  delete: OperationKind.DELETE,
  increment: OperationKind.INCREMENT,
  append: OperationKind.APPEND,
} as const;

/** protobufjs decodes 64-bit numbers to doubles: exact up to 2^53 only. */
const DELTA_MAX = 2n ** 53n;

function isExact(given: Command): boolean {
  return given.operations.every(
    (each) => each.op !== 'increment' || (each.delta < DELTA_MAX && each.delta > -DELTA_MAX),
  );
}

function generatedOperation(given: Operation): kvorum.command.Operation.$Properties {
  const common = { kind: KIND[given.op], key: bytes(given.key) };
  switch (given.op) {
    case 'increment':
      return { ...common, delta: Number(given.delta) };
    case 'append':
      return { ...common, value: given.value, maxBytes: given.maxBytes };
    case 'put':
    case 'delete': {
      const { condition, returnPrevious, context } = given;
      return {
        ...common,
        ...(given.op === 'put' ? { value: given.value } : {}),
        ...(given.op === 'put' && given.expiresAtMs !== undefined ? { expiresAtMs: given.expiresAtMs } : {}),
        ...(context === undefined
          ? {}
          : { context: context.map(({ origin, seq }) => ({ origin: bytes(origin), seq })) }),
        ...(condition === undefined ? {} : { condition: generatedCondition(condition) }),
        ...(returnPrevious === true ? { returnPrevious } : {}),
      };
    }
    default:
      return unreachable(given);
  }
}

type GivenCondition = NonNullable<Extract<Operation, { op: 'put' }>['condition']>;

function generatedCondition(condition: GivenCondition): kvorum.command.Condition.$Properties {
  if (condition.kind === 'revision') return { revision: condition.revision };
  if (condition.kind === 'value') return { value: condition.value };
  return condition.kind === 'absent' ? { absent: true } : { present: true };
}

function generated(given: Command): kvorum.command.Command.$Properties {
  const { operations, session } = given;
  const encoded = operations.map(generatedOperation);
  if (session === undefined) return { operations: encoded };
  return { operations: encoded, session: { clientId: new TextEncoder().encode(session.clientId), seq: session.seq } };
}

/** What decodes must equal what was encoded, bytes compared as bytes. */
function plain(commands: readonly Command[]): unknown {
  return JSON.parse(
    JSON.stringify(commands, (_name, given: unknown) => {
      if (given instanceof Uint8Array) return `bytes ${Buffer.from(given).toString('hex')}`;
      return typeof given === 'bigint' ? `integer ${given}` : given;
    }),
  );
}

function decoded(payload: Uint8Array): readonly Command[] {
  const result = decodeBatch(payload);
  if (!result.ok) throw new Error(result.reason);
  return result.commands;
}

const dot = fc.record({
  origin: fc.constantFrom('a~1', 'b~00ff', 'n~~1').map((origin) => origin as OriginId),
  seq: fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER }),
});
const context = fc.array(dot, { minLength: 1, maxLength: 3 });
const expiresAtMs = fc.integer({ min: 1, max: Number.MAX_SAFE_INTEGER });
/** What only leaderless keyspaces take. */
const leaderless: fc.Arbitrary<Command> = fc
  .oneof(
    fc.record(
      { op: fc.constant('put' as const), key, value, context, expiresAtMs },
      { requiredKeys: ['op', 'key', 'value'] },
    ),
    fc.record({ op: fc.constant('delete' as const), key, context }),
  )
  .map((only) => ({ operations: [only] }));
const anyCommand = fc.oneof({ weight: 3, arbitrary: command }, { weight: 1, arbitrary: leaderless });
const batch = fc.array(anyCommand, { minLength: 1, maxLength: 5 });

t.test('what is encoded decodes to the same', async (t) => {
  fc.assert(
    fc.property(batch, (commands) => {
      const payload = batchOf(...commands);
      equal(validateBatch(payload), true);
      equal(plain(decoded(payload)), plain(commands));
    }),
  );
  t.pass('for all samples');
});

t.test('the generated code reads what we write', async (t) => {
  fc.assert(
    fc.property(fc.array(anyCommand.filter(isExact), { minLength: 1, maxLength: 5 }), (commands) => {
      const message = Batch.decode(batchOf(...commands));
      const again = Batch.encode(message).finish();
      const expected = Batch.encode({ commands: commands.map(generated) }).finish();
      // Through the generated decoder, whose view of the fields is what counts.
      equal(Batch.toObject(Batch.decode(again)), Batch.toObject(Batch.decode(expected)));
    }),
  );
  t.pass('for all samples');
});

t.test('we read what the generated code writes', async (t) => {
  fc.assert(
    fc.property(fc.array(anyCommand.filter(isExact), { minLength: 1, maxLength: 5 }), (commands) => {
      const payload = Uint8Array.from(Batch.encode({ commands: commands.map(generated) }).finish());
      equal(plain(decoded(payload)), plain(commands));
    }),
  );
  t.pass('for all samples');
});

t.test('the hot path writes the same bytes as a command', async (t) => {
  fc.assert(
    fc.property(fc.array(fc.tuple(key, value), { minLength: 1, maxLength: 5 }), (pairs) => {
      const builder = new BatchBuilder();
      for (const [k, v] of pairs) {
        // Out of the middle of a larger buffer, as from a socket.
        const source = Buffer.concat([Buffer.from('xx'), bytes(k), v, Buffer.from('yy')]);
        const middle = 2 + k.length;
        builder.addPut({ source, start: 2, end: middle }, { source, start: middle, end: middle + v.length });
        source.fill(0);
      }
      const commands = pairs.map(([k, v]): Command => ({ operations: [{ op: 'put', key: k, value: v }] }));
      equal(Buffer.from(builder.take()), Buffer.from(batchOf(...commands)));
    }),
  );
  t.pass('for all samples');
});

t.test('a builder hands its bytes over and begins anew', async (t) => {
  const builder = new BatchBuilder();
  t.notOk(builder.takeable);
  builder.addPut(ref('a'), ref('1'));
  t.ok(builder.takeable);
  t.equal(builder.count, 1);
  const bytesBefore = builder.bytes;
  const first = builder.take();
  t.equal(first.length, bytesBefore);
  t.equal(first.buffer.byteLength, first.length, 'a payload pins no more memory than its own');
  t.same([builder.count, builder.bytes, builder.takeable], [0, 0, false]);
  const copy = Uint8Array.from(first);
  builder.addPut(ref('b'), ref('x'.repeat(3_000_000)));
  builder.addCommand({ operations: [put('c', '3')] });
  t.equal(builder.count, 2);
  t.same(first, copy, 'what was handed out does not change');
  const second = builder.take();
  t.equal(decoded(second).length, 2);
  t.equal(decoded(first).length, 1);
});

t.test('the bounds of a command', async (t) => {
  const longKey = 'k'.repeat(LIMITS.keyBytesCeiling);
  const full = Array.from({ length: LIMITS.batchOperations }, () => put('k', ''));
  t.ok(validateBatch(batchOf({ operations: [put(longKey, '')] })));
  t.ok(validateBatch(batchOf({ operations: full })));
  const session = { clientId: 'é'.repeat(64), seq: Number.MAX_SAFE_INTEGER };
  t.ok(validateBatch(batchOf({ operations: [put('k', '')], session })));
  const refused: Command[] = [
    { operations: [] },
    { operations: [put('', '')] },
    { operations: [put(`${longKey}k`, '')] },
    { operations: [put('\u0100', '')] },
    { operations: [put('k', 'v'.repeat(LIMITS.valueBytesCeiling + 1))] },
    { operations: [...full, put('k', '')] },
    { operations: [{ op: 'increment', key: 'k', delta: 2n ** 63n }] },
    { operations: [put('k', '')], session: { clientId: '', seq: 1 } },
    { operations: [put('k', '')], session: { clientId: 'é'.repeat(65), seq: 1 } },
    { operations: [put('k', '')], session: { clientId: 'c', seq: -1 } },
    {
      operations: [put('a', ''), { op: 'delete', key: 'b', returnPrevious: true }],
      session: { clientId: 'c', seq: 1 },
    },
  ];
  for (const given of refused) t.throws(() => batchOf(given), { name: 'InvariantViolation' });
  const builder = new BatchBuilder();
  t.throws(() => builder.addPut(ref(''), ref('v')), { name: 'InvariantViolation' });
  t.throws(() => builder.addPut({ ...ref('k'), end: 2 }, ref('v')), { name: 'InvariantViolation' });
  t.throws(() => builder.addPut(ref('k'), { ...ref('v'), end: 2 }), { name: 'InvariantViolation' });
});

t.test('what a peer must not send is refused', async (t) => {
  const one = { key: bytes('k') };
  const refuse = (why: string, commands: kvorum.command.Command.$Properties[]): void => {
    t.notOk(validateBatch(Batch.encode({ commands }).finish()), why);
  };
  refuse('no command', []);
  refuse('no operation', [{ operations: [] }]);
  refuse('no key', [{ operations: [{ value: bytes('v') }] }]);
  refuse('a long key', [{ operations: [{ key: new Uint8Array(LIMITS.keyBytesCeiling + 1) }] }]);
  refuse('a long value', [{ operations: [{ ...one, value: new Uint8Array(LIMITS.valueBytesCeiling + 1) }] }]);
  refuse('too many operations', [{ operations: Array.from({ length: LIMITS.batchOperations + 1 }, () => one) }]);
  t.ok(validateBatch(Uint8Array.from([0x0a, 7, 0x0a, 5, 0x08, 3, 0x12, 1, 0x6b])));
  t.notOk(validateBatch(Uint8Array.from([0x0a, 7, 0x0a, 5, 0x08, 4, 0x12, 1, 0x6b])), 'an unknown kind');
  refuse('an empty condition', [{ operations: [{ ...one, condition: {} }] }]);
  refuse('a condition that is false', [{ operations: [{ ...one, condition: { absent: false } }] }]);
  refuse('a condition on an append', [{ operations: [{ ...one, kind: KIND.append, condition: { absent: true } }] }]);
  refuse('no client id', [{ operations: [one], session: { seq: 1 } }]);
  refuse('a long client id', [{ operations: [one], session: { clientId: new Uint8Array(129), seq: 1 } }]);
  const origin = bytes('a~1');
  refuse('a dot without a position', [{ operations: [{ ...one, context: [{ origin }] }] }]);
  refuse('a dot of nobody', [{ operations: [{ ...one, context: [{ origin: bytes('a'), seq: 1 }] }] }]);
  const long = Array.from({ length: LIMITS.contextDots + 1 }, () => ({ origin, seq: 1 }));
  refuse('a long context', [{ operations: [{ ...one, context: long }] }]);
  refuse('an append with a context', [{ operations: [{ ...one, kind: KIND.append, context: [{ origin, seq: 1 }] }] }]);
  refuse('a delete that expires', [{ operations: [{ ...one, kind: KIND.delete, expiresAtMs: 1 }] }]);
  refuse('too much to keep', [
    { operations: [one, { ...one, returnPrevious: true }], session: { clientId: bytes('c'), seq: 1 } },
  ]);
});

t.test('fields of a later version are skipped', async (t) => {
  const payload = batchOf({ operations: [put('k', 'v')] });
  // Field 15 as a varint of 64 bits, as fixed64, as bytes and as fixed32.
  const unknown = [
    [0x78, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01],
    [0x79, 1, 2, 3, 4, 5, 6, 7, 8],
    [0x7a, 2, 1, 2],
    [0x7d, 1, 2, 3, 4],
  ];
  for (const field of unknown) {
    t.equal(decoded(Uint8Array.from([...field, ...payload])).length, 1);
    const inner = payload.subarray(2);
    const wrapped = Uint8Array.from([0x0a, inner.length + field.length, ...inner, ...field]);
    equal(plain(decoded(wrapped)), plain(decoded(payload)));
    t.notOk(validateBatch(Uint8Array.from([...payload, ...field.slice(0, -1)])), 'unless they are cut short');
  }
  t.notOk(validateBatch(Uint8Array.from([...payload, 0x7b, 0x7c])), 'groups are not');
});

t.test('damaged bytes are refused or harmless, never a crash', async (t) => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 60 }), (raw) => typeof validateBatch(raw) === 'boolean'));
  const changes = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(batch, changes, fc.nat(), (commands, edits, cut) => {
      const payload = batchOf(...commands);
      for (const [at, byte] of edits) payload[at % payload.length] = byte;
      const damaged = payload.subarray(0, payload.length - (cut % 3));
      equal(validateBatch(damaged), decodeBatch(damaged).ok);
    }),
    { numRuns: 2000 },
  );
  t.pass('for all samples');
});

t.test('a claimed size allocates nothing', async (t) => {
  const payload = Uint8Array.from([0x0a, 0xff, 0xff, 0xff, 0xff, 0x0f, 0x0a, 0xff, 0xff, 0xff, 0x7f]);
  t.notOk(validateBatch(payload));
  t.notOk(validateBatch(new Uint8Array(0)));
});

function equal(found: unknown, wanted: unknown): void {
  const [left, right] = [JSON.stringify(found), JSON.stringify(wanted)];
  if (left !== right) throw new Error(`expected ${right}\nfound ${left}`);
}
