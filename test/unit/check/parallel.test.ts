import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { checkLinearizable, createModel } from '../../../src/check/index.js';
import { checkInParallel } from '../../../src/check/parallel.js';
import { partitionByKey } from '../../../src/check/partition.js';
import { op, undecidable } from './fixtures.js';
import { randomHistory } from './random-history.js';

const kv = createModel('kv', { absentEmpty: true, init: 'start' });
/** Longer than what is checked in the same thread. */
const LONG = { clients: 30, operations: 51_000, keys: 24, kinds: ['put', 'get', 'append'] } as const;

t.test('threads come to the same verdict', async (t) => {
  const history = randomHistory(createPrng(1), kv, LONG);
  const partitions = partitionByKey(history, kv);
  let decided = 0;
  const good = await checkInParallel(partitions, kv, { onDecided: (count) => (decided += count) });
  const inline = checkLinearizable(history, kv);
  t.match(good, { verdict: 'ok', operations: inline.operations, keys: 24, violation: null, undecided: [] });
  t.equal(decided, inline.operations);
  const wrong = op([1e6, 1e6 + 1], { kind: 'get', key: 'k7', value: 'stale' });
  const bad = await checkInParallel(partitionByKey([...history, wrong], kv), kv);
  t.equal(bad.verdict, 'violation');
  t.equal(bad.violation?.key, 'k7');
  t.ok(bad.violation?.operations.includes(wrong), 'these are the operations that were passed in');
});

t.test('what a first round does not decide goes on, and ends undecided when the budget does', async (t) => {
  const easy = [op([0, 1], { kind: 'get', key: 'easy', value: 'start' })];
  for (const keys of [['one'], ['one', 'two', 'three']]) {
    const partitions = partitionByKey([...easy, ...keys.flatMap((key) => undecidable(key, 'start'))], kv);
    const { operations, undecided, verdict } = await checkInParallel(partitions, kv, { budget: 100_000 });
    t.equal(verdict, 'unknown');
    t.same([...undecided].sort(), [...keys].sort());
    t.equal(operations, 1 + keys.length * 41);
  }
});
