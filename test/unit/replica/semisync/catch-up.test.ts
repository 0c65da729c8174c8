import t from 'tap';
import { get, put } from '../../../fixtures/replica/semisync-caller.js';
import { FEED, SemisyncCluster } from '../../../fixtures/replica/semisync-cluster.js';

t.test(
  'a follower that was away for long is brought up by a full sync, and goes on from there (ap.md §1.3.3)',
  async (t) => {
    const cluster = await SemisyncCluster.start({ dir: t.testdir(), storage: { retainBytes: 0 } });
    t.teardown(() => cluster.close());
    const { keyspace, member } = cluster.node('n1');
    await put(keyspace, 'a', '1');
    await cluster.stopReplica('n3');
    for (let at = 0; at < 4; at++) t.match(await put(keyspace, `large${at}`, 'x'.repeat(300_000)), { ok: true });
    await member.checkpointNow();
    t.ok((member.core?.firstIndex ?? 0) > 2, 'the log was cut');
    await cluster.startReplica('n3');
    await cluster.led('n1', 2);
    await cluster.converged();
    t.equal(cluster.node('n3').member.stats.snapshotsReceived, 1);
    // Its log could not be compared with one that was cut: what it had is kept, and nobody says that it was lost.
    t.ok(cluster.node('n3').discarded.every(({ beforeLog, certain }) => !certain && !beforeLog));
    t.equal(cluster.node('n3').member.stats.discardedAcked, 0);
    t.match(await put(keyspace, 'b', '1'), { ok: true });
    await cluster.converged();
  },
);

t.test('everything is there after all have stopped, from log and checkpoint', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { writeQuorum: 2 } });
  t.teardown(() => cluster.close());
  for (let at = 0; at < 20; at++) await put(cluster.node('n1').keyspace, `k${at}`, `${at}`);
  await cluster.converged();
  await cluster.node('n1').member.checkpointNow();
  await put(cluster.node('n1').keyspace, 'last', '1');
  const revision = cluster.node('n1').member.revision;
  for (const id of cluster.ids) await cluster.stopReplica(id);
  for (const id of cluster.ids) await cluster.startReplica(id);
  const { keyspace, member } = await cluster.led();
  t.equal(member.revision, revision);
  t.match(await get(keyspace, 'last', 'strong'), { value: '1' });
  t.match(await get(keyspace, 'k7', 'strong'), { value: '7' });
  await cluster.converged();
});

t.test(
  'a leader that starts again leads again by itself, with another epoch, also where only operators promote',
  async (t) => {
    const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { promotion: 'manual' } });
    t.teardown(() => cluster.close());
    await put(cluster.node('n1').keyspace, 'a', '1');
    const before = cluster.node('n1').member.core?.term ?? 0;
    await cluster.restartReplica('n1');
    const { keyspace, member } = await cluster.led('n1', 2);
    t.ok((member.core?.term ?? 0) > before, 'a ballot is used once');
    t.match(await get(keyspace, 'a', 'strong'), { value: '1' });
    t.match(await keyspace.semisync.failovers(), [{ leader: 'n1', before: 'n1', forced: false }, { leader: 'n1' }]);
  },
);

t.test('a group of one serves, and one of two needs both', async (t) => {
  const alone = await SemisyncCluster.start({
    dir: t.testdir({}),
    replicas: 1,
    keyspace: { writeQuorum: 0, allowAsync: true },
  });
  t.teardown(() => alone.close());
  t.match(await put(alone.node('n1').keyspace, 'a', '1'), { ok: true });
  t.match(await get(alone.node('n1').keyspace, 'a', 'strong'), { value: '1' });
  t.match(alone.node('n1').keyspace.memberships().latest.membership.voters, ['n1']);
});

t.test('the members are those that the cluster was formed with', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), replicas: 2 });
  t.teardown(() => cluster.close());
  const { keyspace, member, storage } = cluster.node('n1');
  t.same(keyspace.memberships().committed.membership.voters, ['n1', 'n2']);
  t.equal(member.standing, 'voter');
  t.equal(keyspace.semisync.followers, 1);
  await t.rejects(keyspace.changeMembership(), { code: 'unsupported_by_engine' });
  await t.rejects(keyspace.transferLeader('n2' as never), { code: 'unsupported_by_engine' });
  t.match(storage.log.recovered.get(FEED) ?? null, null, 'a fresh folder');
  t.match(keyspace.status(), { engine: { engine: 'semisync', role: 'leader' }, keyspace: 'feed', partition: 0 });
});

t.test('without disks, who comes back with nothing is brought up again, follower or leader', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), memory: true });
  t.teardown(() => cluster.close());
  t.match(await put(cluster.node('n1').keyspace, 'a', '1'), { ok: true });
  await cluster.converged();
  await cluster.restartReplica('n3');
  await cluster.led('n1', 2);
  t.match(await put(cluster.node('n1').keyspace, 'b', '1'), { ok: true });
  await cluster.converged();
  await cluster.restartReplica('n1');
  const { keyspace } = await cluster.led();
  t.match(await get(keyspace, 'b', 'strong'), { value: '1' });
  t.match(await put(keyspace, 'c', '1'), { ok: true });
  await cluster.converged();
  t.equal(cluster.running.length, 3, 'nobody took the empty log for a disk that was wiped');
});
