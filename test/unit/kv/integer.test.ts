import t from 'tap';
import { parseInt64 } from '../../../src/kv/integer.js';
import { bytes, fresh, one, put, textOf } from './support.js';

const MAX = 2n ** 63n - 1n;
const MIN = -(2n ** 63n);

t.test('only what Redis takes for an integer is one', async (t) => {
  const valid = ['0', '1', '-1', '10', '-10', '999999999999999', '1000000000000000', `${MAX}`, `${MIN}`];
  for (const text of valid) t.equal(parseInt64(bytes(text), 0, text.length), BigInt(text), text);
  const invalid = [
    ['', ' ', '1 ', ' 1', '+1', '-', '-0', '00', '01', '-01', '1.0', '1e3', '0x1', '1_0', 'a', '1\u0000', '\u00b2'],
    [`${MAX + 1n}`, `${MIN - 1n}`, '99999999999999999999', '-99999999999999999999', '100000000000000000000'],
  ].flat();
  for (const text of invalid) t.equal(parseInt64(bytes(text), 0, text.length), null, JSON.stringify(text));
  t.equal(parseInt64(bytes('x42x'), 1, 3), 42n, 'within a larger buffer');
});

t.test('increment', async (t) => {
  const machine = fresh();
  const add = (delta: bigint): unknown => {
    const { status, integer } = one(machine, { op: 'increment', key: 'n', delta });
    return [status, integer, textOf(machine.reader.get('n'))];
  };
  t.same(add(0n), ['created', 0n, '0'], 'an absent key counts as 0');
  t.same(add(-5n), ['replaced', -5n, '-5']);
  t.same(add(5n), ['replaced', 0n, '0'], 'there is no -0');
  t.same(add(MAX), ['replaced', MAX, `${MAX}`]);
  t.same(add(1n), ['integer_overflow', null, `${MAX}`]);
  t.same(add(MIN), ['replaced', -1n, '-1']);
  t.same(add(MIN), ['integer_overflow', null, '-1']);
  t.same(add(MIN + 1n), ['replaced', MIN, `${MIN}`]);
  t.same(add(-1n), ['integer_overflow', null, `${MIN}`]);
  for (const text of ['', '01', ' 1', '9223372036854775808', 'x']) {
    one(machine, put('n', text));
    t.same(add(1n), ['not_an_integer', null, text]);
  }
});

t.test('append', async (t) => {
  const machine = fresh();
  const append = (value: string, maxBytes: number): unknown => {
    const { status, integer } = one(machine, { op: 'append', key: 'k', value: bytes(value), maxBytes });
    return [status, integer, textOf(machine.reader.get('k'))];
  };
  t.same(append('toolong', 6), ['value_would_be_too_large', null, null]);
  t.same(append('', 0), ['created', 0, ''], 'an absent key counts as empty');
  t.same(append('ab', 4), ['replaced', 2, 'ab']);
  t.same(append('cd', 4), ['replaced', 4, 'abcd']);
  t.same(append('e', 4), ['value_would_be_too_large', null, 'abcd']);
  t.same(append('', 4), ['replaced', 4, 'abcd']);
});
