import * as fc from 'fast-check';
import type { Revision } from '../../../src/base/brand.js';
import type { Command, Condition, Operation } from '../../../src/kv/index.js';
import { bytes } from './support.js';

/** Few keys, so that commands meet; among them awkward ones: binary, prefixes of each other, names of Object's members. */
export const KEYS = ['a', 'ab', 'b', '\u0000', 'a\u0000', '\u00ff', '\u00ff\u00ff', '__proto__', 'constructor', 'k9'];

export const key = fc.oneof(
  { weight: 9, arbitrary: fc.constantFrom(...KEYS) },
  { weight: 1, arbitrary: fc.uint8Array({ minLength: 1, maxLength: 3 }).map((raw) => String.fromCharCode(...raw)) },
);

/** Often a number, so that increments succeed; sometimes empty. */
export const value = fc.oneof(
  fc.bigInt({ min: -3n, max: 3n }).map((number) => bytes(number.toString())),
  fc.constant(bytes('9223372036854775807')),
  fc.uint8Array({ maxLength: 4 }),
);

const condition: fc.Arbitrary<Condition> = fc.oneof(
  fc.constant<Condition>({ kind: 'absent' }),
  fc.constant<Condition>({ kind: 'present' }),
  fc.nat(30).map((revision): Condition => ({ kind: 'revision', revision: revision as Revision })),
  value.map((expected): Condition => ({ kind: 'value', value: expected })),
);

const options = fc.record({ condition, returnPrevious: fc.constant(true) }, { requiredKeys: [] });

export const operation: fc.Arbitrary<Operation> = fc.oneof(
  { weight: 3, arbitrary: fc.record({ op: fc.constant('put' as const), key, value }) },
  {
    weight: 2,
    arbitrary: fc
      .tuple(key, value, options)
      .map(([k, v, more]): Operation => ({ op: 'put', key: k, value: v, ...more })),
  },
  { weight: 2, arbitrary: fc.tuple(key, options).map(([k, more]): Operation => ({ op: 'delete', key: k, ...more })) },
  {
    weight: 1,
    arbitrary: fc.record({
      op: fc.constant('increment' as const),
      key,
      delta: fc.oneof(fc.bigInt({ min: -2n, max: 2n }), fc.bigInt({ min: -(2n ** 63n), max: 2n ** 63n - 1n })),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('append' as const), key, value, maxBytes: fc.nat(8) }) },
);

function withoutPrevious(given: Operation): Operation {
  if (given.op !== 'put' && given.op !== 'delete') return given;
  const { returnPrevious: _dropped, ...kept } = given;
  return kept;
}

const session = fc.record({ clientId: fc.constantFrom('c1', 'c2', 'c3', 'é'), seq: fc.nat(6) });

export const command: fc.Arbitrary<Command> = fc.oneof(
  { weight: 3, arbitrary: operation.map((only): Command => ({ operations: [only] })) },
  { weight: 2, arbitrary: fc.array(operation, { minLength: 2, maxLength: 4 }).map((operations) => ({ operations })) },
  {
    weight: 2,
    arbitrary: fc.tuple(operation, session).map(([only, s]): Command => ({ operations: [only], session: s })),
  },
  {
    weight: 1,
    arbitrary: fc
      .tuple(fc.array(operation, { minLength: 2, maxLength: 3 }), session)
      .map(([operations, s]): Command => ({ operations: operations.map(withoutPrevious), session: s })),
  },
);
