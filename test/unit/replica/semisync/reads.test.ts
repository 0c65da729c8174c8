import t from 'tap';
import { until } from '../../../fixtures/replica/local-cluster.js';
import { get, put } from '../../../fixtures/replica/semisync-caller.js';
import { SemisyncCluster } from '../../../fixtures/replica/semisync-cluster.js';

t.test('follower: whatever this member has, on every member, however old (ap.md §1.3.7)', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { promotion: 'manual' } });
  t.teardown(() => cluster.close());
  const { keyspace } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  await cluster.converged();
  cluster.isolate('n3');
  await until('that n3 is missed', () => (cluster.node('n1').member.core?.status().available === 1 ? true : undefined));
  t.match(await put(keyspace, 'a', '2'), { ok: true });
  t.match(await get(cluster.node('n3').keyspace, 'a', 'follower'), { value: '1' });
  t.match(await get(keyspace, 'a', 'follower'), { value: '2' });
});

t.test('bounded: served while it is known to be young enough, refused otherwise, with how old it may be', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { promotion: 'manual' } });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  await cluster.converged();
  const { keyspace, member } = cluster.node('n3');
  await until('that n3 knows how old it is', () => (member.stalenessMs() < 500 ? true : undefined));
  t.match(await get(keyspace, 'a', 'bounded', { maxStalenessMs: 5000 }), { value: '1' });
  t.match(await get(keyspace, 'a', 'bounded', { maxStalenessMs: 0 }), { code: 'too_stale' });
  cluster.isolate('n3');
  await until('that it is old', () => (member.stalenessMs() > 500 ? true : undefined));
  const refused = await get(keyspace, 'a', 'bounded', { maxStalenessMs: 500 });
  t.match(refused, { code: 'too_stale' });
  const told = refused.ok ? 0 : refused.error.extra?.['staleness_ms'];
  t.ok(told === null || Number(told) > 500, 'null: not even that is known, after a pause of the loop');
  const leader = cluster.node('n1');
  await until('that the leader knows', () => (leader.member.stalenessMs() < 500 ? true : undefined));
  t.match(await get(leader.keyspace, 'a', 'bounded', { maxStalenessMs: 1000 }), { value: '1' }, 'a leader as well');
});

t.test('bounded: a leader that was not confirmed within the bound asks its followers, like strong', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { promotion: 'manual' },
    timing: { requestTimeoutMs: 1000 },
  });
  t.teardown(() => cluster.close());
  const { keyspace } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  t.match(await get(keyspace, 'a', 'bounded', { maxStalenessMs: 0 }), { value: '1' });
  cluster.isolate('n1');
  // At once: a loop that stands still for long, on a busy machine, forgets when it was confirmed.
  t.match(await get(keyspace, 'a', 'bounded', { maxStalenessMs: 60_000 }), { value: '1' }, 'young enough all the same');
  t.match(await get(keyspace, 'a', 'bounded', { maxStalenessMs: 0 }), { ok: false, code: 'unconfirmed' });
});

t.test('bounded: nothing is known of a member that was just started', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { promotion: 'manual' } });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  await cluster.converged();
  await cluster.stopReplica('n2');
  await cluster.stopReplica('n1');
  await cluster.restartReplica('n3');
  const { keyspace } = cluster.node('n3');
  const refused = await get(keyspace, 'a', 'bounded', { maxStalenessMs: 3_600_000 });
  t.match(refused, { code: 'too_stale', error: { extra: { staleness_ms: null } } });
  t.match(await get(keyspace, 'a', 'follower'), { ok: true });
});

t.test('strong: a leader that nobody confirms answers nothing; leader: it does (raft.md L2)', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { promotion: 'manual' },
    timing: { requestTimeoutMs: 1000 },
  });
  t.teardown(() => cluster.close());
  const { keyspace } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  cluster.isolate('n1');
  t.match(await get(keyspace, 'a', 'strong'), { ok: false, code: 'unconfirmed' });
  t.match(await get(keyspace, 'a', 'leader'), { value: '1' });
});

