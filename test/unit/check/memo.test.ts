import t from 'tap';
import { createPrng } from '../../../src/base/prng.js';
import { Memo, MemoryBudget } from '../../../src/check/memo.js';

const NO_OPEN = new Int32Array(0);

t.test('a configuration is new once', async (t) => {
  const memo = new Memo(new MemoryBudget());
  const bits = Int32Array.of(0b1011);
  t.ok(memo.add(7, 2, bits, 0, 0, NO_OPEN));
  t.notOk(memo.add(7, 2, bits, 0, 0, NO_OPEN));
  t.ok(memo.add(7, 3, bits, 0, 0, NO_OPEN), 'another state');
});

t.test('equal hashes are not equal configurations: a hash alone would call good histories bad', async (t) => {
  const memo = new Memo(new MemoryBudget());
  const hash = 42;
  t.ok(memo.add(hash, 2, Int32Array.of(1), 0, 0, NO_OPEN));
  t.ok(memo.add(hash, 2, Int32Array.of(2), 0, 0, NO_OPEN), 'another set');
  t.ok(memo.add(hash, 2, Int32Array.of(-1, 1), 1, 1, NO_OPEN), 'the same word further on');
  t.ok(memo.add(hash, 2, Int32Array.of(-1, -1), 2, 1, NO_OPEN), 'no mixed word at all');
  t.ok(memo.add(hash, 2, Int32Array.of(1), 0, 0, Int32Array.of(1)), 'another open operation');
  t.ok(memo.add(hash, 2, Int32Array.of(1), 0, 0, Int32Array.of(2)));
  t.notOk(memo.add(hash, 2, Int32Array.of(1), 0, 0, Int32Array.of(1)));
});

t.test('it agrees with a set of strings, however it grows', async (t) => {
  const prng = createPrng(8);
  const memo = new Memo(new MemoryBudget());
  const twin = new Set<string>();
  for (let round = 0; round < 50_000; round++) {
    const state = prng.between(0, 3);
    const bits = Int32Array.of(prng.between(0, 200), prng.between(0, 20));
    const key = `${state} ${bits.join(' ')}`;
    const isNew = memo.add(bits[0] ?? 0, state, bits, 0, 1, NO_OPEN);
    if (isNew === twin.has(key)) t.fail(key);
    twin.add(key);
  }
  t.ok(twin.size > 10_000);
});

t.test('memos share a budget and give back what they took', async (t) => {
  const memory = new MemoryBudget(100_000);
  const fill = (memo: Memo): void => {
    for (let at = 0; at < 10_000; at++) memo.add(at, 2, Int32Array.of(at), 0, 0, NO_OPEN);
  };
  const [one, two] = [new Memo(memory), new Memo(memory)];
  t.notOk(memory.isUsedUp);
  fill(one);
  t.ok(memory.isUsedUp);
  one.close();
  t.notOk(memory.isUsedUp);
  fill(two);
  t.ok(memory.isUsedUp);
});
