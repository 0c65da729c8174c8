import t from 'tap';
import type { Operation } from '../../../src/check/index.js';
import { assertDefined } from '../../../src/base/assert.js';
import { callerFor, type Caller } from './callers.js';
import { runningCluster } from './fixture.js';
import { History, type Intent } from './history.js';
import { isolate } from './partitions.js';
import { check, checkIncrements } from './verify.js';
import { Workload } from './workload.js';

/** The other tests show that nothing is found. These show that something would be found. */
t.setTimeout(180_000);

const { cluster, network, prng } = await runningCluster(t, 3);

t.test('a recorded history is good, and bad when one read of it is altered', { timeout: 180_000 }, async (t) => {
  const workload = new Workload({ cluster, prng, clients: 6 });
  workload.start();
  await cluster.until('requests', 60_000, async () => workload.count('ok') > 300 || undefined);
  const { operations } = await workload.stop();
  t.equal(check(operations).verdict, 'ok');
  t.equal(check(alteredRead(operations)).verdict, 'violation', 'a read from the past is found');
  const lastRead = operations.findLastIndex(({ kind }) => kind === 'get');
  const impossible = operations.map((it, at) => (at === lastRead ? { ...it, value: 'never written' } : it));
  t.equal(check(impossible).verdict, 'violation', 'a value that nobody wrote is found');
});

/** A read now returns a value that another put had replaced, all told to clients, before the read began. */
function alteredRead(operations: readonly Operation[]): Operation[] {
  const puts = operations.filter(({ kind, outcome }) => kind === 'put' && outcome === 'ok');
  const endOf = (put: Operation): number => put.return ?? Infinity;
  for (const [at, read] of operations.entries()) {
    if (read.kind !== 'get') continue;
    const over = puts.filter((put) => put.key === read.key && endOf(put) < read.call);
    const past = over.find((put) => over.some((later) => later.call > endOf(put)));
    if (past !== undefined) return operations.with(at, { ...read, value: past.value });
  }
  throw new Error('no read came after two puts of its key');
}

t.test('a stale read of a cut-off replica is found to be stale', { timeout: 180_000 }, async (t) => {
  const key = 'cut-off';
  const leader = await cluster.leader('loose');
  const follower = assertDefined(
    cluster.members.find(({ id }) => id !== leader.id),
    'there are followers',
  );
  const [writer, reader] = [leader, follower].map((it) => callerFor('http', it, 'loose', 5000)) as [Caller, Caller];
  t.teardown(() => [writer, reader].forEach((caller) => caller.close()));
  const history = new History();
  const get: Intent = { kind: 'get', key, value: null };
  // On a busy machine it may come while a leader is elected: then it is sent again, with another value.
  let sent = 0;
  const put = (what: string): Promise<string> =>
    cluster.until(what, 30_000, async () => {
      const value = `${what} ${++sent}`;
      const intent: Intent = { kind: 'put', key, value };
      const end = history.begin(sent, intent);
      const ending = await writer.call(intent, null);
      end(ending);
      return ending.outcome === 'ok' ? value : undefined;
    });
  const before = await put('before');
  await cluster.until('the follower has it', 30_000, async () => {
    const { value } = await reader.call(get, null);
    return value === before || undefined;
  });
  isolate(network, follower.id, 'both');
  await put('after');
  const end = history.begin(0, get);
  const ending = await reader.call(get, null);
  end(ending);
  await cluster.heal();
  t.match(ending, { outcome: 'ok', value: before }, 'what it has, however old');
  const { verdict, violation } = check(history.operations);
  t.equal(verdict, 'violation', 'reads: stale is not linearizable, and the whole pipeline says so');
  t.ok((violation?.operations.length ?? 0) >= 3, 'and shows the operations of the key');
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