t.test('leader: not before the entry that opens the epoch is acknowledged', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { writeQuorum: 2, promotion: 'manual' },
    timing: { requestTimeoutMs: 1000 },
  });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  await cluster.stopReplica('n1');
  const { keyspace, member } = cluster.node('n2');
  await keyspace.semisync.promote(false);
  t.equal(member.core?.role, 'leader');
  t.equal(member.started, false, 'one follower is not two');
  t.match(await get(keyspace, 'a', 'leader'), { ok: false, code: 'unconfirmed' });
  const patient = get(keyspace, 'a', 'leader');
  await cluster.startReplica('n1');
  t.match(await patient, { value: '1' }, 'one that waits is served when it is');
});

t.test('reads that come while nobody leads wait, and then give up; other consistencies are refused', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { promotion: 'manual' } });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  await cluster.stopReplica('n1');
  const { keyspace } = cluster.node('n2');
  await until('that the leader is missed', () => (keyspace.leader() === null ? true : undefined));
  const lost = [get(keyspace, 'a', 'leader'), get(keyspace, 'a', 'strong')];
  for (const read of lost) t.match(await read, { ok: false, code: 'no_leader' });
  const patient = [get(keyspace, 'a', 'leader'), get(keyspace, 'a', 'strong')];
  await keyspace.semisync.promote(false);
  for (const read of patient) t.match(await read, { value: '1' });
  t.match(await get(keyspace, 'a', 'linearizable' as never), { code: 'unsupported_consistency' });
});

t.test(
  'a session waits until what it has seen is applied here, and not for ever (reliability.md, read your writes)',
  async (t) => {
    const cluster = await SemisyncCluster.start({
      dir: t.testdir(),
      keyspace: { promotion: 'manual' },
      session: { waitMs: 300 },
    });
    t.teardown(() => cluster.close());
    const { keyspace } = cluster.node('n1');
    await put(keyspace, 'a', '1');
    await cluster.converged();
    cluster.network.pause(cluster.node('n3').id, true);
    const written = await put(keyspace, 'a', '2');
    const seen = { revision: written.ok ? written.revision : 0, epoch: keyspace.semisync.epoch } as never;
    const follower = cluster.node('n3').keyspace;
    t.match(await get(follower, 'a', 'follower', { seen }), { ok: false, code: 'dependencies_not_satisfied' });
    t.match(await get(follower, 'a', 'follower'), { value: '1' }, 'who has seen nothing gets what there is');
    const patient = get(follower, 'a', 'follower', { seen });
    cluster.network.pause(cluster.node('n3').id, false);
    t.match(await patient, { value: '2' });
  },
);

t.test('an epoch that is not here yet is another history, whatever its revision says', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { promotion: 'manual' },
    session: { waitMs: 200 },
  });
  t.teardown(() => cluster.close());
  await put(cluster.node('n1').keyspace, 'a', '1');
  await cluster.converged();
  const { keyspace } = cluster.node('n3');
  const seen = { revision: 1, epoch: keyspace.semisync.epoch + 64 } as never;
  t.match(await get(keyspace, 'a', 'follower', { seen }), { ok: false, code: 'dependencies_not_satisfied' });
});

t.test('states are compared at the same position of the log', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { promotion: 'manual' } });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  await cluster.converged();
  const at = (member.appliedIndex + 2) as typeof member.appliedIndex;
  const waiting = cluster.running.map((node) => node.keyspace.semisync.digestAt(at, 5000));
  for (let write = 0; write < 5; write++) await put(keyspace, 'a', `${write}`);
  const digests = await Promise.all(waiting);
  t.equal(new Set(digests.map((digest) => digest?.digest)).size, 1);
  t.match(digests, [{ index: at }, { index: at }, { index: at }]);
  t.not(digests[0]?.digest, member.digest(), 'more was applied since');
  t.equal(await keyspace.semisync.digestAt(at, 1000), null, 'it is over');
  t.match(await keyspace.semisync.digestAt(null, 0), { index: member.appliedIndex, digest: member.digest() });
  const never = (member.appliedIndex + 100) as typeof member.appliedIndex;
  t.equal(await keyspace.semisync.digestAt(never, 50), null, 'it does not come in time');
});
