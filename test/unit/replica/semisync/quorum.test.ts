import t from 'tap';
import { until } from '../../../fixtures/replica/local-cluster.js';
import { get, put } from '../../../fixtures/replica/semisync-caller.js';
import { SemisyncCluster } from '../../../fixtures/replica/semisync-cluster.js';

t.test('a change is in force for the next write, and tells what it means (ap.md §1.3.4)', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), replicas: 6, keyspace: { writeQuorum: 1 } });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  const { semisync } = keyspace;
  t.equal(semisync.followers, 5);
  const change = await semisync.setWriteQuorum(3);
  t.match(change, { before: 1, writeQuorum: 3, failoverTolerance: 2 }, '6 members, of which 4 must promise');
  t.equal(member.core?.status().writeQuorum, 3);
  t.ok(member.appliedIndex >= change.effectiveIndex, 'it is committed');
  t.match(await put(keyspace, 'a', '1'), { ok: true });
  const lowered = await semisync.setWriteQuorum(1);
  t.match(lowered, { before: 3, writeQuorum: 1, failoverTolerance: 1 });
  t.equal(member.stats.quorumChanges, 3, 'with the one that the topology asked for');
});

t.test('numbers that make no sense are refused, and so is asking a follower', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir() });
  t.teardown(() => cluster.close());
  const { semisync } = cluster.node('n1').keyspace;
  for (const number of [0, -1, 3, 1.5, Number.NaN]) {
    await t.rejects(semisync.setWriteQuorum(number), { code: 'bad_request' }, `${number}`);
  }
  const follower = cluster.node('n2').keyspace.semisync;
  await t.rejects(follower.setWriteQuorum(2), { code: 'not_leader', extra: { leader: 'n1' } });
});

t.test('with allowAsync a write quorum of 0 answers when the leader has it', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { allowAsync: true, promotion: 'manual' },
  });
  t.teardown(() => cluster.close());
  const { keyspace } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  t.match(await keyspace.semisync.setWriteQuorum(0), { before: 1, writeQuorum: 0 });
  cluster.isolate('n1');
  t.match(await put(keyspace, 'a', '2'), { ok: true }, 'nobody else hears of it');
  t.match(await get(keyspace, 'a'), { value: '2' });
});

t.test('it survives another leader and restarts, and an edited topology changes nothing', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { writeQuorum: 2 } });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  await cluster.node('n2').keyspace.semisync.promote(false);
  const { member } = await cluster.led('n2');
  t.equal(member.core?.status().writeQuorum, 2);
  cluster.edit({ writeQuorum: 1 });
  for (const id of cluster.ids) await cluster.stopReplica(id);
  for (const id of cluster.ids) await cluster.startReplica(id);
  const { keyspace, member: leader } = await cluster.led();
  t.match(await put(keyspace, 'a', '2'), { ok: true });
  t.equal(leader.core?.status().writeQuorum, 2);
});

t.test('what the topology said at first stays, also when it was 1', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { writeQuorum: 1 } });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  cluster.edit({ writeQuorum: 2 });
  for (const id of cluster.ids) await cluster.stopReplica(id);
  for (const id of cluster.ids) await cluster.startReplica(id);
  const { member } = await cluster.led();
  t.equal(member.core?.status().writeQuorum, 1);
});

t.test('it is in the checkpoint when the log does not tell of it any more', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { writeQuorum: 2 },
    storage: { retainBytes: 0 },
  });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  await cluster.converged();
  for (const { member } of cluster.running) await member.checkpointNow();
  for (const { storage } of cluster.running) {
    t.match(storage.checkpoint(cluster.node('n1').member.group).mark?.quorum, { writeQuorum: 2, forcedTerm: 0 });
  }
  for (const id of cluster.ids) await cluster.stopReplica(id);
  for (const id of cluster.ids) await cluster.startReplica(id);
  const { member, keyspace } = await cluster.led();
  t.equal(member.core?.status().writeQuorum, 2);
  await put(keyspace, 'b', '1');
  t.equal(member.stats.quorumChanges, 0, 'it was not established again');
});

t.test('a change that finds no followers is refused; one that loses them has an unknown outcome', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { maxLagMs: 5000, promotion: 'manual' },
    timing: { requestTimeoutMs: 100 },
  });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, true);
  await t.rejects(keyspace.semisync.setWriteQuorum(2), { code: 'outcome_unknown' });
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, false);
  await until('that it is committed', () => (member.core?.status().promises === 2 ? true : undefined));
  cluster.isolate('n1');
  await until('that nobody is left', () => (member.core?.status().available === 0 ? true : undefined));
  await t.rejects(keyspace.semisync.setWriteQuorum(1), { code: 'not_enough_replicas', extra: { required: 2 } });
});
