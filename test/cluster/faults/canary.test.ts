import t from 'tap';
import type { Operation } from '../../../src/check/index.js';
import { assertDefined } from '../../../src/base/assert.js';
import { runningCluster } from './fixture.js';
import { isolate } from './partitions.js';
import { check, checkIncrements } from './verify.js';
import { Workload } from './workload.js';

/** The other tests show that nothing is found. These show that something would be found. */
t.setTimeout(60_000);

const { cluster, network, prng } = await runningCluster(t, 3);

t.test('a recorded history is good, and bad when one read of it is altered', { timeout: 60_000 }, async (t) => {
  const workload = new Workload({ cluster, prng, clients: 6 });
  workload.start();
  await cluster.until('requests', 10_000, async () => workload.count('ok') > 300 || undefined);
  const { operations } = await workload.stop();
  t.equal(check(operations).verdict, 'ok');
  // A value that was overwritten, by the same client's own later put, long before the read began.
  const altered = alteredRead(operations);
  t.equal(check(altered).verdict, 'violation', 'a read from the past is found');
  const impossible = operations.map((it, at) =>
    at === lastReadOf(operations) ? { ...it, value: 'never written' } : it,
  );
  t.equal(check(impossible).verdict, 'violation', 'a value that nobody wrote is found');
});

function lastReadOf(operations: readonly Operation[]): number {
  return operations.findLastIndex(({ kind }) => kind === 'get');
}

/** The last read of some key now returns the first value that was put there. */
function alteredRead(operations: readonly Operation[]): Operation[] {
  const at = lastReadOf(operations);
  const { key } = assertDefined(operations[at], 'there are reads');
  const first = assertDefined(
    operations.find((it) => it.kind === 'put' && it.key === key),
    'there are writes',
  );
  return operations.map((it, index) => (index === at ? { ...it, value: first.value } : it));
}

t.test('stale reads of a cut-off replica are found to be stale', { timeout: 60_000 }, async (t) => {
  const workload = new Workload({ cluster, prng, clients: 6, keyspace: 'loose' });
  workload.start();
  const leader = await cluster.leader('loose');
  const follower = assertDefined(
    cluster.ids.find((id) => id !== leader.id),
    'there are followers',
  );
  await cluster.until('requests', 10_000, async () => workload.count('ok') > 100 || undefined);
  isolate(network, follower, 'both');
  const before = workload.count('ok');
  await cluster.until('requests', 20_000, async () => workload.count('ok') > before + 600 || undefined);
  await cluster.heal();
  const { verdict, violation } = check((await workload.stop()).operations);
  t.equal(verdict, 'violation', 'reads: stale is not linearizable, and the whole pipeline says so');
  t.ok(violation?.operations.length, 'and shows the operations of the key');
});

t.test('increments that count twice, never, or backwards are found', async (t) => {
  const one = { call: 0, return: 1, result: 1 };
  t.equal(checkIncrements([one, { call: 2, return: 3, result: 2 }]), null);
  t.equal(
    checkIncrements([
      { ...one, result: 2 },
      { call: 0, return: null, result: null },
    ]),
    null,
    'an unknown one counted',
  );
  t.match(checkIncrements([one, { call: 2, return: 3, result: 3 }]), /nobody’s/, 'counted twice');
  t.match(checkIncrements([one, { ...one }]), /two increments/, 'lost');
  t.match(
    checkIncrements([
      { ...one, result: 2 },
      { call: 2, return: 3, result: 1 },
    ]),
    /1 was told after 2/,
    'backwards',
  );
});
