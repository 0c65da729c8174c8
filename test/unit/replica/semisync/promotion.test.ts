import t from 'tap';
import { until } from '../../../fixtures/replica/local-cluster.js';
import { get, put } from '../../../fixtures/replica/semisync-caller.js';
import { SemisyncCluster } from '../../../fixtures/replica/semisync-cluster.js';

t.test(
  'auto: a follower takes the place of a leader that is gone, with all that was acknowledged (§1.3.5)',
  async (t) => {
    const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { writeQuorum: 1 } });
    t.teardown(() => cluster.close());
    t.match(await put(cluster.node('n1').keyspace, 'a', '1'), { ok: true });
    await cluster.stopReplica('n1');
    const { keyspace, id } = await cluster.led(undefined, 0);
    t.not(id, 'n1');
    t.match(await get(keyspace, 'a'), { value: '1' });
    await cluster.startReplica('n1');
    await cluster.led(id);
    t.match(await put(keyspace, 'a', '2'), { ok: true });
    await cluster.converged();
  },
);

t.test('auto, and too few promises: nobody leads, because something acknowledged might be lost', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), replicas: 4, keyspace: { writeQuorum: 1 } });
  t.teardown(() => cluster.close());
  t.match(await put(cluster.node('n1').keyspace, 'a', '1'), { ok: true });
  await cluster.stopReplica('n1');
  await cluster.stopReplica('n4');
  const { keyspace } = cluster.node('n2');
  await t.rejects(keyspace.semisync.promote(false), { code: 'not_enough_promises', extra: { required: 3 } });
  await until('that the leader is missed', () => (keyspace.leader() === null ? true : undefined));
  t.match(await put(keyspace, 'a', '2'), { ok: false, code: 'no_leader' }, 'after it has waited for one');
  await cluster.startReplica('n4');
  await cluster.led(undefined, 1);
});

t.test('manual: nobody stands by itself, an operator promotes; the old leader comes back as a follower', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { writeQuorum: 1, promotion: 'manual' },
  });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  const before = cluster.node('n2').member.core?.term;
  await cluster.stopReplica('n1');
  const { member, keyspace } = cluster.node('n2');
  await until('that the leader is missed', () => (member.core?.leader === null ? true : undefined));
  t.equal(member.core?.term, before);
  const promotion = await keyspace.semisync.promote(false);
  t.match(promotion, { leader: 'n2', required: 2, promised: ['n2', 'n3'], lossPossible: false });
  t.match(await keyspace.semisync.promote(false), { leader: 'n2', epoch: promotion.epoch }, 'it leads already');
  await cluster.led('n2', 1);
  await cluster.startReplica('n1');
  await cluster.led('n2', 2);
  t.match(await get(cluster.node('n1').keyspace, 'a'), { ok: false, code: 'not_leader' });
});

t.test('a live leader is replaced at an operator’s wish, and what it had under way is unknown at once', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { writeQuorum: 2, maxLagMs: 5000, promotion: 'manual' },
    timing: { requestTimeoutMs: 60_000 },
  });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  cluster.network.pause(cluster.node('n3').id, true);
  const open = put(keyspace, 'a', '2');
  const change = keyspace.semisync.setWriteQuorum(1).catch((error: unknown) => error);
  await until('that it is appended', () =>
    (member.core?.lastIndex ?? 0) >= member.appliedIndex + 2 ? true : undefined,
  );
  void cluster
    .node('n2')
    .keyspace.semisync.promote(false)
    .catch(() => undefined);
  await until('that it was deposed', () => (member.core?.role === 'leader' ? undefined : true));
  t.match(await open, { ok: false, code: 'outcome_unknown' }, 'long before its deadline');
  t.match(await change, { code: 'outcome_unknown' });
  t.match(await put(keyspace, 'a', '3'), { ok: false }, 'fenced');
  cluster.network.pause(cluster.node('n3').id, false);
  await cluster.led('n2');
});

t.test('a deposed leader’s tail is in a file before it leaves the log, and is listed (§1.3.6)', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { writeQuorum: 2, maxLagMs: 5000, promotion: 'manual' },
    timing: { requestTimeoutMs: 100 },
  });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, true);
  const from = (member.core?.lastIndex ?? 0) + 1;
  t.match(await put(keyspace, 'a', 'lost'), { ok: false, code: 'outcome_unknown' });
  cluster.isolate('n1');
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, false);
  const { epoch } = await cluster.node('n2').keyspace.semisync.promote(false);
  cluster.isolate('n1', false);
  await cluster.led('n2', 2);
  await cluster.converged();
  const [failover] = await keyspace.semisync.failovers();
  t.match(failover, { epoch, leader: 'n2', before: 'n1', forced: false });
  t.match(failover?.discarded, {
    fromIndex: from,
    toIndex: from,
    entries: 1,
    writes: 1,
    acknowledged: 0,
    maybeAcknowledged: 0,
    certain: true,
  });
  t.equal(failover?.discarded?.file, `epoch-${epoch}-${from}-${from}.log`);
  const lost = await keyspace.semisync.lostWrites(failover?.discarded?.file ?? '');
  t.match(lost?.commands, [{ index: from, command: { operations: [{ op: 'put', key: 'a' }] } }]);
  t.equal(await keyspace.semisync.lostWrites('../IDENTITY'), null);
  t.equal(cluster.node('n1').member.stats.discardedUnacked, 1);
  t.match(await cluster.node('n3').keyspace.semisync.failovers(), [{ epoch, discarded: null }, { leader: 'n1' }]);
  await cluster.restartReplica('n1');
  t.match((await cluster.node('n1').keyspace.semisync.failovers())[0]?.discarded, { fromIndex: from });
});
