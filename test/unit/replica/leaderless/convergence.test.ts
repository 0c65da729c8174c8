import t from 'tap';
import { assertDefined } from '../../../../src/base/assert.js';
import { LeaderlessCluster } from '../../../fixtures/replica/leaderless-cluster.js';
import { until } from '../../../fixtures/replica/local-cluster.js';
import { del, put, read } from '../../../fixtures/replica/leaderless-caller.js';

/** A few seconds: replicas with real timers. */
t.setTimeout(180_000);

for (const engine of ['lww', 'causal'] as const) {
  for (const kind of ['memory', 'disk'] as const) {
    t.test(`${engine}, ${kind}: concurrent writes end in the same state everywhere`, async (t) => {
      const cluster = await LeaderlessCluster.start({ engine, ...(kind === 'disk' ? { dir: t.testdir({}) } : {}) });
      t.teardown(() => cluster.close());
      const writes = cluster.running.flatMap(({ id, keyspace }) =>
        Array.from({ length: 100 }, (_, at) =>
          at % 7 === 6 ? del(keyspace, `k${at % 10}`) : put(keyspace, `k${at % 10}`, `${id}-${at}`),
        ),
      );
      for (const outcome of await Promise.all(writes)) t.equal(outcome.code, null);
      await cluster.converged();
      const values = await Promise.all(cluster.running.map(({ keyspace }) => read(keyspace, 'k3')));
      t.equal(new Set(values.map(({ value }) => value)).size, 1);
    });

    t.test(
      `${engine}, ${kind}: a replica that was stopped catches up without a further write (ap.md §1.1)`,
      async (t) => {
        const cluster = await LeaderlessCluster.start({ engine, ...(kind === 'disk' ? { dir: t.testdir({}) } : {}) });
        t.teardown(() => cluster.close());
        await put(cluster.node('n3').keyspace, 'before', '3');
        await cluster.converged();
        await cluster.stopReplica('n3');
        await put(cluster.node('n1').keyspace, 'a', '1');
        await put(cluster.node('n2').keyspace, 'b', '2');
        await until('n1 and n2 agree', () =>
          cluster.node('n2').member.kv.digest() === cluster.node('n1').member.kv.digest() ? true : undefined,
        );
        // The one that wrote is gone: the other one has its log too (ap.md §1.0.3).
        await cluster.stopReplica('n1');
        const n3 = await cluster.startReplica('n3');
        await cluster.converged();
        t.match(await read(n3.keyspace, 'a'), { value: '1' });
        t.match(await read(n3.keyspace, 'b'), { value: '2' });
        await until('n3 is ready', () => (n3.member.caughtUp ? true : undefined));
      },
    );
  }
}

t.test(
  'what is deleted at one replica is deleted everywhere, and forgotten when all have it (ap.md §1.0.6)',
  async (t) => {
    const cluster = await LeaderlessCluster.start();
    t.teardown(() => cluster.close());
    const [n1, n2] = cluster.running;
    await put(assertDefined(n1, 'n1').keyspace, 'k', 'v');
    await cluster.converged();
    t.match((await del(assertDefined(n2, 'n2').keyspace, 'k')).result?.operations, [{ status: 'deleted' }]);
    await cluster.converged();
    for (const { keyspace } of cluster.running) t.match(await read(keyspace, 'k'), { ok: true, value: null });
    await until('tombstones go', () =>
      cluster.running.every(({ member }) => member.kv.tombstones.count === 0) ? true : undefined,
    );
  },
);

t.test('a down member keeps deletes from being forgotten, and is named', async (t) => {
  const cluster = await LeaderlessCluster.start({ dir: t.testdir({}) });
  t.teardown(() => cluster.close());
  const n1 = cluster.node('n1');
  await put(n1.keyspace, 'k', 'v');
  await cluster.converged();
  await cluster.stopReplica('n3');
  await del(n1.keyspace, 'k');
  await cluster.converged();
  await until('n3 is named', () => (n1.member.status().stableBlockedBy.includes('n3' as never) ? true : undefined));
  t.equal(n1.member.kv.tombstones.count, 1);
  await cluster.startReplica('n3');
  await cluster.converged();
  t.match(await read(cluster.node('n3').keyspace, 'k'), { value: null });
  await until('the tombstone goes', () => (n1.member.kv.tombstones.count === 0 ? true : undefined));
});

t.test('deleting what is not there writes nothing (decided by what is here)', async (t) => {
  const cluster = await LeaderlessCluster.start();
  t.teardown(() => cluster.close());
  const n1 = cluster.node('n1');
  const outcome = await del(n1.keyspace, 'never');
  t.match(outcome.result?.operations, [{ status: 'absent' }]);
  t.equal(outcome.dot, null);
  t.equal(n1.member.kv.vector.size, 0);
});
