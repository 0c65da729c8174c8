import t from 'tap';
import { until } from '../../../fixtures/replica/local-cluster.js';
import { get, put, submit } from '../../../fixtures/replica/semisync-caller.js';
import { SemisyncCluster } from '../../../fixtures/replica/semisync-cluster.js';

/** Only n1 leads, whatever happens to it. */
const STEADY = { promotion: 'manual' };

t.test('a write is answered when W followers have it, and is read back (ap.md §1.3.2)', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { writeQuorum: 2 } });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  t.match(await put(keyspace, 'a', '1'), { ok: true });
  t.match(await get(keyspace, 'a'), { ok: true, value: '1' });
  t.match(await get(keyspace, 'a', 'strong'), { ok: true, value: '1' });
  t.equal(member.core?.status().writeQuorum, 2, 'what the topology says is in force for the first write');
  await cluster.converged();
  t.match(await get(cluster.node('n3').keyspace, 'a', 'follower'), { ok: true, value: '1' });
});

t.test('too few available followers: refused before anything is appended (ap.md §1.3.2 step 0)', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { writeQuorum: 2, ...STEADY } });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  cluster.isolate('n3');
  await until('that one follower is left', () => (member.core?.status().available === 1 ? true : undefined));
  const before = member.core?.lastIndex;
  const refused = await put(keyspace, 'a', '2');
  t.match(refused, { ok: false, code: 'not_enough_replicas', error: { extra: { available: 1, required: 2 } } });
  t.equal(member.core?.lastIndex, before);
  t.equal(member.stats.refusedNotEnoughReplicas, 1);
  t.match(await get(keyspace, 'a'), { ok: true, value: '1' }, 'reads go on');
});

t.test('the leader alone refuses the first write as well, before it knows any write quorum', async (t) => {
  const cluster = SemisyncCluster.prepare({ dir: t.testdir(), keyspace: { writeQuorum: 1, ...STEADY } });
  t.teardown(() => cluster.close());
  for (const id of cluster.ids) await cluster.startReplica(id);
  await cluster.led('n1');
  cluster.isolate('n1');
  const { keyspace, member } = cluster.node('n1');
  await until('that nobody is left', () => (member.core?.status().available === 0 ? true : undefined));
  t.match(await put(keyspace, 'a', '1'), { ok: false, code: 'not_enough_replicas' });
});

t.test('a deadline tells how many have it, and the write may be committed later (step 3b)', async (t) => {
  const cluster = await SemisyncCluster.start({
    dir: t.testdir(),
    keyspace: { writeQuorum: 2, maxLagMs: 5000, ...STEADY },
    timing: { requestTimeoutMs: 100 },
  });
  t.teardown(() => cluster.close());
  const { keyspace, member } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  cluster.network.pause(cluster.node('n3').id, true);
  const late = await put(keyspace, 'a', '2');
  t.match(late, { ok: false, code: 'outcome_unknown', error: { extra: { acks: 1, required: 2 } } });
  t.match(late.ok ? '' : late.error.message, /^1 of 2 followers have acknowledged it/);
  t.match(await get(keyspace, 'a'), { value: '1' }, 'it is not visible before it is acknowledged');
  cluster.network.pause(cluster.node('n3').id, false);
  await until('that it is committed', () => (member.appliedIndex === member.core?.lastIndex ? true : undefined));
  t.match(await get(keyspace, 'a'), { value: '2' });
});

t.test('followers take no writes and say who leads', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir() });
  t.teardown(() => cluster.close());
  const { keyspace } = cluster.node('n2');
  t.match(await put(keyspace, 'a', '1'), { ok: false, code: 'not_leader', error: { extra: { leader: 'n1' } } });
  t.match(await get(keyspace, 'a'), { ok: false, code: 'not_leader', error: { extra: { leader: 'n1' } } });
  t.match(await get(keyspace, 'a', 'strong'), { ok: false, code: 'not_leader' });
  t.match(keyspace.leader(), { id: 'n1', isSelf: false });
});

t.test(
  'a retry with the same client id and sequence number is done once, also by another leader (raft.md X1)',
  async (t) => {
    const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { writeQuorum: 2 } });
    t.teardown(() => cluster.close());
    const command = {
      operations: [{ op: 'increment', key: 'n', delta: 1n } as const],
      session: { clientId: 'c', seq: 1 },
    };
    t.match(await submit(cluster.node('n1').keyspace, command), { ok: true, result: { duplicate: false } });
    await cluster.node('n2').keyspace.semisync.promote(false);
    await cluster.led('n2');
    t.match(await submit(cluster.node('n2').keyspace, command), { ok: true, result: { duplicate: true } });
    t.match(await get(cluster.node('n2').keyspace, 'n'), { value: '1' });
  },
);

t.test('writes that come while nobody leads wait for the leader, in order, and then give up', async (t) => {
  const cluster = SemisyncCluster.prepare({ dir: t.testdir() });
  t.teardown(() => cluster.close());
  await cluster.startReplica('n1');
  const { keyspace, member } = cluster.node('n1');
  const first = put(keyspace, 'a', '1');
  const second = put(keyspace, 'a', '2');
  t.ok(member.writes.pendingBatches > 0);
  await cluster.startReplica('n2');
  await cluster.startReplica('n3');
  const answers = await Promise.all([first, second]);
  for (const answer of answers) t.ok(answer.ok || answer.code === 'not_enough_replicas', 'nobody had acknowledged yet');
  await cluster.led('n1');
  t.match(await put(keyspace, 'a', '3'), { ok: true });
});

t.test('whatever waits when the replica stops is answered', async (t) => {
  const cluster = await SemisyncCluster.start({ dir: t.testdir(), keyspace: { maxLagMs: 5000, ...STEADY } });
  t.teardown(() => cluster.close());
  const { keyspace } = cluster.node('n1');
  await put(keyspace, 'a', '1');
  for (const id of ['n2', 'n3']) cluster.network.pause(cluster.node(id).id, true);
  const write = put(keyspace, 'a', '2');
  const read = get(keyspace, 'a', 'strong');
  const change = keyspace.semisync.setWriteQuorum(2).catch((error: unknown) => error);
  const digest = keyspace.semisync.digestAt(1000 as never, 60_000);
  await new Promise((resolve) => setImmediate(resolve));
  await cluster.stopReplica('n1');
  t.match(await write, { ok: false, code: 'outcome_unknown' });
  t.match(await read, { ok: false, code: 'draining' });
  t.match(await change, { code: 'outcome_unknown' });
  t.equal(await digest, null);
  t.match(await put(keyspace, 'a', '3'), { ok: false, code: 'draining' });
});
